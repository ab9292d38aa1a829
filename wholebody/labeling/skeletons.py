"""The trees of joints that body parts are drawn as in vector regions: data, and how missing joints are bridged.

The editor connects each vertex to one other, so a skeleton is a tree: COCO-WholeBody's loops (shoulders to hips, eye
to eye) are open here. It must be one tree, too: the editor connects a second vertex without a parent to whatever
vertex comes before it. So the parts of the face hang together: brows and eyes on the top of the nose, lips below the
nose, the jaw below the lips.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from wholebody.keypoints import PART_SLICES, Part

Tree = dict[int, int | None]
"""Joint -> the joint it hangs on, both indices into `keypoints.NAMES`. Root first, parents before children."""

_BODY: Final = ((0, 5, 7, 9), (0, 6, 8, 10), (5, 11, 13, 15), (6, 12, 14, 16), (0, 1, 3), (0, 2, 4))
_FEET: Final = ((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22))
_FINGERS: Final = tuple((0, *range(first, first + 4)) for first in range(1, 21, 4))
# In numbers of the face's own, 0 to 67.
_FACE: Final = (
    (27, 28, 29, 30, 33, 32, 31),  # nose, nostrils
    (33, 34, 35),
    (27, 21, 20, 19, 18, 17),  # brows
    (27, 22, 23, 24, 25, 26),
    (27, 39, 38, 37, 36, 41, 40),  # eyes
    (27, 42, 43, 44, 45, 46, 47),
    (33, 51, 50, 49, 48, 59, 58, 57),  # outer lips
    (51, 52, 53, 54, 55, 56),
    (51, 62, 61, 60, 67, 66),  # inner lips
    (62, 63, 64, 65),
    (57, *range(8, -1, -1)),  # jaw
    (8, *range(9, 17)),
)


def _grow(*chains: tuple[int, ...], start: int = 0) -> Tree:
    """A tree from chains of joints, each of which begins at a joint of those before; `start` is added to all.

    Joints nearer to the root come first: where it is missing, one of them takes its place.
    """
    root = chains[0][0]
    tree: Tree = {root + start: None}
    depths = {root: 0}
    for chain in chains:
        for parent, joint in pairwise(chain):
            tree[joint + start] = parent + start
            depths[joint] = depths[parent] + 1
    return dict(sorted(tree.items(), key=lambda bone: depths[bone[0] - start]))


SKELETONS: Final[dict[str, Tree]] = {
    Part.RIGHT_HAND.value: _grow(*_FINGERS, start=PART_SLICES[Part.RIGHT_HAND].start),
    Part.LEFT_HAND.value: _grow(*_FINGERS, start=PART_SLICES[Part.LEFT_HAND].start),
    Part.FACE.value: _grow(*_FACE, start=PART_SLICES[Part.FACE].start),
    "body": _grow(*_BODY, *_FEET),
    "body_without_feet": _grow(*_BODY),
}
"""What a label of a skeleton control can stand for -> its tree; from the top of the drawing to its bottom."""


def connect(tree: Tree, is_present: Callable[[int], bool]) -> Iterator[tuple[int, int | None]]:
    """The joints that are present, each with the joint it hangs on: still one tree, root first.

    A joint whose parent is missing hangs on the nearest ancestor that is present, else on the root. The root is
    the first joint present; it alone hangs on `None`.
    """
    root: int | None = None
    for joint in filter(is_present, tree):
        parent = tree[joint]
        while parent is not None and not is_present(parent):
            parent = tree[parent]
        yield joint, root if parent is None else parent
        root = joint if root is None else root
