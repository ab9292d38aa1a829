"""Fewer points of the smaller people where an image has more regions than the editor bears."""

import logging
from dataclasses import replace
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling.shown import Masks, Shown
from wholebody.labeling.skeletons import SKELETONS
from wholebody.poses import Poses

log = logging.getLogger(__name__)


class Detail(IntEnum):
    """How much of a person is shown; a higher number is less. Skeletons and boxes are always shown."""

    EVERYTHING = 0
    BODY = 1
    """No points of face and hands."""
    SKELETONS = 2
    """Nor points of what a skeleton shows."""
    BOX = 3
    """No points at all."""


_IN_WORDS: Final = {
    Detail.BODY: "without the points of face and hands",
    Detail.SKELETONS: "with skeletons in place of points",
    Detail.BOX: "without any point",
}


def spare_editor(shown: Shown, poses: Poses, max_regions: int, place: str) -> Shown:
    """What is left of an image's people when it has no more regions than asked for, if that is possible.

    Says in the log what it left out.

    Args:
        shown: Everything that is seen of them.
        poses: The same people.
        max_regions: Most regions; 0 leaves everything.
        place: The task and the page, for the log.
    """
    before = int(shown.regions.sum())
    if not max_regions or before <= max_regions:
        return shown
    left, details = thin_out(shown, poses, max_regions)
    said = [f"{count} {words}" for detail, words in _IN_WORDS.items() if (count := np.count_nonzero(details == detail))]
    log.info(
        "%s: %d people in %d regions instead of %d (MAX_REGIONS=%d): %s",
        place,
        len(poses),
        left.regions.sum(),
        before,
        max_regions,
        ", ".join(said) or "nothing can be left out",
    )
    return left


def thin_out(shown: Shown, poses: Poses, max_regions: int) -> tuple[Shown, npt.NDArray[np.int64]]:
    """Leave out points until an image has no more regions than asked for, or nothing is left to leave out.

    First the smallest person loses the points of face and hands, then the next larger one, up to the largest. Only
    then does the smallest lose more. Everybody keeps a region at least, and whoever loses all points has a box.

    Returns:
        What is left, and `(n,)` the `Detail` of each person.
    """
    details = np.full(len(poses), Detail.EVERYTHING, np.int64)
    smallest_first = np.array(poses.smallest_first(), np.int64)
    for detail in (Detail.BODY, Detail.SKELETONS, Detail.BOX):
        too_many = int(shown.regions.sum()) - max_regions
        if too_many <= 0:
            break
        points = shown.points & ~_left_out(shown, detail)
        saved = shown.points.sum(axis=1) - points.sum(axis=1)
        is_found = shown.boxes if detail is Detail.BOX else shown.boxes | (shown.skeletons > 0) | points.any(axis=1)
        able = smallest_first[((saved > 0) & is_found)[smallest_first]]
        chosen = able[: np.searchsorted(saved[able].cumsum(), too_many) + 1]
        left = shown.points.copy()
        left[chosen] = points[chosen]
        shown = replace(shown, points=left)
        details[chosen] = detail
    return shown, details


def _left_out(shown: Shown, detail: Detail) -> Masks:
    """`(n, 133)` the points that are too much for a detail."""
    left_out = np.full(shown.points.shape, detail is Detail.BOX)
    if detail is Detail.BODY:
        for part in (Part.FACE, Part.LEFT_HAND, Part.RIGHT_HAND):
            left_out[:, PART_SLICES[part]] = True
    if detail is Detail.SKELETONS:
        for skeleton, joints in shown.joints.items():
            left_out |= joints.any(axis=1, keepdims=True) & np.isin(np.arange(len(NAMES)), list(SKELETONS[skeleton]))
    return left_out
