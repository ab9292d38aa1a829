"""The documentation holds: generated parts are current, and what it names is there."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from docs import generate
from wholebody.settings import variables

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/api.md", "SECURITY.md")

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`([\w./-]*\w\.(?:py|txt|md|yml|toml|in|onnx|png|sh|env))`")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")

MADE_BY_USERS = {"my.onnx", "end2end.onnx", "pose.onnx"}
OTHER_VARIABLES = {
    # Label Studio's own
    "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS",
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED",
    "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT",
    "LABEL_STUDIO_ML_TIMEOUT_PREDICT",
    # of libraries
    "REQUESTS_CA_BUNDLE",
    "NO_PROXY",
    "ORT_DISABLE_TELEMETRY",
    # of docker-compose.yml
    "MEMORY_LIMIT",
    # of this repository's tools and tests
    "LABEL_STUDIO_VENV",
    "WHOLEBODY_TESTDATA",
    "FUZZ_CASES",
    # not variables: a format of Label Studio, a constant
    "JSON_MIN",
    "POLL_S",
}


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The fragments that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_generated_parts_are_current() -> None:
    assert generate.render(README) == README, "run `make docs`"


def test_check_says_that_all_is_current() -> None:
    result = CliRunner().invoke(generate.main, ["--check"])
    assert (result.exit_code, result.output) == (0, "README.md is up to date.\napi.md is up to date.\n")


def test_a_stale_readme_is_told_and_then_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "README.md"
    stale.write_text(README.replace("| `PORT` | `9090` |", "| `PORT` | `9091` |"), encoding="utf-8")
    monkeypatch.setattr(generate, "README", stale)
    checked = CliRunner().invoke(generate.main, ["--check"])
    assert (checked.exit_code, checked.output) == (1, "Error: README.md is not up to date; run `make docs`\n")
    assert CliRunner().invoke(generate.main, []).exit_code == 0
    assert stale.read_text(encoding="utf-8") == README


def test_a_stale_page_of_the_api_is_told_and_then_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = generate.API.read_text(encoding="utf-8")
    stale = tmp_path / "api.md"
    stale.write_text(current.replace("| 422 |", "| 423 |"), encoding="utf-8")
    monkeypatch.setattr(generate, "API", stale)
    checked = CliRunner().invoke(generate.main, ["--check"])
    told = "README.md is up to date.\nError: api.md is not up to date; run `make docs`\n"
    assert (checked.exit_code, checked.output) == (1, told)
    assert CliRunner().invoke(generate.main, []).exit_code == 0
    assert stale.read_text(encoding="utf-8") == current


@pytest.mark.parametrize("marker", ["<!-- generated: settings -->", "<!-- end: help config -->"])
def test_a_missing_marker_is_an_error(marker: str) -> None:
    with pytest.raises(click.ClickException, match=r"must have .* once, on lines of their own"):
        generate.render(README.replace(marker, ""))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = read(document)
    for target in LINK.findall(CODE.sub("", text)):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        assert not path or (ROOT / path).exists(), target
        if fragment:
            assert fragment in anchors(read(path or document)), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    for name in set(FILE.findall(read(document))) - MADE_BY_USERS:
        assert (ROOT / name).exists() or [*(ROOT / "wholebody").rglob(name)], name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    targets = set(re.findall(r"^([\w.-]+):", read("Makefile"), re.MULTILINE))
    named = {target for code in CODE.findall(read(document)) for target in re.findall(r"\bmake ([\w.-]+)", code)}
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_variables_are_known(document: str) -> None:
    assert set(VARIABLE.findall(read(document))) <= variables().keys() | OTHER_VARIABLES


def test_every_command_and_setting_is_in_the_readme() -> None:
    assert all(name in README for name in variables())


def test_every_module_is_in_the_architecture() -> None:
    text = read("ARCHITECTURE.md")
    missing = []
    for path in (ROOT / "wholebody").rglob("*.py"):
        folder = path.parent.relative_to(ROOT).as_posix()
        if folder in ("wholebody/checks", "wholebody/figures"):
            continue  # named as folders
        section = text.partition(f"**`{folder}/`**")[2].partition("**`")[0]
        if path.name != "__init__.py" and f"`{path.name}`" not in section:
            missing.append(f"{folder}/{path.name}")
    assert missing == []
