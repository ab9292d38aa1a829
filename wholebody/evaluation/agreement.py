"""Whether annotators agree: two annotations of one task beside each other, person by person."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from wholebody.dataset.people import Person
from wholebody.evaluation.comparisons import Comparison, compare
from wholebody.evaluation.pairing import UNMOVED_PX, PairedImage
from wholebody.evaluation.point_counts import PointCounts, offset_numbers
from wholebody.evaluation.similarity import COCO_PARTS, WHOLEBODY, box_area, terms
from wholebody.keypoints import NAMES, SIGMAS

MOST_PAIRS: Final = 1000
"""Pairs of annotators that are told apart; those who come later are put together."""

OTHERS: Final = "others"
LEAST_POINTS: Final = 10
"""Points of which a sigma is worth telling."""

Json = dict[str, Any]


class Agreement:
    """The agreement of annotators, over any number of tasks that several of them annotated."""

    def __init__(self) -> None:
        self._pairs, self._tasks = 0, 0
        self._people = {"both": 0, "one": 0}
        self._points = PointCounts(of_equals=True)
        self._oks = _Means()
        self._of_two: dict[tuple[str, str], _Two] = {}
        self._offsets: dict[str, _Offsets] = {}
        self._sigmas = _Sigmas()

    def add_task(self, pairs: Sequence[tuple[str, str, Sequence[PairedImage]]]) -> None:
        """Count a task.

        Args:
            pairs: Of each two of its annotations the annotators, and the images: the second annotation as what the
                first was compared with.
        """
        self._tasks += bool(pairs)
        for first, second, images in pairs:
            self._pairs += 1
            two = self._two(first, second)
            two.tasks += 1
            for image in images:
                self._add_image(image, first, second, two)

    def numbers(self) -> Json | None:
        """What `metrics.json` has under `agreement`; `None` where no task has two annotations."""
        if not self._pairs:
            return None
        return {
            "tasks": self._tasks,
            "pairs": self._pairs,
            "people": {**self._people},
            "oks": self._oks.numbers(),
            "points": {
                "all": self._points.all(),
                "parts": self._points.parts(),
                "keypoints": self._points.keypoints(),
            },
            "annotators": [
                {"annotators": [*names], **two.numbers()} for names, two in sorted(self._of_two.items())
            ],
        }  # fmt: skip

    def offsets(self, annotator: str) -> dict[str, Json]:
        """Where an annotator puts each keypoint, beside where the others put it."""
        given = self._offsets.get(annotator)
        return given.numbers() if given else {}

    def sigmas(self) -> dict[str, Json] | None:
        """What `metrics.json` has under `sigmas`; `None` where no task has two annotations."""
        return self._sigmas.numbers() if self._pairs else None

    def _two(self, first: str, second: str) -> "_Two":
        names = (min(first, second), max(first, second))
        if names not in self._of_two and len(self._of_two) >= MOST_PAIRS:
            names = (OTHERS, OTHERS)
        return self._of_two.setdefault(names, _Two())

    def _add_image(self, image: PairedImage, first: str, second: str, two: "_Two") -> None:
        compared = compare(image.pairs)
        self._points.add(compared)
        two.points.add(compared)
        alone = [*image.added, *image.removed]
        for people in (self._people, two.people):
            people["both"] += len(image.pairs)
            people["one"] += len(alone)
        for pair in image.pairs:
            self._sigmas.add(pair.predicted, pair.corrected)
            for means in (self._oks, two.oks):
                means.add(pair.predicted, pair.corrected)
        if first != second:
            self._offset(first).add(compared, -1)
            self._offset(second).add(compared, 1)

    def _offset(self, annotator: str) -> "_Offsets":
        if annotator not in self._offsets and len(self._offsets) >= MOST_PAIRS:
            annotator = OTHERS
        return self._offsets.setdefault(annotator, _Offsets())


class _Means:
    """Mean similarities by part; of each two, the mean of both directions."""

    def __init__(self) -> None:
        self._sums, self._counts = dict.fromkeys(COCO_PARTS, 0.0), dict.fromkeys(COCO_PARTS, 0)

    def add(self, one: Person, other: Person) -> None:
        found = [(truth, terms(truth, found, box_area(truth.xyxy))) for truth, found in ((one, other), (other, one))]
        for part, span in COCO_PARTS.items():
            seen = [(near[span], truth.visibility[span] > 0) for truth, near in found]
            means = [near[labelled].mean() for near, labelled in seen if labelled.any()]
            if means:
                self._sums[part] += float(np.mean(means))
                self._counts[part] += 1

    def numbers(self) -> dict[str, float | None]:
        return {part: self._sums[part] / count if count else None for part, count in self._counts.items()}


class _Two:
    """Two annotators."""

    def __init__(self) -> None:
        self.tasks = 0
        self.people = {"both": 0, "one": 0}
        self.points = PointCounts(by_keypoint=False, of_equals=True)
        self.oks = _Means()

    def numbers(self) -> Json:
        oks, points = self.oks.numbers()[WHOLEBODY], self.points.all()
        return {"tasks": self.tasks, "people": {**self.people}, "oks": oks, "points": points}


class _Offsets:
    """Of an annotator, by keypoint."""

    def __init__(self) -> None:
        count = len(NAMES)
        self._counts, self._sums, self._squares = np.zeros(count, np.int64), np.zeros((count, 2)), np.zeros(count)

    def add(self, compared: Comparison, sign: int) -> None:
        self._counts += np.isfinite(compared.pixels).sum(axis=0)
        self._sums += sign * compared.offsets.sum(axis=0)
        self._squares += (compared.offsets**2).sum(axis=(0, 2))

    def numbers(self) -> dict[str, Json]:
        return {
            NAMES[k]: {"count": int(self._counts[k])}
            | offset_numbers(int(self._counts[k]), self._sums[k], float(self._squares[k]))
            for k in np.flatnonzero(self._counts).tolist()
        }


class _Sigmas:
    """How far two annotators stray from each other, over the square root of the person's area, as COCO measured it."""

    def __init__(self) -> None:
        count = len(NAMES)
        self._sums, self._counts, self._same = np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.int64)

    def add(self, one: Person, other: Person) -> None:
        area = max((box_area(one.xyxy) + box_area(other.xyxy)) / 2, 1.0)
        both = (one.visibility > 0) & (other.visibility > 0)
        squared = ((one.keypoints - other.keypoints) ** 2).sum(axis=1)
        same = both & (squared <= UNMOVED_PX**2)
        self._same += same
        self._counts += both & ~same
        self._sums += np.where(both & ~same, squared / area, 0)

    def numbers(self) -> dict[str, Json]:
        return {
            NAMES[k]: {
                "sigma": float(np.sqrt(self._sums[k] / self._counts[k])) if self._counts[k] >= LEAST_POINTS else None,
                "coco": SIGMAS[k],
                "count": int(self._counts[k]),
                "same": int(self._same[k]),
            }
            for k in np.flatnonzero(self._counts + self._same).tolist()
        }
