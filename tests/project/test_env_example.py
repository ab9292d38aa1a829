import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from wholebody.settings import Settings, load_settings

EXAMPLE = (Path(__file__).resolve().parents[2] / ".env.example").read_text(encoding="utf-8")
ASSIGNMENT = re.compile(r"^#?([A-Z_]+)=", re.MULTILINE)

FILLED_IN = {"label_studio_url": "http://localhost:8080", "task_limit": None}
"""What differs from the defaults in a fresh copy."""


def variable(field: str) -> str:
    """The name under which a setting is documented: its first one."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field.upper()


def test_every_setting_is_named_exactly_once() -> None:
    assert sorted(ASSIGNMENT.findall(EXAMPLE)) == sorted(map(variable, Settings.model_fields))


@pytest.mark.parametrize("text", [EXAMPLE, ASSIGNMENT.sub(r"\1=", EXAMPLE)], ids=["as it is", "all lines in use"])
def test_a_fresh_copy_parses_and_shows_the_defaults(text: str, dot_env: Path) -> None:
    default = load_settings()
    dot_env.write_text(text, encoding="utf-8")
    assert load_settings() == default.model_copy(update=FILLED_IN)
