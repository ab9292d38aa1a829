"""Prompts on an image -> poses of the people that the annotator means."""

from collections.abc import Collection

import numpy as np

from wholebody.errors import PromptError
from wholebody.estimation.estimator import Estimator
from wholebody.estimation.outputs import Detections
from wholebody.images.cache import SeenImage
from wholebody.images.decoding import BGR
from wholebody.labeling.prompts import Prompts
from wholebody.poses import Floats, Poses

DRAWN_SCORE = 1.0
"""Score of a person box that a person drew."""

SURE_SCORE = 0.5
FEWEST_SURE = 6
TIGHT_IOU = 0.7
"""A drawn box that overlaps the hull of the sure keypoints less than this is looked at once more, by the hull.

Measured by `benchmarks/box_refinement.py` on the ground truth of three people: with boxes whose edges are shaken by
15 % the median error falls from .0098 to .0089 of the box's longer side, with boxes drawn 25 % too wide at each side
from .0124 to .0076 (the mean from .026 to .012). Looking again by a detection that overlaps the box did not help
(.0114 and .0123).
"""


def estimate_prompted(seen: SeenImage, prompts: Prompts, estimator: Estimator) -> Poses:
    """The people meant by boxes or clicks on an image.

    Raises:
        PromptError: A box is too small, or there is nobody where the annotator clicked.
    """
    size_wh = (seen.bgr.shape[1], seen.bgr.shape[0])
    if len(prompts.boxes):
        return _pose_drawn(seen.bgr, _in_pixels(prompts.boxes, size_wh), estimator)
    found = seen.detections(estimator.detect)
    chosen = people_under(found, _in_pixels(prompts.clicks, size_wh), _in_pixels(prompts.excluded, size_wh))
    return estimator.pose(seen.bgr, found.xyxy[chosen], found.scores[chosen])


def people_under(found: Detections, clicks: Floats, excluded: Floats) -> list[int]:
    """The people meant by clicks: for each the smallest box that contains it, without those excluded.

    Args:
        found: The people in the image.
        clicks: `(m, 2)` x, y in pixels.
        excluded: `(k, 2)` x, y in pixels of points on people who are not meant.

    Returns:
        Indices into `found`, each once, in the order of the clicks.

    Raises:
        PromptError: Nobody is under the last click, or all are excluded. An earlier click on nobody is passed
            over, or it would spoil all that come after it.
    """
    sizes = (found.xyxy[:, 2:] - found.xyxy[:, :2]).prod(axis=1)
    banned = {person for person in (_smallest_around(found, sizes, point) for point in excluded) if person is not None}
    people = [_smallest_around(found, sizes, point, banned) for point in clicks]
    if people[-1] is None:
        raise PromptError("no person under the point; draw a box around the person instead")
    return list(dict.fromkeys(person for person in people if person is not None))


def _smallest_around(found: Detections, sizes: Floats, point: Floats, banned: Collection[int] = ()) -> int | None:
    inside = ((found.xyxy[:, :2] <= point) & (point <= found.xyxy[:, 2:])).all(axis=1)
    candidates = [person for person in np.flatnonzero(inside).tolist() if person not in banned]
    return min(candidates, key=lambda person: float(sizes[person]), default=None)


def _pose_drawn(bgr: BGR, xyxy: Floats, estimator: Estimator) -> Poses:
    has_pixels = np.min(xyxy[:, 2:] - xyxy[:, :2], axis=1) >= 1
    if not has_pixels[-1]:  # an earlier one is passed over, as an earlier click on nobody
        raise PromptError("the box is smaller than a pixel; draw it around the whole person")
    xyxy = xyxy[has_pixels]
    poses = estimator.pose(bgr, xyxy, np.full(len(xyxy), DRAWN_SCORE, np.float32))
    hulls = [sure_hull(poses, person) for person in range(len(poses))]
    loose = [p for p, hull in enumerate(hulls) if hull is not None and _iou(hull, xyxy[p]) < TIGHT_IOU]
    if not loose:
        return poses
    again = estimator.pose(bgr, np.stack([hulls[p] for p in loose]), poses.box_scores[loose])  # type: ignore[misc]
    keypoints, scores = poses.keypoints.copy(), poses.scores.copy()
    keypoints[loose], scores[loose] = again.keypoints, again.scores
    return Poses(poses.size_wh, xyxy, poses.box_scores, keypoints, scores)


def sure_hull(poses: Poses, person: int) -> Floats | None:
    """`(4,)` xyxy around the keypoints of a person with a score of `SURE_SCORE`; `None` where these are too few."""
    sure = poses.keypoints[person][poses.scores[person] >= SURE_SCORE]
    if len(sure) < FEWEST_SURE:
        return None
    hull = np.concatenate([sure.min(axis=0), sure.max(axis=0)])
    return hull if ((hull[2:] - hull[:2]) >= 1).all() else None


def _iou(a: Floats, b: Floats) -> float:
    inner = (np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).clip(0).prod()
    return float(inner / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner))


def _in_pixels(fractions: Floats, size_wh: tuple[int, int]) -> Floats:
    """`(n, 2)` points or `(n, 4)` boxes in fractions of the image -> pixels, inside the image."""
    scale = np.array(size_wh * (fractions.shape[1] // 2), np.float32)
    return np.asarray(fractions.clip(0, 1) * scale, np.float32)
