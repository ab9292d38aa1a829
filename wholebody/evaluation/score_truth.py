"""Whether scores tell the truth: of keypoints by part, and of tasks."""

from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from wholebody.dataset.people import Doubles, Person
from wholebody.evaluation.comparisons import Comparison, own_scores
from wholebody.keypoints import PART_SLICES

BINS: Final = 10
TENTH: Final = 0.1
MOST: Final = 1e9
"""Beyond that it is no score."""

Json = dict[str, Any]


class ScoreTruth:
    """The scores of predicted keypoints beside whether they were right."""

    def __init__(self) -> None:
        self._counts = np.zeros((len(PART_SLICES), BINS), np.int64)
        self._right = np.zeros((len(PART_SLICES), BINS), np.int64)
        self._sums = np.zeros((len(PART_SLICES), BINS))

    def add(self, compared: Comparison, removed: Sequence[Person]) -> None:
        """Count the people of an image. The points of somebody who was removed were wrong."""
        self._add(compared.scores, compared.right)
        if removed:
            scores = np.stack([own_scores(person) for person in removed])
            self._add(scores, np.zeros(scores.shape, bool))

    def parts(self) -> dict[str, Json]:
        """Of each part its bins and its expected calibration error."""
        return {part.value: self._part(number) for number, part in enumerate(PART_SLICES)}

    def _add(self, scores: Doubles, right: Any) -> None:
        for number, span in enumerate(PART_SLICES.values()):
            known = np.isfinite(scores[:, span])
            given = scores[:, span][known].clip(0, 1)
            bins = np.minimum((given * BINS).astype(np.int64), BINS - 1)
            self._counts[number] += np.bincount(bins, minlength=BINS)
            self._sums[number] += np.bincount(bins, given, minlength=BINS)
            self._right[number] += np.bincount(bins[right[:, span][known]], minlength=BINS)

    def _part(self, number: int) -> Json:
        counts, sums, right = self._counts[number], self._sums[number], self._right[number]
        total = int(counts.sum())
        bins = [
            {
                "low": bin_ / BINS,
                "high": (bin_ + 1) / BINS,
                "count": int(counts[bin_]),
                "score": float(sums[bin_] / counts[bin_]) if counts[bin_] else None,
                "right": float(right[bin_] / counts[bin_]) if counts[bin_] else None,
            }
            for bin_ in range(BINS)
        ]
        return {"ece": float(np.abs(sums - right).sum() / total) if total else None, "bins": bins}


class FirstTenth:
    """The share of all corrections that lie in the tenth of the tasks with the lowest scores."""

    def __init__(self) -> None:
        self._scores, self._corrections = array("d"), array("I")

    def add(self, score: object, corrections: int) -> None:
        """Count a task; one whose prediction has no score does not count."""
        if isinstance(score, int | float) and not isinstance(score, bool) and abs(score) <= MOST:
            self._scores.append(score)
            self._corrections.append(corrections)

    def share(self) -> float | None:
        """That share. Of tasks with one score, at the border of the tenth, each counts in part."""
        return self._share_by(np.array(self._scores))

    def best(self) -> float | None:
        """What it would be, were the tasks with the most corrections those with the lowest scores."""
        return self._share_by(-np.array(self._corrections, np.float64))

    def _share_by(self, keys: Doubles) -> float | None:
        corrections = np.array(self._corrections, np.float64)
        if not corrections.sum():
            return None
        left, found = TENTH * len(keys), 0.0
        values, first = np.unique(keys, return_inverse=True)
        sizes, sums = np.bincount(first, minlength=len(values)), np.bincount(first, corrections, minlength=len(values))
        for size, summed in zip(sizes, sums, strict=True):
            taken = min(1.0, left / size)
            found += taken * summed
            left -= size
            if left <= 0:
                break
        return float(found / corrections.sum())
