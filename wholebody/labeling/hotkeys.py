"""The keys that choose labels in the editor: data, and why every label has one.

Label Studio gives a label without a key one of `1234567890qwetasdfgzxcvbyiopjklnm`, whether or not that is the key of
one of its own tools. With 133 labels `v`, which is to move, also chooses a toe, and `k`, which is the smart click, a
point of the face instead; and what is accepted from a smart tool gets the label that is chosen. So the labels of face
and hands have a key that no keyboard has.
"""

from typing import Final

from wholebody.keypoints import NAMES, Part

PERSON: Final = "1"
HIDDEN: Final = "o"
"""Marks the selected point as hidden. It is the editor's own for ellipses, which no config of ours has."""

SKELETON: Final = {Part.BODY: "2", Part.FACE: "3", Part.LEFT_HAND: "4", Part.RIGHT_HAND: "5"}

# Neighbours on the keyboard for left and right; none of the editor's own: b e h k m o p r u v w.
_PAIRS: Final = {
    "eye": "23",
    "ear": "45",
    "shoulder": "67",
    "elbow": "89",
    "wrist": "as",
    "hip": "df",
    "knee": "zx",
    "ankle": "cg",
    "big_toe": "qt",
    "small_toe": "yi",
    "heel": "jl",
}
_OF_NAME: Final = {"nose": "n"} | {
    f"{side}_{joint}": key for joint, keys in _PAIRS.items() for side, key in zip(("left", "right"), keys, strict=True)
}
_NO_KEY: Final = "\N{EN DASH}"


def hotkey(index: int) -> str:
    """The key of a keypoint's label, no other label's; on face and hands one that cannot be pressed."""
    return _OF_NAME.get(NAMES[index]) or f"{_NO_KEY}{index}"


def joint_hotkey(index: int) -> str:
    """The key that marks a joint of the selected skeleton as hidden: its label's, unless that chooses a skeleton."""
    key = hotkey(index)
    return f"{_NO_KEY}{index}" if key in (PERSON, *SKELETON.values()) else key
