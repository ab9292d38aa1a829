"""How large predicted points are drawn: as large as a hand likes, and so small that each can be reached.

The editor draws a keypoint as a circle whose radius is `value.width`, in percent of the width at which the picture
opens, and never below two pixels. Zooming moves points apart and leaves the circles as they are.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import PART_SLICES, Part
from wholebody.labeling.shown import Masks
from wholebody.poses import Floats

VIEW_WH: Final = (1000, 700)
"""Where a picture opens: about the pixels that the labeling stream leaves it in a window of 1440 by 900."""

SMALLEST_PX, LARGEST_PX = 2.0, 5.0
"""Radii between which a size is: the first is the least that the editor draws."""

_CLOSEST: Final = 4
"""A part's size follows the closest quarter of its points: an eye, not the jaw."""

_SIZE_DIGITS: Final = 3

_HEAD: Final = slice(0, 5)
_GROUPS: Final = (_HEAD, slice(5, 17), *(PART_SLICES[part] for part in Part if part is not Part.BODY))
"""Points of one size: nose, eyes and ears lie among those of the face, so the rest of the body is apart."""


def point_sizes(points: npt.NDArray[np.float64], shown: Masks, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    """`value.width` of the keypoints of `n` people.

    Args:
        points: `(n, 133, 2)` x and y of each keypoint in percent of the image's width and height.
        shown: `(n, 133)` which of them are drawn.
        size_wh: Width and height of the image in pixels.

    Returns:
        `(n, 133)` sizes in percent of the image's width; only those of `shown` mean something.
    """
    opened_wh = np.array(size_wh) * min(view / size for view, size in zip(VIEW_WH, size_wh, strict=True))
    nearest = _nearest(points / 100 * opened_wh, shown)
    radii = np.full(shown.shape, LARGEST_PX)
    for group in _GROUPS:
        count = shown[:, group].sum(axis=1, keepdims=True)
        close = np.take_along_axis(np.sort(nearest[:, group]), np.maximum(count - 1, 0) // _CLOSEST, axis=1)
        radii[:, group] = (close / 2).clip(SMALLEST_PX, LARGEST_PX)
    return np.asarray((radii * 100 / opened_wh[0]).round(_SIZE_DIGITS))


def _nearest(xy: npt.NDArray[np.float64], shown: Masks) -> Floats:
    """`(n, 133)` how far each point that is drawn is from the next one; else, and where there is none, infinite."""
    nearest = np.full(shown.shape, np.inf, np.float32)
    # A person at a time: all distances of a thousand people would take hundreds of megabytes.
    for distances, places, mask in zip(nearest, xy.astype(np.float32), shown, strict=True):
        x, y = places[mask].T
        squares = np.square(x[:, None] - x) + np.square(y[:, None] - y)
        np.fill_diagonal(squares, np.inf)
        distances[mask] = np.sqrt(squares.min(axis=1, initial=np.inf))
    return nearest
