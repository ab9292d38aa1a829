"""What annotators did: the numbers of some annotations beside the predictions that they came from."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from wholebody.evaluation.comparisons import Comparison, compare, outside_box
from wholebody.evaluation.pairing import UNMOVED_PX, Outcome, PairedImage, PairedPerson
from wholebody.evaluation.point_counts import PointCounts

FAST_S: Final = 5.0
"""An annotation that took less time was hardly looked at."""

MOST_TASKS: Final = 100
"""Tasks that are named."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An annotation beside its prediction, on all images of the task.

    Attributes:
        task_id: The task that it is of.
        model_version: Of the prediction.
        annotator: Who made it.
        lead_time: Seconds that it took, or `None`.
        score: Of the prediction.
        images: Its images, and the comparison of each.
    """

    task_id: Any
    model_version: str
    annotator: str
    lead_time: float | None
    score: object
    images: tuple[tuple[PairedImage, Comparison], ...]

    @classmethod
    def of(cls, images: Sequence[PairedImage]) -> "Reviewed":
        """The images of one annotation, at least one."""
        first = images[0]
        compared = tuple((image, compare(image.pairs)) for image in images)
        score = first.predicted.entry.get("score")
        return cls(first.task_id, first.model_version, first.annotator, first.lead_time, score, compared)

    @property
    def corrections(self) -> int:
        """How many points were moved, deleted, added or marked as hidden; those of people who were missed or removed
        too, and one for each of these."""
        of_people = 0
        for image, _ in self.images:
            of_people += sum(1 + int((one.visibility > 0).sum()) for one in (*image.added, *image.removed))
        return of_people + sum(compared.corrections for _, compared in self.images)

    @property
    def errors(self) -> int:
        """How many points of the annotation were not predicted, or not right; those of people who were missed too."""
        missed = sum(int((one.visibility > 0).sum()) for image, _ in self.images for one in image.added)
        seen = (Outcome.UNMOVED, Outcome.MOVED, Outcome.ADDED)
        return missed + sum(int((np.isin(one.outcomes, seen) & ~one.right).sum()) for _, one in self.images)

    @property
    def is_unchanged(self) -> bool:
        """Whether there was something, and all of it stayed as it was predicted, boxes too."""
        pairs = [pair for image, _ in self.images for pair in image.pairs]
        return bool(pairs) and not self.corrections and not any(map(_has_other_box, pairs))


class AnnotationCounts:
    """Numbers of annotations.

    Args:
        by_keypoint: Whether each keypoint has medians of its own.
    """

    def __init__(self, *, by_keypoint: bool = True) -> None:
        self.annotations = 0
        self.points = PointCounts(by_keypoint=by_keypoint)
        self._people = {"kept": 0, "missed": 0, "removed": 0}
        self._swaps, self._outside = 0, {"outside_box": 0, "outside_box_annotated": 0}
        self._times = array("d")
        self._unchanged, self._fast, self._fast_tasks = 0, 0, list[Any]()

    def add(self, review: Reviewed) -> None:
        """Count an annotation."""
        self.annotations += 1
        for image, compared in review.images:
            self.points.add(compared)
            self._people["kept"] += len(image.pairs)
            self._people["missed"] += len(image.added)
            self._people["removed"] += len(image.removed)
            self._swaps += int((compared.swaps > 0).sum())
            self._outside["outside_box"] += sum(map(outside_box, image.predicted.people))
            self._outside["outside_box_annotated"] += sum(map(outside_box, image.image.people))
        if review.lead_time is not None:
            self._times.append(review.lead_time)
        if review.is_unchanged:
            self._unchanged += 1
            if review.lead_time is not None and review.lead_time < FAST_S:
                self._fast += 1
                if len(self._fast_tasks) < MOST_TASKS:
                    self._fast_tasks.append(review.task_id)

    def numbers(self) -> Json:
        """All but the points."""
        times = np.array(self._times)
        median, p95 = np.quantile(times, (0.5, 0.95)).tolist() if len(times) else (None, None)
        return {
            "annotations": self.annotations,
            "people": {**self._people},
            "lead_time": {
                "count": len(times),
                "mean": float(times.mean()) if len(times) else None,
                "median": median,
                "p95": p95,
            },
            "swaps": self._swaps,
            **self._outside,
            "unchanged": self._unchanged,
            "unchanged_fast": self._fast,
            "unchanged_fast_tasks": [*self._fast_tasks],
        }


def _has_other_box(pair: PairedPerson) -> bool:
    before, after = pair.predicted.box, pair.corrected.box
    if before is None or after is None:
        return before is not after
    return bool(np.abs(np.subtract(before.xyxy, after.xyxy)).max() > UNMOVED_PX)
