"""How far points were moved, by part, as a drawing: from the median to the 95th percentile on one scale."""

from dataclasses import dataclass
from typing import Any, Final

from wholebody.evaluation.report.words import within

STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Where the scale may end, in shares of the box: the least that suffices. What lies beyond ends at its border."""


@dataclass(frozen=True, slots=True)
class Range:
    """A line of the drawing: places from 0 to 1 on the scale, and the shares of the box that they stand for."""

    start: float
    end: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class MovedDistances:
    """The drawing.

    Attributes:
        most: Where the scale ends, as a share of the box.
        rows: Of each part its name, and the lines of the newest version and of the one before, where they are known.
    """

    most: float
    rows: tuple[tuple[str, Range | None, Range | None], ...]


def moved_distances(version: Any, before: Any) -> MovedDistances | None:
    """Draw the distances of a version, beside those of the one before; `None` where nothing was moved."""
    parts = list(within(version, "points", "parts") or {})
    found = [(_quantiles(version, part), _quantiles(before, part)) for part in parts]
    largest = max((p95 for pair in found for one in pair if one for p95 in one[1:]), default=None)
    if largest is None or not any(now for now, _ in found):
        return None
    most = next((step for step in STEPS if step >= largest), STEPS[-1])
    rows = [(part, _range(now, most), _range(then, most)) for part, (now, then) in zip(parts, found, strict=True)]
    return MovedDistances(most, tuple(rows))


def _quantiles(version: Any, part: str) -> tuple[float, float] | None:
    median, p95 = (within(version, "points", "parts", part, "moved_share", key) for key in ("median", "p95"))
    return None if median is None or p95 is None else (median, p95)


def _range(quantiles: tuple[float, float] | None, most: float) -> Range | None:
    if quantiles is None:
        return None
    start, end = (round(min(one / most, 1.0), 4) for one in quantiles)
    return Range(start, end, *quantiles)
