"""Who is meant on an image, and their poses: in boxes of a task, in drawn boxes, under clicks; else everybody."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from wholebody.errors import PromptError
from wholebody.estimation.detections import Detections, ious
from wholebody.estimation.estimator import Estimator
from wholebody.estimation.seen_images import SeenImage
from wholebody.images.decoding import BGR
from wholebody.labeling.prompts import Prompts
from wholebody.labeling.task_boxes import DRAWN_SCORE, TaskBoxes
from wholebody.poses import Floats, Poses

SURE_SCORE = 0.5
FEWEST_SURE = 6
OUTSIDE_TOLERANCE = 0.02
"""Keypoints further outside the picture are not given, in shares of the longer side of the box: on its border they
would look sure and be wrong. It is the test network's own median error on the body (.019); what it puts outside a
half-length portrait lies .07 and more away."""

TIGHT_IOU = 0.7
"""A drawn box that overlaps the hull of the sure keypoints less than this is looked at once more, by the hull.

Measured by `benchmarks/box_refinement.py` on the ground truth of three people: with boxes whose edges are shaken by
15 % the median error falls from .0098 to .0089 of the box's longer side, with boxes drawn 25 % too wide at each side
from .0124 to .0076 (the mean from .026 to .012). Looking again by a detection that overlaps the box did not help
(.0114 and .0123).
"""


def estimate_people(seen: SeenImage, boxes: TaskBoxes | None, estimator: Estimator) -> Poses:
    """The people in the boxes that a task carries; where it carries none, everybody whom the detector finds.

    Returns:
        Poses in pixels of the image's file.
    """
    if boxes:
        poses = estimate_boxed(seen.bgr, boxes.fractions, boxes.scores, estimator, look_again=boxes.are_drawn)
    else:
        found = seen.detections(estimator.detect)
        poses = estimator.pose(seen.bgr, found.xyxy, found.scores)
    return _as_given(poses, seen, estimator)


def estimate_prompted(seen: SeenImage, prompts: Prompts, estimator: Estimator) -> Poses:
    """The people meant by boxes or clicks on an image.

    Returns:
        Poses in pixels of the image's file.

    Raises:
        PromptError: A box is too small, or there is nobody where the annotator clicked.
    """
    size_wh = (seen.bgr.shape[1], seen.bgr.shape[0])
    if len(prompts.boxes):
        if not _have_pixels(_in_pixels(prompts.boxes, size_wh))[-1]:  # an earlier one is passed over, as with clicks
            raise PromptError("the box is smaller than a pixel; draw it around the whole person")
        drawn = np.full(len(prompts.boxes), DRAWN_SCORE, np.float32)
        return _as_given(estimate_boxed(seen.bgr, prompts.boxes, drawn, estimator), seen, estimator)
    found = seen.detections(estimator.detect)
    chosen = people_under(found, _in_pixels(prompts.clicks, size_wh), _in_pixels(prompts.excluded, size_wh))
    return _as_given(estimator.pose(seen.bgr, found.xyxy[chosen], found.scores[chosen]), seen, estimator)


def _as_given(poses: Poses, seen: SeenImage, estimator: Estimator) -> Poses:
    """In pixels of the image's file, without keypoints that lie outside it, with calibrated scores."""
    return estimator.calibration.apply(poses.inside(OUTSIDE_TOLERANCE).scaled_to(seen.size_wh))


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


def _have_pixels(xyxy: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(np.min(xyxy[:, 2:] - xyxy[:, :2], axis=1) >= 1)


def estimate_boxed(
    bgr: BGR, boxes: Floats, box_scores: Floats, estimator: Estimator, *, look_again: bool = True
) -> Poses:
    """The people in given boxes, which their poses keep; the detector is not asked.

    Args:
        bgr: `(h, w, 3)` uint8 BGR image.
        boxes: `(n, 4)` float32 left, top, right, bottom in fractions of it; what is smaller than a pixel is left out.
        box_scores: `(n,)` float32, 0..1.
        estimator: The networks.
        look_again: Whether boxes that the keypoints fill badly are looked at once more, as drawn ones should be: at
            worst it takes twice the time.
    """
    xyxy = _in_pixels(boxes, (bgr.shape[1], bgr.shape[0]))
    has_pixels = _have_pixels(xyxy)
    xyxy = xyxy[has_pixels]
    poses = estimator.pose(bgr, xyxy, box_scores[has_pixels])
    if not look_again:
        return poses
    hulls = [sure_hull(poses, person) for person in range(len(poses))]
    loose = [p for p, hull in enumerate(hulls) if hull is not None and ious(xyxy[p : p + 1], hull)[0] < TIGHT_IOU]
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


def _in_pixels(fractions: Floats, size_wh: tuple[int, int]) -> Floats:
    """`(n, 2)` points or `(n, 4)` boxes in fractions of the image -> pixels, inside the image."""
    scale = np.array(size_wh * (fractions.shape[1] // 2), np.float32)
    return np.asarray(fractions.clip(0, 1) * scale, np.float32)
