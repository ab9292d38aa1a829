"""Numbers of metrics.json as a reader sees them. What is missing is a dash."""

import math
from typing import Any

MISSING = "\N{EN DASH}"
THIN = "\N{NARROW NO-BREAK SPACE}"

PART_NAMES = {
    "body": "Body",
    "feet": "Feet",
    "foot": "Feet",
    "face": "Face",
    "left_hand": "Left hand",
    "lefthand": "Left hand",
    "right_hand": "Right hand",
    "righthand": "Right hand",
    "wholebody": "Whole body",
    "all": "All points",
}
"""Parts as this project and as COCO-WholeBody name them."""


def part_name(part: str) -> str:
    """A part, as readers know it."""
    return PART_NAMES.get(part, part)


def percent(share: float | None, digits: int | None = None) -> str:
    """A share as percents, the smaller the more decimals, unless told how many."""
    if share is None:
        return MISSING
    if digits is None:
        size = abs(share)
        digits = 0 if size == 0 or size >= 0.0995 else 1 if size >= 0.00995 else 2
    if 0.995 <= share < 1 and digits == 0:
        share, digits = min(share, 0.999), 1  # 100 % is said of all alone
    return f"{share * 100:.{digits}f}{THIN}%".replace("-", "\N{MINUS SIGN}")


def signed_percent(share: float | None) -> str:
    """A difference or direction of shares as percents, with its sign."""
    if share is None:
        return MISSING
    return f"{share * 100:+.1f}{THIN}%".replace("-", "\N{MINUS SIGN}")


ARROWS = "\u2192\u2198\u2193\u2199\u2190\u2196\u2191\u2197"
"""From to the right, clockwise, an eighth of a turn each."""

LEAST_DRIFT = 0.0005


def drift(offset: Any) -> str:
    """An offset as an arrow and its length in percent of the box; y grows downwards."""
    x, y = within(offset, "x"), within(offset, "y")
    if x is None or y is None:
        return MISSING
    length = math.hypot(x, y)
    if length < LEAST_DRIFT:
        return "0"
    return f"{ARROWS[round(math.atan2(y, x) / (math.pi / 4)) % 8]}{THIN}{percent(length)}"


def points_of_percent(difference: float | None) -> str:
    """A difference of two shares in points, with its sign."""
    if difference is None:
        return MISSING
    return f"{difference * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def count(number: float | None) -> str:
    """A whole number, thousands apart."""
    return MISSING if number is None else f"{number:,.0f}".replace(",", THIN)


def counted(number: float | None, one: str, several: str = "") -> str:
    """A number with its noun: `1 person`, `2 people`."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def decimals(number: float | None, digits: int = 3) -> str:
    """A number such as AP."""
    return MISSING if number is None else f"{number:.{digits}f}"


def pixels(number: float | None) -> str:
    """A distance in pixels."""
    if number is None:
        return MISSING
    return f"{number:.{1 if abs(number) < 10 else 0}f}{THIN}px"


def seconds(number: float | None) -> str:
    """A duration; from a minute on as minutes and seconds."""
    if number is None:
        return MISSING
    if number >= 59.5:
        minutes, rest = divmod(round(number), 60)
        return f"{minutes}:{rest:02}{THIN}min"
    return f"{number:.{1 if number < 10 else 0}f}{THIN}s"


def share(part: Any, whole: Any) -> float | None:
    """One number over another, where both are there."""
    is_number = all(isinstance(one, int | float) for one in (part, whole))
    return part / whole if is_number and whole else None


def within(metrics: Any, *path: str) -> Any:
    """What stands at a path of keys, or `None`."""
    for key in path:
        metrics = metrics.get(key) if isinstance(metrics, dict) else None
    return metrics
