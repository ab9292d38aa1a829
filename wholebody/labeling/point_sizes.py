"""How large predicted points are drawn: as large as a hand likes, and so small that each can be reached.

The editor draws a keypoint as a circle whose radius is `value.width`, in percent of the width at which the picture
opens, and never below two pixels. Zooming moves points apart and leaves the circles as they are.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import NAMES, PART_SLICES, Part

VIEW_WH: Final = (1000, 700)
"""Where a picture opens: about the pixels that the labeling stream leaves it in a window of 1440 by 900."""

SMALLEST_PX, LARGEST_PX = 2.0, 5.0
"""Radii between which a size is: the first is the least that the editor draws."""

_CLOSE: Final = 0.25
"""A part's size follows the closer quarter of its points: an eye, not the jaw."""

_SIZE_DIGITS: Final = 3

_HEAD: Final = slice(0, 5)
_GROUPS: Final = (_HEAD, slice(5, 17), *(PART_SLICES[part] for part in Part if part is not Part.BODY))
"""Points of one size: nose, eyes and ears lie among those of the face, so the rest of the body is apart."""


def point_sizes(
    points: Sequence[Sequence[float]] | npt.NDArray[np.float64], shown: Sequence[int], size_wh: tuple[int, int]
) -> list[float]:
    """`value.width` of a person's keypoints.

    Args:
        points: `(133, 2)` x and y of each keypoint in percent of the image's width and height.
        shown: Which of them are drawn, as indices into `keypoints.NAMES`.
        size_wh: Width and height of the image in pixels.

    Returns:
        133 sizes in percent of the image's width; only those of `shown` mean something.
    """
    scale = min(view / size for view, size in zip(VIEW_WH, size_wh, strict=True))
    opened_wh = np.array(size_wh) * scale
    radii = np.full(len(NAMES), LARGEST_PX)
    if len(shown) > 1:
        places = np.asarray(points, np.float64)[shown] / 100 * opened_wh
        apart = np.linalg.norm(places[:, None] - places, axis=2)
        np.fill_diagonal(apart, np.inf)
        nearest = np.full(len(NAMES), np.nan)
        nearest[shown] = apart.min(axis=1)
        for group in _GROUPS:
            near = nearest[group][~np.isnan(nearest[group])]
            if len(near):
                radii[group] = np.quantile(near, _CLOSE) / 2
    sizes = radii.clip(SMALLEST_PX, LARGEST_PX) * 100 / opened_wh[0]
    rounded: list[float] = sizes.round(_SIZE_DIGITS).tolist()
    return rounded
