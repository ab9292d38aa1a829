"""What annotators do in the same way each time, and how their own sigmas lie beside COCO's."""

from dataclasses import dataclass
from math import hypot
from statistics import median
from typing import Any, Final

from wholebody.evaluation.report.words import within
from wholebody.keypoints import NAMES, PART_SLICES

FEWEST: Final = 10
"""Points on which a habit rests."""

LEAST_OFFSET: Final = 0.01
"""Shares of the box from which an offset is told."""

MOST_OFFSETS: Final = 3


@dataclass(frozen=True, slots=True)
class Habit:
    """A keypoint that an annotator puts elsewhere than the others: its name and offset."""

    keypoint: str
    offset: dict[str, Any]


def habits_of(annotators: Any) -> dict[str, list[Habit]]:
    """Of each annotator who has some: their largest offsets that are no accident, longer than half of their noise."""
    found = {name: _habits(within(one, "offsets") or {}) for name, one in (annotators or {}).items()}
    return {name: some for name, some in found.items() if some}


def _habits(offsets: dict[str, Any]) -> list[Habit]:
    found = []
    for name, one in offsets.items():
        x, y, noise = (within(one, key) for key in ("x", "y", "noise"))
        if x is None or y is None or (one.get("count") or 0) < FEWEST:
            continue
        length = hypot(x, y)
        if length >= max(LEAST_OFFSET, (noise or 0.0) / 2):
            found.append((-length, name, one))
    return [Habit(name, one) for _, name, one in sorted(found, key=lambda one: one[:2])[:MOST_OFFSETS]]


@dataclass(frozen=True, slots=True)
class PartSigmas:
    """The sigmas of a part's keypoints: how many were measured, and the medians of the team's and of COCO's."""

    part: str
    count: int
    own: float
    coco: float


def part_sigmas(sigmas: Any) -> list[PartSigmas]:
    """Of each part that has any."""
    rows = []
    for part, span in PART_SLICES.items():
        found = [one for name in NAMES[span] if within(one := within(sigmas, name), "sigma") is not None]
        if found:
            own, coco = (float(median(one[key] for one in found)) for key in ("sigma", "coco"))
            rows.append(PartSigmas(part.value, len(found), own, coco))
    return rows
