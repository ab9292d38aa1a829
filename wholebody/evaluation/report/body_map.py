"""The 133 keypoints as a drawing of a person, with face and hands enlarged: where each dot lies."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wholebody.figures.anatomy import Arm, Points, Stance, keypoints
from wholebody.figures.drawing import FACE_LINES
from wholebody.keypoints import NAMES, PART_SLICES, SKELETON, Part

_CENTRE: Final = {"nose": (0.0, 19.0)}
_SIDE: Final = {
    "eye": (6.0, 11.0),
    "ear": (14.0, 15.0),
    "shoulder": (23.0, 44.0),
    "elbow": (33.0, 73.0),
    "wrist": (40.0, 101.0),
    "hip": (14.0, 102.0),
    "knee": (16.0, 142.0),
    "ankle": (17.0, 181.0),
    "big_toe": (22.0, 197.0),
    "small_toe": (31.0, 193.0),
    "heel": (10.0, 191.0),
}
"""The person's left half, which a viewer sees at the right."""

MARGIN: Final = 9.0


@dataclass(frozen=True, slots=True)
class MapDot:
    """A keypoint: its index into `NAMES`, and its place in its panel."""

    keypoint: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class MapPanel:
    """A part of the drawing, with a size of its own.

    Attributes:
        key: `body`, `face`, `left_hand` or `right_hand`.
        title: What stands over it.
        width: In units of the dots' places.
        height: In the same.
        dots: The keypoints.
        bones: `d` of the path that connects them.
    """

    key: str
    title: str
    width: float
    height: float
    dots: tuple[MapDot, ...]
    bones: str


def body_map() -> list[MapPanel]:
    """The panels: body with feet, face, and the hands as a viewer sees them."""
    up = Arm(0.0, 0.0, 180.0)
    figure = keypoints(Stance(0.0, up, up, 0.0, 0))
    hands = {part: figure[PART_SLICES[part]] * 2.6 for part in (Part.LEFT_HAND, Part.RIGHT_HAND)}
    return [
        _panel("body", "Body and feet", slice(0, 23), _body(), (Part.BODY, Part.FEET)),
        _panel("face", "Face", PART_SLICES[Part.FACE], figure[PART_SLICES[Part.FACE]] * 1.55, (Part.FACE,)),
        *(
            _panel(part.value, title, PART_SLICES[part], hands[part], (part,))
            for part, title in ((Part.RIGHT_HAND, "Right hand"), (Part.LEFT_HAND, "Left hand"))
        ),
    ]


def _body() -> Points:
    return np.array([_place(name) for name in NAMES[:23]])


def _place(name: str) -> tuple[float, float]:
    if name in _CENTRE:
        return _CENTRE[name]
    side, _, joint = name.partition("_")
    x, y = _SIDE[joint]
    return (x, y) if side == "left" else (-x, y)


def _panel(key: str, title: str, span: slice, places: Points, parts: tuple[Part, ...]) -> MapPanel:
    places = places - places.min(axis=0) + MARGIN
    width, height = places.max(axis=0) + MARGIN
    dots = tuple(MapDot(span.start + i, round(x, 1), round(y, 1)) for i, (x, y) in enumerate(places.tolist()))
    at = {dot.keypoint: f"{dot.x},{dot.y}" for dot in dots}
    bones = [f"M{at[a]}L{at[b]}" for part in parts for a, b in SKELETON[part]]
    if Part.FACE in parts:
        lines = [("L".join(at[k] for k in range(first, end)), closed) for first, end, closed in FACE_LINES]
        bones = [f"M{line}{'Z' if closed else ''}" for line, closed in lines]
    return MapPanel(key, title, round(width, 1), round(height, 1), dots, "".join(bones))
