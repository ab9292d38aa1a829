"""Which keypoints, body parts or persons a `<Label>` stands for. Knows no controls and no images."""

from collections.abc import Callable
from typing import Any, TypeVar

from wholebody.keypoints import NAMES
from wholebody.labeling.skeletons import SKELETONS

MAX_DIGITS = 9
PERSON_NAMES = frozenset({"person", "people", "human"})

K = TypeVar("K", int, str)


def keypoints_of(label: Any) -> list[int]:
    """By `predicted_values`, else by its names, else by its `model_index`, which counts only without the first."""
    named = _named(label, _INDEX_OF)
    if named or _predicted_values(label):
        return named
    index = label.get("model_index", "")
    # Python refuses to read a number of thousands of digits.
    return [int(index)] if index.isdecimal() and len(index) <= MAX_DIGITS and int(index) < len(NAMES) else []


def skeletons_of(label: Any) -> list[str]:
    """Keys of `SKELETONS`, by `predicted_values`, else by its names."""
    return _named(label, _SKELETON_OF)


def names_person(name: str) -> bool:
    """Whether a label's name, as a region carries it, is a person's."""
    return _plain(name) in PERSON_NAMES


def is_person(label: Any) -> bool:
    """Whether one of its names or `predicted_values` is a person's."""
    return not PERSON_NAMES.isdisjoint(_plain(name) for name in (*_predicted_values(label), *_names(label)))


def emitted(label: Any) -> str:
    """What a region must carry: the alias, where a label has one."""
    return str(label.get("alias") or label.get("value") or "")


def match_labels(
    labels: list[Any], stands_for: Callable[[Any], list[K]], taken: set[K]
) -> tuple[dict[K, str], tuple[str, ...]]:
    """What labels stand for -> the label, without what is `taken`, which is added to; and the labels left over."""
    matched: dict[K, str] = {}
    unmatched = []
    for label in labels:
        found = [one for one in stands_for(label) if one not in taken]
        if not found:
            unmatched.append(emitted(label))
        for one in found:
            matched[one] = emitted(label)
            taken.add(one)
    return matched, tuple(unmatched)


def _named(label: Any, known: dict[str, K]) -> list[K]:
    for names in (_predicted_values(label), _names(label)):
        found = [known[_plain(name)] for name in names if _plain(name) in known]
        if found:
            return found
    return []


def _predicted_values(label: Any) -> list[str]:
    return [value for value in label.get("predicted_values", "").split(",") if value.strip()]


def _names(label: Any) -> list[str]:
    return [label.get("alias", ""), label.get("value", "")]


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c not in " -_")


_INDEX_OF = {_plain(name): index for index, name in enumerate(NAMES)}
_SKELETON_OF = {_plain(name): name for name in SKELETONS}
