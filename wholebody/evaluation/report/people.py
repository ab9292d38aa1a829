"""The people with the largest corrections as the page shows them: picture, drawing, words and address."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np

from wholebody.evaluation.pairing import UNNAMED, Outcome
from wholebody.evaluation.person_pictures import PersonPicture, shown
from wholebody.evaluation.report.measure import Measure
from wholebody.evaluation.report.overlays import Overlay, overlay
from wholebody.evaluation.report.words import counted, percent
from wholebody.evaluation.worst import WorstPerson
from wholebody.images.loader import shown as shown_reference
from wholebody.keypoints import NAMES


@dataclass(frozen=True, slots=True)
class Card:
    """One person.

    Attributes:
        task_id: The number of the task.
        url: Where the task opens in Label Studio; `""` where its address is not known.
        picture: The picture as a data URI; `""` where there is none.
        missing: Why there is none.
        drawing: What lies over it.
        farthest: Which point was moved farthest, and how far; `""` where none was.
        did: What was done, in words.
        annotator: Who corrected; `""` where nothing tells.
        image: What the task calls the image.
    """

    task_id: str
    url: str
    picture: str
    missing: str
    drawing: Overlay
    farthest: str
    did: str
    annotator: str
    image: str


def cards(worst: Sequence[PersonPicture], label_studio: str, measure: Measure) -> Iterator[Card]:
    """The people in their order.

    Args:
        worst: With their pictures.
        label_studio: Address under which browsers know Label Studio, or `""`.
        measure: What points are called.
    """
    for one in worst:
        person = one.person
        yield Card(
            task_id=str(person.task_id),
            url=task_url(label_studio, person.project, person.task_id),
            picture=_data_uri(one.cutting.jpeg) if one.cutting else "",
            missing=one.missing,
            drawing=overlay(person, one.cutting.xyxy if one.cutting else shown(person)),
            farthest=_farthest(person),
            did=_did(person, measure),
            annotator="" if person.annotator == UNNAMED else person.annotator,
            image=shown_reference(person.reference),
        )


def task_url(label_studio: str, project: object, task_id: object) -> str:
    """Where a task opens in Label Studio; `""` where its address or the project's number is not known."""
    if not label_studio or project is None:
        return ""
    project, task = (quote(str(one), safe="") for one in (project, task_id))
    return f"{label_studio.rstrip('/')}/projects/{project}/data?task={task}"


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _farthest(person: WorstPerson) -> str:
    if not person.moved_share.any():
        return ""
    number = int(person.moved_share.argmax())
    return f"farthest {NAMES[number]}, {percent(float(person.moved_share[number]))} of the box"


def _did(person: WorstPerson, measure: Measure) -> str:
    kinds = zip((Outcome.MOVED, Outcome.DELETED, Outcome.ADDED), measure.outcomes, strict=True)
    counts = [(int(np.count_nonzero(person.outcomes == outcome)), verb) for outcome, verb in kinds]
    done = [f"{number} {verb}" for number, verb in counts if number]
    total = int(np.count_nonzero(person.outcomes != Outcome.ABSENT))
    return f"{', '.join(done)} of {counted(total, 'point')}"
