"""The 133 COCO-WholeBody keypoints: names, parts, sides, edges, mirrored points and sigmas. Data, no logic.

Order and names are those of the COCO-WholeBody dataset (Jin et al., "Whole-Body Human Pose Estimation in
the Wild", ECCV 2020) as mmpose and rtmlib write them: index 0..16 body, 17..22 feet, 23..90 face, 91..111
left hand, 112..132 right hand. Left and right are the person's own, not the picture's.
"""

from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """The five parts of a person, in COCO-WholeBody order."""

    BODY = "body"
    FEET = "feet"
    FACE = "face"
    LEFT_HAND = "left_hand"
    RIGHT_HAND = "right_hand"


class Side(StrEnum):
    """The person's own left or right; `CENTRE` for the nose and everything on the face's contour."""

    LEFT = "left"
    RIGHT = "right"
    CENTRE = "centre"


_BODY: Final = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
_FEET: Final = (
    "left_big_toe",
    "left_small_toe",
    "left_heel",
    "right_big_toe",
    "right_small_toe",
    "right_heel",
)
_FACE: Final = tuple(f"face-{i}" for i in range(68))
_FINGERS: Final = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_HAND: Final = ("hand_root", *(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, 5)))

NAMES: Final[tuple[str, ...]] = (
    *_BODY,
    *_FEET,
    *_FACE,
    *(f"left_{joint}" for joint in _HAND),
    *(f"right_{joint}" for joint in _HAND),
)
"""`(133,)` keypoint names in COCO-WholeBody order."""

PART_SLICES: Final[dict[Part, slice]] = {
    Part.BODY: slice(0, 17),
    Part.FEET: slice(17, 23),
    Part.FACE: slice(23, 91),
    Part.LEFT_HAND: slice(91, 112),
    Part.RIGHT_HAND: slice(112, 133),
}
"""Where each part stands in `NAMES`."""

PARTS: Final[tuple[Part, ...]] = tuple(part for part, span in PART_SLICES.items() for _ in range(span.start, span.stop))
"""`(133,)` the part of each keypoint."""

SIDES: Final[tuple[Side, ...]] = tuple(
    Side.LEFT if name.startswith("left_") else Side.RIGHT if name.startswith("right_") else Side.CENTRE
    for name in NAMES
)
"""`(133,)` the side of each keypoint."""

_BODY_EDGES: Final = (
    (15, 13),
    (13, 11),
    (16, 14),
    (14, 12),
    (11, 12),
    (5, 11),
    (6, 12),
    (5, 6),
    (5, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (1, 2),
    (0, 1),
    (0, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
)
_FEET_EDGES: Final = ((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22))


def _hand_edges(root: int) -> tuple[tuple[int, int], ...]:
    fingers = range(root + 1, root + 21, 4)
    return tuple(
        edge
        for first in fingers
        for edge in ((root, first), *((joint, joint + 1) for joint in range(first, first + 3)))
    )


SKELETON: Final[dict[Part, tuple[tuple[int, int], ...]]] = {
    Part.BODY: _BODY_EDGES,
    Part.FEET: _FEET_EDGES,
    Part.FACE: (),
    Part.LEFT_HAND: _hand_edges(91),
    Part.RIGHT_HAND: _hand_edges(112),
}
"""Bones as pairs of indices into `NAMES`, as COCO-WholeBody draws them; the face has none."""

_FACE_MIRRORED: Final[tuple[int, ...]] = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),  # bridge of the nose
    *range(35, 30, -1),  # nostrils
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
    *range(54, 47, -1),  # outer lips, upper and lower
    *range(59, 54, -1),
    *range(64, 59, -1),  # inner lips
    *range(67, 64, -1),
)


def _mirrored(name: str) -> int:
    side, mark, joint = name.partition("_")
    if name.startswith("face-"):
        return NAMES.index(f"face-{_FACE_MIRRORED[int(name.removeprefix('face-'))]}")
    other = {"left": "right", "right": "left"}.get(side)
    return NAMES.index(f"{other}{mark}{joint}" if other else name)


MIRRORED: Final[tuple[int, ...]] = tuple(_mirrored(name) for name in NAMES)
"""`(133,)` the keypoint that each becomes in the mirrored picture."""

_HAND_SIGMAS: Final = (
    *(0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024),
    *(0.022, 0.026, 0.017, 0.021, 0.021, 0.032, 0.02, 0.019, 0.022, 0.031),
)

SIGMAS: Final[tuple[float, ...]] = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087),
    *(0.089, 0.089),
    *(0.068, 0.066, 0.066, 0.092, 0.094, 0.094),
    *(0.042, 0.043, 0.044, 0.043, 0.04, 0.035, 0.031, 0.025, 0.02, 0.023, 0.029, 0.032, 0.037, 0.038, 0.043),
    *(0.041, 0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015, 0.009, 0.007, 0.007),
    *(0.007, 0.012, 0.009, 0.008, 0.016, 0.01, 0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011),
    *(0.012, 0.01, 0.034, 0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.01, 0.008, 0.009, 0.009, 0.009, 0.007),
    *(0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.01, 0.008),
    *_HAND_SIGMAS,
    *_HAND_SIGMAS,
)
"""`(133,)` how far annotators stray, over the square root of the person's area: COCO-WholeBody's own, for OKS."""
