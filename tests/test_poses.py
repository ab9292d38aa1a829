"""The people of an image as arrays: what lies outside it is not seen."""

import numpy as np
import pytest

from wholebody.poses import Poses

TOLERANCE = 0.02
"""Of 100 pixels below, so two pixels."""


@pytest.mark.parametrize(
    ("x", "y", "is_seen"),
    [
        (0, 0, True),
        (200, 150, True),
        (-1.9, 20, True),
        (201.9, 151.9, True),
        (-2.1, 20, False),
        (20, -2.1, False),
        (202.1, 20, False),
        (20, 152.1, False),
        (-500, 900, False),
    ],
)
def test_a_keypoint_outside_the_image_has_no_score(x: float, y: float, is_seen: bool) -> None:
    keypoints = np.full((2, 133, 2), 50, np.float32)
    keypoints[1, 7] = x, y
    boxes = np.array([[0, 0, 40, 30], [100, 50, 200, 140]], np.float32)
    poses = Poses((200, 150), boxes, np.ones(2, np.float32), keypoints, np.full((2, 133), 0.9, np.float32))
    inside = poses.inside(TOLERANCE)
    expected = np.full((2, 133), 0.9, np.float32)
    expected[1, 7] *= is_seen
    np.testing.assert_array_equal(inside.scores, expected)
    np.testing.assert_array_equal(inside.keypoints, keypoints)


def test_of_nobody_nothing_lies_outside() -> None:
    assert len(Poses.nobody((20, 10)).inside(TOLERANCE)) == 0
