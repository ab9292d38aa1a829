"""The person boxes that a task already carries. Knows no pixels."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from wholebody.errors import RequestError
from wholebody.labeling.prompts import drawn_box
from wholebody.labeling.targets import BoxControl, ImageTarget
from wholebody.poses import Floats
from wholebody.versions import is_ours

log = logging.getLogger(__name__)

DRAWN_SCORE = 1.0
"""Score of a person box that a person drew, and of one whose model told none."""


@dataclass(frozen=True, slots=True)
class TaskBoxes:
    """Boxes of `n` people.

    Attributes:
        fractions: `(n, 4)` float32 left, top, right, bottom in fractions of the image's width and height.
        scores: `(n,)` float32, 0..1.
        are_drawn: Whether a person made them, or has at least looked at them.
    """

    fractions: Floats
    scores: Floats
    are_drawn: bool


def read_task_boxes(
    task: dict[str, Any], target: ImageTarget, max_people: int, item_index: int | None = None
) -> TaskBoxes | None:
    """The person boxes on one image of a task, or on one page of it; `None` where it has none.

    Those of the newest annotation that has any, else of the newest draft, else of the newest prediction of another
    model. A box is a region of type `rectanglelabels` on the image, with the label that the labeling config has for
    people. What is none, or none that can be read, is passed over: Label Studio lets anybody store anything. Of more
    than `max_people` the best-scored are kept.
    """
    if target.box is None:
        return None
    for regions, are_drawn in _by_trust(task):
        found = [*_person_boxes(regions, target.name, target.box, item_index or 0)]
        if found:
            if len(found) > max_people:
                log.warning("task %s has %d boxes, %d kept (MAX_PEOPLE)", task.get("id"), len(found), max_people)
            rows = np.array(sorted(found, key=lambda box: -box[4])[:max_people], np.float32)
            return TaskBoxes(rows[:, :4], rows[:, 4], are_drawn)
    return None


def no_task_boxes(task: dict[str, Any], target: ImageTarget, max_people: int, item_index: int | None = None) -> None:
    """Those that are taken where TASK_BOXES is off: none."""


def _by_trust(task: dict[str, Any]) -> Iterator[tuple[list[Any], bool]]:
    """The regions of each annotation, draft and prediction that may say where people are; whether they were drawn."""
    for key in ("annotations", "drafts", "predictions"):
        are_drawn = key != "predictions"
        for entry in _newest_first(task.get(key)):
            if (are_drawn or not is_ours(entry.get("model_version"))) and not entry.get("was_cancelled"):
                yield entry["result"], are_drawn


def _newest_first(entries: object) -> Iterable[dict[str, Any]]:
    entries = entries if isinstance(entries, list) else []
    found = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("result"), list)]
    return sorted(found, key=lambda entry: entry["id"] if isinstance(entry.get("id"), int) else 0, reverse=True)


def _person_boxes(regions: list[Any], image: str, control: BoxControl, item_index: int) -> Iterator[tuple[float, ...]]:
    """Left, top, right, bottom and score of each."""
    there = [r for r in regions if isinstance(r, dict) and r.get("to_name") == image]
    shape, kind = ("rectanglelabels", "rectanglelabels") if control.labels_name is None else ("rectangle", "labels")
    # A tool without labels has its label in a second result with the same id.
    labelled = {str(r.get("id")) for r in there if r.get("type") == kind and control.label in _labels(r, kind)}
    for region in there:
        is_person = control.label in _labels(region, kind) if kind == shape else str(region.get("id")) in labelled
        if region.get("type") == shape and is_person and (region.get("item_index") or 0) == item_index:
            with suppress(RequestError):
                left, top, right, bottom = drawn_box(region)
                if left < right and top < bottom:
                    yield left, top, right, bottom, _score(region.get("score"))


def _labels(region: dict[str, Any], kind: str) -> list[Any]:
    value = region.get("value")
    labels = value.get(kind) if isinstance(value, dict) else None
    return labels if isinstance(labels, list) else []


def _score(given: object) -> float:
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    return DRAWN_SCORE
