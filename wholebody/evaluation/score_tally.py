"""How many predicted points had which score, and how many of them annotators left, of any number of tasks."""

import hashlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wholebody.dataset.people import Doubles, Person
from wholebody.dataset.splits import identity
from wholebody.estimation.calibration import Calibration
from wholebody.evaluation.comparisons import own_scores
from wholebody.evaluation.pairing import UNMOVED_PX, PairedImage, PairedPerson
from wholebody.keypoints import PART_SLICES, Part

STEPS: Final = 10_000
"""Predictions have scores of four digits, so a count for each of them loses nothing."""

FOLDS: Final = 5
"""Tasks are parted into as many; each is judged by what was learned from the others."""

WRONG, RIGHT = 0, 1

Counts = npt.NDArray[np.int64]


class ScoreTally:
    """The scores of predicted points, and whether annotators left these points.

    Args:
        within: By how much a point may have been moved and still count as left, as a share of the longer side of its
            person's box.

    Attributes:
        counts: `(FOLDS, parts, STEPS + 1, 2)` points: by the fold of their picture, their part in the order of `Part`,
            their score in `1 / STEPS`, and whether they were wrong or right.
        tasks: `(parts,)` how many tasks they are of.
    """

    def __init__(self, within: float) -> None:
        self._within = within
        self.counts: Counts = np.zeros((FOLDS, len(Part), STEPS + 1, 2), np.int64)
        self.tasks: Counts = np.zeros(len(Part), np.int64)
        self._last: list[Any] = [None] * len(Part)

    def add(self, image: PairedImage, calibration: Calibration) -> int:
        """Count the predicted points of an image.

        Args:
            image: The image. Those of one task come one after the other.
            calibration: What the scores of its prediction have been through; it is undone.

        Returns:
            How many joints of skeletons could not be counted: a skeleton has one score for all of them.
        """
        fold = fold_of(image.image.reference)
        people = [(pair.predicted, self._left(pair)) for pair in image.pairs]
        people += [(person, np.zeros(len(person.scores), bool)) for person in image.removed]
        return sum(self._add(image.task_id, fold, *person, calibration) for person in people)

    def _left(self, pair: PairedPerson) -> npt.NDArray[np.bool_]:
        """`(133,)` whether each keypoint lies where it was predicted, or near enough."""
        left: npt.NDArray[np.bool_] = pair.distances <= max(self._within * pair.side, UNMOVED_PX)
        return left

    def _add(
        self, task_id: Any, fold: int, person: Person, left: npt.NDArray[np.bool_], calibration: Calibration
    ) -> int:
        scores = own_scores(person)
        given = (person.visibility > 0) & np.isfinite(scores)
        for number, (part, span) in enumerate(PART_SLICES.items()):
            chosen = given[span]
            if not chosen.any():
                continue
            self._count(fold, number, calibration.undo(scores[span][chosen], part), left[span][chosen])
            if self._last[number] != task_id:
                self._last[number] = task_id
                self.tasks[number] += 1
        return int((np.isfinite(person.scores) & np.isnan(scores)).sum())

    def _count(self, fold: int, part: int, scores: Doubles, left: npt.NDArray[np.bool_]) -> None:
        steps = np.rint(scores.clip(0, 1) * STEPS).astype(np.int64)
        np.add.at(self.counts[fold, part].reshape(-1), 2 * steps + left, 1)


def fold_of(reference: str) -> int:
    """The fold of a picture, by a hash of what it is called: copies of it are in the same."""
    digest = hashlib.sha256(identity(reference).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % FOLDS
