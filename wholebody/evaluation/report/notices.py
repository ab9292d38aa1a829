"""What the report says to look at first: a sentence each, most telling first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from wholebody.evaluation.report.keypoint_table import KeypointRow
from wholebody.evaluation.report.measure import Measure
from wholebody.evaluation.report.words import counted, part_name, percent, within

WORST_NAMED: Final = 3

OFFSET_NAMED: Final = 0.02
"""Shares of the box by which a keypoint must be off in one direction to be named."""

FEWEST_FOR_OFFSET: Final = 20
"""Points on which such a keypoint rests."""

DISHONEST: Final = 0.1
"""Expected calibration error from which a part is named."""

DIRECTIONS: Final = (("x", "too far right", "too far left"), ("y", "too low", "too high"))
"""Where a prediction lies whose offset is positive, and where if it is negative: y grows downwards."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to look at, and the part of the page that shows it."""

    text: str
    anchor: str


def notices(version: dict[str, Any], rows: list[KeypointRow], measure: Measure) -> Iterator[Notice]:
    """What is worth a sentence of a model version.

    Args:
        version: Its numbers.
        rows: The keypoints from worst to best.
        measure: What a good point is.
    """
    yield from _parts(version, measure)
    named = [row.name for row in rows[:WORST_NAMED] if not row.is_rare and (measure.of(row.points) or 0) < 1]
    if named:
        yield Notice(f"Worst keypoints: {', '.join(named)}.", "keypoints")
    yield from _offset(rows)
    if swaps := version.get("swaps"):
        yield Notice(f"Left and right were the wrong way round on {counted(swaps, 'person', 'people')}.", "models")
    if fast := version.get("unchanged_fast"):
        yield Notice(f"{counted(fast, 'task')} submitted unchanged within seconds: was anybody looking?", "models")
    yield from _scores(version)


def _parts(version: dict[str, Any], measure: Measure) -> Iterator[Notice]:
    entries = within(version, "points", "parts") or {}
    good = {part: share for part, points in entries.items() if (share := measure.of(points)) is not None}
    if len(good) < 2 or len(set(good.values())) == 1:
        return
    worst, best = min(good, key=good.__getitem__), max(good, key=good.__getitem__)
    yield Notice(
        f"{part_name(worst)} is the worst part: {percent(good[worst])} of its points {measure.verb}. "
        f"{part_name(best)} is the best, with {percent(good[best])}.",
        "parts",
    )


def _offset(rows: list[KeypointRow]) -> Iterator[Notice]:
    """The keypoint that is most off in one direction."""
    largest, text = OFFSET_NAMED, ""
    for row in rows:
        for axis, positive, negative in DIRECTIONS:
            offset = within(row.points, "offset", axis)
            if offset is None or abs(offset) < largest or (row.points.get("predicted") or 0) < FEWEST_FOR_OFFSET:
                continue
            largest = abs(offset)
            where = positive if offset > 0 else negative
            text = f"{row.name} is predicted {where}, by {percent(abs(offset))} of the box on average."
    if text:
        yield Notice(text, "keypoints")


def _scores(version: dict[str, Any]) -> Iterator[Notice]:
    errors = {
        part: one["ece"]
        for part, one in (within(version, "scores", "parts") or {}).items()
        if (within(one, "ece") or 0) >= DISHONEST
    }
    if errors:
        off = ", ".join(f"{part_name(part).lower()} {percent(error)}" for part, error in errors.items())
        yield Notice(f"Scores are off on average ({off}); wholebody calibrate mends that.", "scores")
