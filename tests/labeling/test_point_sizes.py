"""How large predicted points are drawn."""

import numpy as np
import pytest

from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling import point_sizes as module
from wholebody.labeling.point_sizes import LARGEST_PX, SMALLEST_PX, VIEW_WH

EVERYTHING = list(range(len(NAMES)))
FACE = PART_SLICES[Part.FACE]


def spread(gap: float, size_wh: tuple[int, int]) -> np.ndarray:
    """All keypoints on a grid of 12 columns, so far apart in pixels; in percent."""
    grid = np.stack(np.divmod(np.arange(len(NAMES)), 12)[::-1], axis=1) * gap + gap
    return np.asarray(grid / np.array(size_wh) * 100)


def point_sizes(points: np.ndarray, shown: list[int], size_wh: tuple[int, int]) -> np.ndarray:
    """Of one person, between two others who are elsewhere."""
    mask = np.zeros((3, len(NAMES)), bool)
    mask[1, shown] = True
    return module.point_sizes(np.stack([points + 1, points, points + 2]), mask, size_wh)[1]


def radii(sizes: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """In pixels of the screen, where the picture opens."""
    return sizes / 100 * size_wh[0] * min(VIEW_WH[0] / size_wh[0], VIEW_WH[1] / size_wh[1])


@pytest.mark.parametrize("size_wh", [(500, 333), (1920, 1080), (6000, 4000), (1000, 3000)])
@pytest.mark.parametrize("gap_px", [1.0, 6.0, 40.0])
def test_circles_of_neighbours_do_not_overlap_within_bounds(size_wh: tuple[int, int], gap_px: float) -> None:
    scale = min(VIEW_WH[0] / size_wh[0], VIEW_WH[1] / size_wh[1])
    points = spread(gap_px / scale, size_wh)
    found = radii(point_sizes(points, EVERYTHING, size_wh), size_wh)
    assert found == pytest.approx(np.full(133, np.clip(gap_px / 2, SMALLEST_PX, LARGEST_PX)), abs=0.01)


def test_a_small_part_has_smaller_points_than_the_rest() -> None:
    size_wh = VIEW_WH
    points = spread(40, size_wh)
    points[FACE] = points[FACE] * 0.15
    found = radii(point_sizes(points, EVERYTHING, size_wh), size_wh)
    assert found[FACE] == pytest.approx(np.full(68, 3.0), abs=0.01)
    assert found[17:23] == pytest.approx(np.full(6, LARGEST_PX), abs=0.01)


def test_what_is_not_shown_takes_no_room() -> None:
    size_wh = VIEW_WH
    points = np.zeros((133, 2))
    points[5], points[6] = (10, 10), (90, 90)
    assert radii(point_sizes(points, [5, 6], size_wh), size_wh)[5] == pytest.approx(LARGEST_PX, abs=0.01)
    assert radii(point_sizes(points, [0, 1, 5], size_wh), size_wh)[0] == pytest.approx(SMALLEST_PX, abs=0.01)
    assert radii(point_sizes(points, [5], size_wh), size_wh)[5] == pytest.approx(LARGEST_PX, abs=0.01)
