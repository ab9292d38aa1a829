"""What came with which release of Label Studio, and which releases this project was tried with. Asks nobody itself."""

from typing import Final

from packaging.version import InvalidVersion, Version

OLDEST, NEWEST = Version("1.13.1"), Version("1.23.2")
"""The range that the tests with a real Label Studio are run against; docs/compatibility.md has the releases."""

PERSONAL_TOKENS: Final = Version("1.17.0")
"""Since then users have personal access tokens; before, one access token each, which later is called legacy."""

LOCAL_BACKENDS_REFUSED: Final = Version("1.23.1")
"""Since then backends on loopback and private addresses are refused unless told otherwise; before, only when told."""

FIRST_ON_TOP: Final = Version("1.21.0")
"""Since then the editor shows the first region of a prediction on top, before the last."""

TAGS: Final = {
    "bitmask": Version("1.21.0"),
    "bitmasklabels": Version("1.21.0"),
    "custominterface": Version("1.22.0"),
    "markdown": Version("1.22.0"),
    "multichannel": Version("1.20.0"),
    "pdf": Version("1.19.0"),
    "timelinelabels": Version("1.14.0"),
    "vector": Version("1.22.0"),
    "vectorlabels": Version("1.22.0"),
}
"""Tags of labeling configs, in lower case, that the editor of `OLDEST` does not have. Servers take them all the same,
and then the editor opens no task of the project."""


def read_release(answer: object) -> Version | None:
    """The release that Label Studio's answer about its version names; `None` where it names none."""
    release = answer.get("release") if isinstance(answer, dict) else None
    try:
        return Version(str(release)) if release else None
    except InvalidVersion:
        return None
