"""The colours of drawn figures: one a keypoint, one a body. All BGR, as OpenCV has them.

The 133 dots lie on the surface of the RGB cube, bodies and bones well inside. Where a picture is resized, a
dot's rim takes the colours between the dot and what surrounds it; those run from the surface inwards, past no
other dot's colour.
"""

import colorsys
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import NAMES

Bgr = tuple[int, int, int]

PAGE_BGR: Final[Bgr] = (246, 250, 252)
SHADOW_BGR: Final[Bgr] = (226, 232, 236)
BONE_BGR: Final[Bgr] = (96, 88, 86)
BODIES_BGR: Final[tuple[Bgr, ...]] = ((94, 144, 184), (142, 168, 104), (190, 132, 122))
"""Gingerbread, sea green, periwinkle: the first, second and third figure of a picture."""

_LIPS: Final = 81
"""A keypoint in the middle of the mouth."""
LATTICE_STEP: Final = 51
"""Distance between neighbouring dot colours, in levels of 0..255."""


def _surface_rgb() -> npt.NDArray[np.int64]:
    """`(152, 3)` the lattice points on the surface of the RGB cube."""
    levels = range(0, 256, LATTICE_STEP)
    return np.array([rgb for rgb in product(levels, repeat=3) if 0 in rgb or 255 in rgb])


def _distance_to_page(rgb: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`(n,)` distance to black (the border of a crop) or white (the page), whichever is nearer."""
    black, white = np.linalg.norm(rgb, axis=1), np.linalg.norm(255 - rgb, axis=1)
    nearer: npt.NDArray[np.float64] = np.minimum(black, white)
    return nearer


def _hue(rgb: npt.NDArray[np.int64]) -> tuple[float, float]:
    hue, lightness, _ = colorsys.rgb_to_hls(*(rgb / 255))
    return round(hue, 6), lightness


def _dots_bgr() -> npt.NDArray[np.uint8]:
    rgb = _surface_rgb()
    # Whole levels are compared, not rounding errors: the same 133 on every machine.
    farthest = np.argsort(-_distance_to_page(rgb).round(3), kind="stable")[: len(NAMES)]
    # In order of hue, so that each part of the body has its own; red is for the lips.
    by_hue = np.array(sorted(rgb[farthest], key=_hue), np.uint8)
    return np.roll(by_hue, _LIPS, axis=0)[:, ::-1].copy()


DOTS_BGR: Final = _dots_bgr()
"""`(133, 3)` uint8: the dot of each keypoint, in the order of `keypoints.NAMES`."""
