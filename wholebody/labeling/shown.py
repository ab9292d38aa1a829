"""What is shown of each person on an image, by the controls of a labeling config: all that regions are written of."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from wholebody.labeling.skeletons import SKELETONS
from wholebody.labeling.targets import ImageTarget, KeypointControl, SkeletonControl
from wholebody.poses import Floats, Poses

Masks = npt.NDArray[np.bool_]

MIN_JOINTS = 2
"""Joints that a skeleton has at least: a single one has no bone."""

SCORE_DIGITS = 6
"""As many as a 32-bit float has for certain, behind the point."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of `n` people.

    Attributes:
        points: `(n, 133)` which keypoints are points.
        joints: Key of `skeletons.SKELETONS` -> `(n, 133)` which keypoints are joints of it; none where it is not drawn.
        boxes: `(n,)` who has a box.
    """

    points: Masks
    joints: dict[str, Masks]
    boxes: Masks

    @classmethod
    def of(cls, poses: Poses, target: ImageTarget, point_threshold: float) -> Self:
        """Everything that scores enough.

        Args:
            poses: The people.
            target: The controls to fill.
            point_threshold: Keypoints with a lower score are left out, where a control does not say otherwise.
        """
        scores, box_scores = exact(poses.scores), exact(poses.box_scores)
        points = np.zeros(scores.shape, bool)
        for control in target.keypoints:
            points |= _seen(scores, box_scores, control, list(control.labels), point_threshold)
        joints = {}
        for skeleton in target.skeletons:
            for part in skeleton.labels:
                seen = _seen(scores, box_scores, skeleton, list(SKELETONS[part]), point_threshold)
                joints[part] = seen & (seen.sum(axis=1, keepdims=True) >= MIN_JOINTS)
        least = np.inf if target.box is None else target.box.score_threshold
        return cls(points, joints, np.asarray(box_scores >= least))

    @property
    def skeletons(self) -> npt.NDArray[np.int64]:
        """`(n,)` how many skeletons of each person are drawn."""
        count = np.zeros(len(self.boxes), np.int64)
        for joints in self.joints.values():
            count += joints.any(axis=1)
        return count

    @property
    def regions(self) -> npt.NDArray[np.int64]:
        """`(n,)` how many regions the editor has of each person: one for each point, skeleton and box."""
        return np.asarray(self.points.sum(axis=1) + self.skeletons + self.boxes)


def exact(scores: Floats) -> npt.NDArray[np.float64]:
    """Scores as they are compared with thresholds: a 32-bit 0.7 is a little less than a threshold of 0.7."""
    return np.asarray(scores.astype(np.float64).round(SCORE_DIGITS))


def _seen(
    scores: npt.NDArray[np.float64],
    box_scores: npt.NDArray[np.float64],
    control: KeypointControl | SkeletonControl,
    keypoints: list[int],
    point_threshold: float,
) -> Masks:
    """`(n, 133)` which of some keypoints a control shows. SimCC gives no place at all to one of score 0."""
    least = point_threshold if control.point_threshold is None else control.point_threshold
    found = np.zeros(scores.shape, bool)
    found[:, keypoints] = (scores[:, keypoints] >= least) & (scores[:, keypoints] > 0)
    return np.asarray(found & (box_scores >= control.score_threshold)[:, None])
