"""Where the 133 keypoints and the outline of a drawn figure lie: plane geometry, no pixels.

Lengths are in units of which a figure is about 205 high: the pixels it has in a pose network's 256x192 crop.
x grows to the picture's right, y downwards; x = 0 is the figure's axis, y = 0 a little above its head. The
figure faces the viewer, so its own left is at the picture's right. Head and hands are big, so that their many
dots stay apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Circle = tuple[float, float, float]
Blob = tuple[Circle, ...]
"""A smooth shape: the convex hull of circles `(x, y, radius)`."""

DOT_RADIUS: Final = 2.0
HEAD_XY: Final = (0.0, 48.0)
NECK_XY: Final = (0.0, 100.0)

SIDES: Final = (1.0, -1.0)
"""Sign of x for the person's left and right, in the order in which keypoints alternate."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Directions of an arm's parts in degrees: 0 hangs straight down, 90 points outwards, 180 up."""

    upper: float
    fore: float
    hand: float


@dataclass(frozen=True, slots=True)
class Stance:
    """How a figure stands.

    Attributes:
        tilt: Turn of the head in degrees, clockwise in the picture.
        left_arm: The person's left arm.
        right_arm: The person's right arm.
        step: How far the feet stand apart, in units added to each side.
        look: Hair and clothes: 0, 1 or 2.
    """

    tilt: float
    left_arm: Arm
    right_arm: Arm
    step: float
    look: int


def _direction(degrees: float, side: float) -> Points:
    """`(2,)` unit vector, with degrees as in `Arm` and side as in `SIDES`."""
    radians = np.deg2rad(degrees)
    return np.array([side * np.sin(radians), np.cos(radians)])


# The face, relative to the middle of the head: the half at the picture's left, or what lies on the axis.
# iBUG-68 runs from the picture's left to its right, around eyes and lips clockwise from their left corner.
_JAW: Final = (
    *((-37.5, -6.0), (-37.2, 3.5), (-36.0, 12.8), (-33.5, 22.0), (-29.5, 30.5), (-23.8, 38.0), (-16.8, 44.2)),
    (-8.8, 49.2),
)
_BROW: Final = ((-31.5, -15.0), (-26.3, -18.6), (-20.6, -20.2), (-14.8, -19.6), (-9.3, -17.2))
_BRIDGE: Final = ((0.0, -9.5), (0.0, -3.9), (0.0, 1.7), (0.0, 7.3))
_NOSTRIL: Final = ((-11.2, 14.8), (-5.8, 17.4))
_EYE: Final = ((-7.4, 0.0), (-3.1, -5.6), (3.1, -5.6), (7.4, 0.0), (3.1, 5.6), (-3.1, 5.6))
_EYE_XY: Final = (19.5, -3.0)
_UPPER_LIP: Final = ((-18.5, 26.0), (-12.0, 26.0), (-5.8, 26.2))
_LOWER_LIP: Final = ((-13.6, 37.0), (-7.3, 43.0))
_NOSE: Final = (0.0, 12.9)
_EAR: Final = (45.2, -4.0)


def _mirrored(half: Sequence[tuple[float, float]], middle: Sequence[tuple[float, float]] = ()) -> Points:
    """`half`, then `middle`, then `half` mirrored and backwards."""
    left = np.array(half)
    parts = (left, np.reshape(middle, (-1, 2)), left[::-1] * (-1, 1))
    return np.concatenate(parts)


def _mouth() -> Points:
    """`(20, 2)` the outer lips, 12, and the inner, 8, clockwise from the picture's left corner."""
    upper, lower = _mirrored(_UPPER_LIP, [(0.0, 26.9)]), _mirrored(_LOWER_LIP, [(0.0, 44.9)])
    inner_upper = _mirrored(((-11.5, 31.6), (-5.7, 31.8)), [(0.0, 32.4)])
    inner_lower = _mirrored(((-5.9, 37.3),), [(0.0, 38.6)])
    return np.concatenate([upper, lower[::-1], inner_upper, inner_lower[::-1]])


def _face() -> Points:
    """`(68, 2)` the face relative to the middle of the head, in the order of iBUG-68."""
    eye = np.array(_EYE)
    return np.concatenate(
        [
            _mirrored(_JAW, [(0.0, 51.0)]),
            _mirrored(_BROW),
            np.array(_BRIDGE),
            _mirrored(_NOSTRIL, [(0.0, 18.6)]),
            eye + np.array(_EYE_XY) * (-1, 1),
            eye + np.array(_EYE_XY),
            _mouth(),
        ]
    )


def _senses() -> Points:
    """`(5, 2)` nose, left and right eye, left and right ear, relative to the middle of the head."""
    return np.array([_NOSE, *((s * x, y) for x, y in (_EYE_XY, _EAR) for s in SIDES)])


def _turned(points: Points, degrees: float) -> Points:
    """Points of the head, from relative to its middle to the figure's frame, turned about the neck."""
    radians = np.deg2rad(degrees)
    cos, sin = np.cos(radians), np.sin(radians)
    moved = points + HEAD_XY - np.array(NECK_XY)
    turned: Points = moved @ np.array([[cos, sin], [-sin, cos]]) + NECK_XY
    return turned


# From thumb to little finger: degrees from the hand's direction, and distance of the first joint.
_FINGERS: Final = ((53.0, 9.6), (31.5, 15.0), (10.5, 16.2), (-10.5, 15.6), (-31.5, 14.6))
_PHALANX: Final = 5.3


def _hand(root: Points, degrees: float, side: float) -> Points:
    """`(21, 2)` an open hand, its palm to the viewer."""
    joints = [
        root + (first + _PHALANX * joint) * _direction(degrees + spread, side)
        for spread, first in _FINGERS
        for joint in range(4)
    ]
    return np.array([root, *joints])


def _arm(arm: Arm, side: float) -> tuple[Points, Points]:
    """`(3, 2)` shoulder, elbow and wrist, and the `(21, 2)` hand."""
    shoulder = np.array([side * 15.0, 113.0])
    elbow = shoulder + 19.0 * _direction(arm.upper, side)
    wrist = elbow + 17.0 * _direction(arm.fore, side)
    hand = _hand(wrist + 7.0 * _direction(arm.hand, side), arm.hand, side)
    return np.array([shoulder, elbow, wrist]), hand


def _leg(step: float, side: float) -> tuple[Points, Points]:
    """`(3, 2)` hip, knee and ankle, and `(3, 2)` big toe, small toe and heel."""
    leg = np.array([(10.0, 151.0), (11.5 + step / 2, 166.0), (12.0 + step, 181.0)])
    foot = np.array([(13.5 + step, 198.0), (21.0 + step, 195.5), (10.5 + step, 189.5)])
    return leg * (side, 1), foot * (side, 1)


def keypoints(stance: Stance) -> Points:
    """`(133, 2)` x, y in units, in the order of `keypoints.NAMES`."""
    arms, hands = zip(_arm(stance.left_arm, SIDES[0]), _arm(stance.right_arm, SIDES[1]), strict=True)
    legs, feet = zip(*(_leg(stance.step, side) for side in SIDES), strict=True)
    # Arms and legs alternate left and right: left shoulder, right shoulder, left elbow, ...
    limbs = np.stack([np.concatenate(arms, 1), np.concatenate(legs, 1)]).reshape(-1, 2)
    head = _turned(np.concatenate([_senses(), _face()]), stance.tilt)
    return np.concatenate([head[:5], limbs, *feet, head[5:], *hands])


_HAIR: Final[tuple[tuple[Blob, ...], ...]] = (
    tuple(((x / 2, -38.0, 7.0), (x, y, 2.4)) for x, y in ((-10.0, -47.0), (1.0, -50.0), (12.0, -47.0))),
    (((0.0, -43.0, 10.0),),),
    (((-32.0, -32.0, 12.0),), ((32.0, -32.0, 12.0),)),
)
"""Three spikes, a bun, two buns: relative to the middle of the head."""
_TRUNK: Final[tuple[Blob, ...]] = (
    ((0.0, 95.0, 9.0), (0.0, 112.0, 9.0)),
    ((-12.0, 113.0, 8.0), (12.0, 113.0, 8.0), (-10.0, 150.0, 9.5), (10.0, 150.0, 9.5)),
)
_SKIRT: Final[Blob] = ((-7.0, 132.0, 9.0), (7.0, 132.0, 9.0), (-19.5, 163.0, 3.5), (19.5, 163.0, 3.5))
_HEAD: Final[Blob] = ((0.0, -1.0, 44.0), (-8.0, 23.0, 32.5), (8.0, 23.0, 32.5))


def _head_outline(stance: Stance) -> list[Blob]:
    ears: tuple[Blob, ...] = tuple(((side * _EAR[0], _EAR[1], 7.5),) for side in SIDES)
    return [
        tuple((*_turned(np.array([x, y]), stance.tilt), radius) for x, y, radius in blob)
        for blob in (_HEAD, *ears, *_HAIR[stance.look])
    ]


def _blob(points: Points, radii: Sequence[float]) -> Blob:
    return tuple((float(x), float(y), radius) for (x, y), radius in zip(points, radii, strict=True))


def _hand_outline(hand: Points) -> list[Blob]:
    fingers = hand[1:].reshape(5, 4, 2)
    # The last dot keeps some finger in front of it: it must not lie on the outline.
    tips = fingers[:, 3] + (fingers[:, 3] - fingers[:, 2]) / _PHALANX * 2.0
    palm = _blob(np.concatenate([hand[:1], fingers[:, 0]]), (6.0, *(4.2,) * 5))
    return [palm, *(_blob(np.array(ends), (4.2, 4.2)) for ends in zip(fingers[:, 0], tips, strict=True))]


def outline(stance: Stance, points: Points) -> list[Blob]:
    """The figure's silhouette: the union of these shapes, in units. `points` are its `keypoints`."""
    blobs = [*_head_outline(stance), *_TRUNK, *((_SKIRT,) if stance.look == 1 else ())]
    for left in (0, 1):
        blobs.append(_blob(points[[5 + left, 7 + left]], (7.5, 6.0)))
        blobs.append(_blob(points[[7 + left, 9 + left]], (6.0, 6.0)))
        blobs.append(_blob(points[[9 + left, 91 + 21 * left]], (6.0, 6.0)))
        blobs.append(_blob(points[[11 + left, 15 + left]], (9.0, 7.5)))
        toes = points[17 + 3 * left : 20 + 3 * left]
        blobs.append(_blob(toes, (6.5, 6.5, 7.0)))
        blobs.extend(_hand_outline(points[91 + 21 * left : 112 + 21 * left]))
    return blobs
