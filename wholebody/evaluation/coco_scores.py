"""AP and AR by COCO-WholeBody's rules, from numbers that are kept while people go by."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wholebody.dataset.people import Doubles, Person
from wholebody.evaluation.packages import needed
from wholebody.evaluation.similarity import COCO_PARTS, matrices

MAX_FOUND = 20
"""People of an image who are looked at, the best scores first, as in COCO's evaluation of keypoints."""

SURE = 0.2
"""Keypoints with higher scores make up a person's score, as in mmpose's evaluation of COCO-WholeBody."""

CHUNK = 1000
"""Images that are given to the library at a time."""

EVERYTHING = [[0, 1e10]]


@dataclass(frozen=True, slots=True)
class TruePerson:
    """Somebody of the ground truth.

    Attributes:
        person: Where they are.
        area: In square pixels.
        is_crowd: Whether they stand for several people, so that whoever is found there is ignored.
    """

    person: Person
    area: float
    is_crowd: bool = False


class CocoScores:
    """AP and AR of a model, over any number of images.

    Kept are the similarities of the people of each image (some hundred bytes), not the people. At the end
    faster-coco-eval matches them and takes the means.
    """

    def __init__(self) -> None:
        self.images = 0
        self._parts = {part: _Kept() for part in COCO_PARTS}

    def add(self, truth: Sequence[TruePerson], found: Sequence[Person]) -> None:
        """Count an image.

        Somebody of whom no point of a part was found does not count as found there, and a point that was not found is
        wrong.
        """
        self.images += 1
        scores = np.array([person_score(one) for one in found])
        order = np.argsort(-scores, kind="stable")
        found, scores = [found[number] for number in order], scores[order]
        best = {
            part: [number for number, one in enumerate(found) if one.visibility[span].any()][:MAX_FOUND]
            for part, span in COCO_PARTS.items()
        }
        looked_at = sorted({number for numbers in best.values() for number in numbers})
        found, scores = [found[number] for number in looked_at], scores[looked_at]
        by_part = matrices([one.person for one in truth], [one.area for one in truth], found)
        for part, span in COCO_PARTS.items():
            there = [looked_at.index(number) for number in best[part]]
            labelled = [bool(one.person.visibility[span].any()) for one in truth]
            if there or any(labelled):
                crowd = [one.is_crowd for one in truth]
                self._parts[part].add(by_part[part][there], scores[there], labelled, crowd)

    def numbers(self) -> dict[str, dict[str, float | None]]:
        """For each of `COCO_PARTS` its AP, AP50, AP75 and AR; `None` where nobody of the truth has such points."""
        return {part: kept.numbers() for part, kept in self._parts.items()}


def person_score(person: Person) -> float:
    """The score of a found person: that of the box, times the mean of the sure keypoints; 1 where there are none."""
    sure = person.scores[(person.visibility > 0) & (person.scores > SURE)]
    box = 1.0 if person.box_score is None else person.box_score
    if len(sure):
        return box * float(sure.mean())
    return box if np.isnan(person.scores).all() else 0.0


@dataclass(slots=True)
class _Kept:
    """What is kept of one part: numbers one after the other, for each image how many there are."""

    counts: "array[int]" = field(default_factory=lambda: array("I"))
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    flags: "array[int]" = field(default_factory=lambda: array("B"))
    similarities: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, similarities: Doubles, scores: Doubles, labelled: list[bool], crowd: list[bool]) -> None:
        self.counts.extend(similarities.shape)
        self.scores.extend(scores.tolist())
        self.flags.extend(has_points + 2 * is_crowd for has_points, is_crowd in zip(labelled, crowd, strict=True))
        self.similarities.frombytes(np.ascontiguousarray(similarities).tobytes())

    def numbers(self) -> dict[str, float | None]:
        if not any(flag == 1 for flag in self.flags):
            return dict.fromkeys(("AP", "AP50", "AP75", "AR"))
        evaluation, results = None, []
        for chunk in self._chunks():
            evaluation = _evaluate(chunk)
            results += evaluation._evalImgs_cpp
        if evaluation is None:
            raise AssertionError("flags without images")
        # One category and one range of areas: the images follow each other.
        evaluation._evalImgs_cpp, evaluation._paramsEval.imgIds = results, [*range(len(results))]
        evaluation.accumulate()
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        thresholds = [*evaluation.params.iouThrs.round(2)]
        of = {f"AP{100 * at:.0f}": _mean(precision[thresholds.index(at)]) for at in (0.5, 0.75)}
        return {"AP": _mean(precision), **of, "AR": _mean(recall)}

    def _chunks(self) -> Any:
        """Some images at a time: how many people were found and are true, scores, flags and similarities of each."""
        counts = np.array(self.counts, np.int64).reshape(-1, 2)
        ends = np.concatenate(
            [np.zeros((1, 3), np.int64), np.cumsum(np.column_stack([counts, counts.prod(axis=1)]), 0)]
        )
        images = []
        for number, (found, true) in enumerate(counts.tolist()):
            (f, t, s), (f_end, t_end, s_end) = ends[number], ends[number + 1]
            like = np.array(self.similarities[s:s_end]).reshape(found, true)
            images.append((self.scores[f:f_end], self.flags[t:t_end], like))
            if len(images) == CHUNK:
                yield images
                images = []
        if images:
            yield images


def _evaluate(images: list[tuple[Any, Any, Doubles]]) -> Any:
    """The matches of some images, by the library; the similarities are there already."""
    library = needed("faster_coco_eval")

    class Evaluation(library.COCOeval_faster):  # type: ignore[misc, name-defined]
        """The library's, which would take the similarities from points."""

        def computeOks(self, image_id: int, category: int) -> Any:  # noqa: N802
            like = images[int(image_id)][2]
            return like if like.size else []

    true: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image_id, (scores, flags, _) in enumerate(images):
        common = {"image_id": image_id, "category_id": 1, "area": 1.0, "bbox": [0, 0, 1, 1], "keypoints": []}
        true += [
            {**common, "id": len(true) + number, "num_keypoints": flag & 1, "iscrowd": flag >> 1}
            for number, flag in enumerate(flags, 1)
        ]
        found += [{**common, "id": len(found) + number, "score": score} for number, score in enumerate(scores, 1)]
    sets = []
    for annotations in (true, found):
        one = library.COCO()
        one.dataset = {
            "images": [{"id": number, "width": 1, "height": 1} for number in range(len(images))],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "person"}],
        }
        one.createIndex()
        sets.append(one)
    evaluation = Evaluation(*sets, "keypoints", separate_eval=True, print_function=_silent)
    evaluation.params.imgIds, evaluation.params.catIds = [*range(len(images))], [1]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = EVERYTHING, ["all"]
    evaluation.evaluate()
    return evaluation


def _silent(*_: object) -> None:
    """What the library says while it works is for a terminal."""


def _mean(values: Any) -> float | None:
    known = values[values > -1]
    return float(known.mean()) if known.size else None
