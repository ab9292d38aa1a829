"""Which of a task's predictions are too many: equal ones of one model version, and those that were replaced."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from wholebody.versions import is_ours

TOLERANCE = 0.1
"""Two runs of one model may differ by so much, in percent of the image: a hundred times what was ever seen."""

_NAMES = ("id", "parentID")
"""What is made anew in each prediction, and says nothing of what is in the picture."""


IsReplaced = Callable[[dict[str, Any]], bool]
"""Whether a prediction makes room for a new one, and counts as none until then."""


def is_never_replaced(prediction: dict[str, Any]) -> bool:
    """No prediction makes room."""
    return False


def is_outdated(prediction: dict[str, Any], version: str, fits: Callable[[object], bool]) -> bool:
    """Whether a prediction is of another version of this project's model, or of this one but for another config.

    Args:
        prediction: As Label Studio has it. Those of other tools never are outdated.
        version: This version.
        fits: Whether a `result` fits the project's labeling config.
    """
    made_by = prediction.get("model_version")
    return not fits(prediction.get("result")) if made_by == version else is_ours(made_by)


def of_version(predictions: Iterable[dict[str, Any]], version: str, is_replaced: IsReplaced) -> list[dict[str, Any]]:
    """The predictions of a model version that are not to make room."""
    return [one for one in predictions if one.get("model_version") == version and not is_replaced(one)]


def surplus(predictions: Iterable[dict[str, Any]], version: str, is_replaced: IsReplaced) -> list[dict[str, Any]]:
    """What may be deleted of a task's predictions; at least one of `version` stays, where there is one.

    Args:
        predictions: All that the task has.
        version: The model version of which one is enough. Of equal ones the oldest stays.
        is_replaced: What makes room for it.
    """
    kept: list[dict[str, Any]] = []
    too_many: list[dict[str, Any]] = []
    ordered = sorted(predictions, key=lambda one: int(one["id"]))
    for one in of_version(ordered, version, is_replaced):
        is_copy = any(alike(one.get("result"), other.get("result")) for other in kept)
        (too_many if is_copy else kept).append(one)
    if kept:
        too_many += [one for one in ordered if is_replaced(one)]
    return too_many


def alike(one: Any, other: Any) -> bool:
    """Whether two results show the same, whatever their regions' ids."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() - _NAMES
        return keys == other.keys() - _NAMES and all(alike(one[key], other[key]) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=0.0, abs_tol=TOLERANCE)
    return bool(one == other)
