"""How often points of a score were right, as a drawing: bins of metrics.json -> places in a square."""

from dataclasses import dataclass
from typing import Any, Final

SIDE: Final = 140.0
"""Of the square, in units of the drawing."""

BARS: Final = 26.0
"""Height of the tallest bar below it, which counts points."""

SMALLEST, LARGEST = 1.8, 5.0
"""Radius of a dot, by the share of the points in its bin."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A bin that has points: its place, its size, the bar below it, and what it says."""

    x: float
    y: float
    radius: float
    bar_x: float
    bar_width: float
    bar_height: float
    says: str


@dataclass(frozen=True, slots=True)
class Reliability:
    """The drawing: its dots from left to right, and `d` of the line through them."""

    dots: tuple[Dot, ...]
    line: str
    points: int


def reliability(bins: list[dict[str, Any]]) -> Reliability:
    """Draw the bins that have points."""
    filled = [one for one in bins if one.get("count") and one.get("score") is not None and one.get("right") is not None]
    most = max((one["count"] for one in filled), default=1)
    total = sum(one["count"] for one in filled)
    dots = tuple(_dot(one, most) for one in filled)
    line = "".join(f"{'L' if number else 'M'}{dot.x},{dot.y}" for number, dot in enumerate(dots))
    return Reliability(dots, line, total)


def _dot(one: dict[str, Any], most: int) -> Dot:
    share = one["count"] / most
    return Dot(
        x=round(one["score"] * SIDE, 1),
        y=round((1 - one["right"]) * SIDE, 1),
        radius=round(SMALLEST + (LARGEST - SMALLEST) * share**0.5, 1),
        bar_x=round(one["low"] * SIDE + 0.5, 1),
        bar_width=round(max((one["high"] - one["low"]) * SIDE - 1, 1.0), 1),
        bar_height=round(max(share * BARS, 0.7), 1),
        says=f"score {one['low']:.2f} to {one['high']:.2f}: {one['count']:,} points, mean score {one['score']:.2f}, "
        f"{one['right']:.0%} right",
    )
