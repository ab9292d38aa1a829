"""The people with the largest corrections, kept while tasks pass by; their pictures are `person_pictures.py`'s."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wholebody.dataset.people import XYXY, Doubles
from wholebody.evaluation.pairing import Outcome, PairedImage, PairedPerson

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
        correction: How large the correction is, as `correction` has it.
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

    def see(self, image: PairedImage) -> None:
        """Look at the people of an image."""
        least = self._least.get(image.model_version, 0.0)
        for pair in image.pairs:
            size = correction(pair)
            if size > least and image.image.size_wh is not None:
                self._keep(_worst(image, pair, size, image.image.size_wh))

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


def correction(pair: PairedPerson) -> float:
    """How large the correction of a person is: the mean over all their points of how far each was moved.

    Distances are shares of the longer side of the annotated box, at most 1. A point that was deleted or added counts
    as `GONE_AS`.
    """
    outcomes = pair.outcomes
    is_gone = np.isin(outcomes, (Outcome.DELETED, Outcome.ADDED))
    each = np.where(is_gone, GONE_AS, np.minimum(_moved_share(pair), 1.0))[outcomes != Outcome.ABSENT]
    return float(each.mean()) if each.size else 0.0


def _moved_share(pair: PairedPerson) -> Doubles:
    return np.where(pair.outcomes == Outcome.MOVED, pair.distances / pair.side, 0.0)


def _worst(image: PairedImage, pair: PairedPerson, size: float, size_wh: tuple[int, int]) -> WorstPerson:
    return WorstPerson(
        task_id=image.task_id,
        project=image.image.task.get("project"),
        reference=image.image.reference,
        model_version=image.model_version,
        annotator=image.annotator,
        size_wh=size_wh,
        xyxy=pair.corrected.xyxy,
        predicted=pair.predicted.keypoints,
        corrected=pair.corrected.keypoints,
        outcomes=pair.outcomes,
        moved_share=_moved_share(pair),
        correction=size,
    )
