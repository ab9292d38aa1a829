"""People who never were, for the tests of this folder."""

from collections.abc import Sequence

import numpy as np

from wholebody.dataset.people import Person
from wholebody.dataset.shapes import Box
from wholebody.keypoints import NAMES

NOTHING = ("",) * len(NAMES)


def somebody(
    xyxy: tuple[float, float, float, float],
    points: dict[str, tuple[float, float]] | np.ndarray,
    *,
    score: float | None = None,
    scores: float = np.nan,
    hidden: Sequence[str] = (),
) -> Person:
    """A person by their box and points: by name, or `(133, 2)` with NaN where there is none.

    Args:
        xyxy: The box.
        points: x and y in pixels.
        score: Of the box.
        scores: Of each point.
        hidden: Points that are hidden.
    """
    places = np.full((len(NAMES), 2), np.nan)
    if isinstance(points, dict):
        for name, xy in points.items():
            places[NAMES.index(name)] = xy
    else:
        places = points
    seen = np.isfinite(places[:, 0])
    visibility = np.where(seen, 2, 0).astype(np.uint8)
    visibility[[NAMES.index(name) for name in hidden]] = 1
    given = np.where(seen, scores, np.nan)
    return Person(xyxy, np.nan_to_num(places), visibility, given, NOTHING, NOTHING, Box(xyxy, score, "", ""))
