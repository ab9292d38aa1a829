"""The people with the largest corrections, kept while tasks pass by; their pictures are `person_pictures.py`'s."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wholebody.dataset.people import Doubles
from wholebody.evaluation.comparisons import Comparison
from wholebody.evaluation.pairing import Outcome, PairedImage
from wholebody.poses import XYXY

MOST = 24
"""People whom the report shows."""

GONE_AS = 0.1
"""A point that was deleted or added counts like one that was moved by this share of the box."""


@dataclass(frozen=True, slots=True)
class WorstPerson:
    """Somebody whose points were corrected: as little of them as a picture needs.

    Attributes:
        task_id: The task.
        project: The number of its project; `None` where the task does not say.
        reference: What the task's data says of the image.
        model_version: Who predicted.
        annotator: Who corrected, as the pairing names them.
        size_wh: Width and height of the upright image in pixels.
        xyxy: The corrected box in pixels.
        predicted: `(133, 2)` float64 x, y in pixels.
        corrected: `(133, 2)` float64 x, y in pixels.
        outcomes: `(133,)` uint8, an `Outcome` for each keypoint.
        moved_share: `(133,)` float64: how far each point was moved, over the longer side of the box; else 0.
        correction: How large the correction is, as `corrections` has it.
    """

    task_id: Any
    project: Any
    reference: str
    model_version: str
    annotator: str
    size_wh: tuple[int, int]
    xyxy: XYXY
    predicted: Doubles
    corrected: Doubles
    outcomes: npt.NDArray[np.uint8]
    moved_share: Doubles
    correction: float


class WorstPeople:
    """Keeps those with the largest corrections of each model version, and nothing else of what it sees.

    Somebody whom several annotators corrected is kept once, as corrected most.

    Args:
        most: How many of each version.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: dict[str, dict[object, WorstPerson]] = {}
        self._least: dict[str, float] = {}

    def see(self, image: PairedImage, compared: Comparison) -> None:
        """Look at the people of an image, and at what became of their points."""
        least, size_wh = self._least.get(image.model_version, 0.0), image.image.size_wh
        sizes = corrections(compared)
        for number in np.flatnonzero(sizes > least) if size_wh else ():
            self._keep(_worst(image, compared, int(number), float(sizes[number])))

    def people(self, model_version: str) -> list[WorstPerson]:
        """Those of a model version, the largest correction first; of equal ones the first that was seen."""
        kept = self._kept.get(model_version, {}).values()
        return sorted(kept, key=lambda person: -person.correction)

    def _keep(self, person: WorstPerson) -> None:
        kept = self._kept.setdefault(person.model_version, {})
        who = (str(person.task_id), person.reference, person.predicted.tobytes())
        if who in kept and kept[who].correction >= person.correction:
            return
        kept[who] = person
        if len(kept) > self._most:
            del kept[min(reversed(kept), key=lambda one: kept[one].correction)]
        if len(kept) == self._most:
            self._least[person.model_version] = min(one.correction for one in kept.values())


def corrections(compared: Comparison) -> Doubles:
    """`(n,)` how large the correction of each person is: the mean over their points of how far each was moved.

    Distances are shares of the longer side of the annotated box, at most 1. A point that was deleted or added counts
    as `GONE_AS`.
    """
    outcomes = compared.outcomes
    is_gone = np.isin(outcomes, (Outcome.DELETED, Outcome.ADDED))
    each = np.where(is_gone, GONE_AS, np.minimum(_moved_share(compared), 1.0))
    counts = (outcomes != Outcome.ABSENT).sum(axis=1)
    return np.asarray(each.sum(axis=1) / np.maximum(counts, 1), np.float64)


def _moved_share(compared: Comparison) -> Doubles:
    return np.where(compared.outcomes == Outcome.MOVED, compared.shares, 0.0)


def _worst(image: PairedImage, compared: Comparison, number: int, size: float) -> WorstPerson:
    pair = image.pairs[number]
    return WorstPerson(
        task_id=image.task_id,
        project=image.image.task.get("project"),
        reference=image.image.reference,
        model_version=image.model_version,
        annotator=image.annotator,
        size_wh=image.image.size_wh or (1, 1),
        xyxy=pair.corrected.xyxy,
        predicted=pair.predicted.keypoints,
        corrected=pair.corrected.keypoints,
        outcomes=compared.outcomes[number],
        moved_share=_moved_share(compared)[number],
        correction=size,
    )
