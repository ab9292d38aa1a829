"""What Label Studio says of its version, and that the range that is named is the range that is run."""

import re
from pathlib import Path

import pytest
from packaging.version import Version

from wholebody.label_studio.releases import NEWEST, OLDEST, TAGS, read_release

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("answer", "release"),
    [
        ({"release": "1.23.2", "edition": "Community"}, "1.23.2"),
        ({"release": "1.14.0.post0"}, "1.14.0.post0"),
        ({"release": "develop"}, None),
        ({"release": None}, None),
        ({}, None),
        ([], None),
        ("1.23.2", None),
    ],
)
def test_the_release_is_read(answer: object, release: str | None) -> None:
    assert read_release(answer) == (release and Version(release))


def test_the_newest_is_the_one_that_the_tests_run_with() -> None:
    pinned = re.search(r"^label-studio==(\S+)", (ROOT / "requirements-label-studio.in").read_text(), re.MULTILINE)
    assert pinned
    assert Version(pinned[1]) == NEWEST


def test_the_oldest_is_the_one_that_make_takes() -> None:
    given = re.search(r"^VERSION \?= (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert given
    assert Version(given[1]) == OLDEST
    assert all(tag == tag.lower() and since > OLDEST for tag, since in TAGS.items())
