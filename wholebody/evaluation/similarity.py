"""Object keypoint similarity by COCO-WholeBody's sigmas: of two people, and of all people of an image, by part."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from wholebody.dataset.coco_format import AREA_OF_BOX
from wholebody.dataset.people import Doubles, Person
from wholebody.keypoints import PART_SLICES, SIGMAS
from wholebody.poses import XYXY

WHOLEBODY: Final = "wholebody"

COCO_PARTS: Final[dict[str, slice]] = {
    WHOLEBODY: slice(0, len(SIGMAS)),
    **dict(zip(("body", "foot", "face", "lefthand", "righthand"), PART_SLICES.values(), strict=True)),
}
"""What COCO-WholeBody's evaluation looks at, under its names -> the keypoints."""

BLOCK: Final = 50
"""True people who are looked at at a time: in a crowd their points beside those of everybody are many."""

_VARIANCES: Final = (2 * np.array(SIGMAS)) ** 2
_EPSILON: Final = float(np.spacing(1))
"""Added to areas, as in COCO's evaluation."""


def oks(truth: Person, found: Person, area: float) -> float:
    """Object keypoint similarity over the points that the truth has; 0 where it has none.

    Args:
        truth: Whose labelled points count.
        found: Whose missing points are wrong.
        area: Of the true person in square pixels.
    """
    labelled = truth.visibility > 0
    return float(terms(truth, found, area)[labelled].mean()) if labelled.any() else 0.0


def terms(truth: Person, found: Person, area: float) -> Doubles:
    """`(133,)` what each keypoint adds to the similarity: from 1 for the same place to 0; 0 where it was not found."""
    squared = ((truth.keypoints - found.keypoints) ** 2).sum(axis=1)
    near = np.exp(-squared / _VARIANCES / (area + _EPSILON) / 2)
    return np.where(found.visibility > 0, near, 0.0)


def matrices(truth: Sequence[Person], areas: Sequence[float], found: Sequence[Person]) -> dict[str, Doubles]:
    """For each of `COCO_PARTS` the `(found, truth)` similarities of an image, as COCO's evaluation takes them.

    Somebody without labelled points of a part is like whoever has their points of it in the box, made three times as
    wide and as high: such a person is ignored, with whoever is matched to them.
    """
    blocks = [
        _block(truth[start : start + BLOCK], areas[start : start + BLOCK], found)
        for start in range(0, max(len(truth), 1), BLOCK)
    ]
    return {part: np.concatenate([block[part] for block in blocks], axis=1) for part in COCO_PARTS}


def box_area(xyxy: XYXY) -> float:
    """A person's area by their box, as COCO-WholeBody's evaluation takes it where no outline is known."""
    left, top, right, bottom = xyxy
    return AREA_OF_BOX * max(right - left, 0.0) * max(bottom - top, 0.0)


def _block(truth: Sequence[Person], areas: Sequence[float], found: Sequence[Person]) -> dict[str, Doubles]:
    xy, seen = _stacked(found)
    true_xy, labelled = _stacked(truth)
    scale = (2 * _VARIANCES) * (np.array(areas, np.float64).reshape(-1, 1) + _EPSILON)
    apart = ((xy[:, None] - true_xy[None]) ** 2).sum(axis=3)
    beyond = _beyond(xy, np.array([person.xyxy for person in truth], np.float64).reshape(-1, 4))
    near = np.exp(-apart / scale) * seen[:, None]
    around = np.exp(-beyond / scale) * seen[:, None]
    return {part: _means(near, around, labelled, seen, span) for part, span in COCO_PARTS.items()}


def _stacked(people: Sequence[Person]) -> tuple[Doubles, Doubles]:
    """`(n, 133, 2)` places and `(n, 133)` whether they are there, as 0 and 1."""
    if not people:
        return np.zeros((0, len(SIGMAS), 2)), np.zeros((0, len(SIGMAS)))
    xy, visibility = (np.stack([getattr(one, key) for one in people]) for key in ("keypoints", "visibility"))
    return xy, (visibility > 0).astype(np.float64)


def _beyond(xy: Doubles, boxes: Doubles) -> Doubles:
    """`(found, truth, 133)` squared distance of each point from each box made three times as wide and high."""
    sides = boxes[:, 2:] - boxes[:, :2]
    low, high = (boxes[:, :2] - sides)[None, :, None], (boxes[:, 2:] + sides)[None, :, None]
    places = xy[:, None]
    outside = np.maximum(low - places, 0) + np.maximum(places - high, 0)
    return np.asarray((outside**2).sum(axis=3))


def _means(near: Doubles, around: Doubles, labelled: Doubles, seen: Doubles, span: slice) -> Doubles:
    counts, there = labelled[:, span].sum(axis=1), seen[:, span].sum(axis=1)
    like = (near[:, :, span] * labelled[None, :, span]).sum(axis=2) / np.maximum(counts, 1)
    close = around[:, :, span].sum(axis=2) / np.maximum(there, 1)[:, None]
    return np.asarray(np.where(counts[None] > 0, like, close))
