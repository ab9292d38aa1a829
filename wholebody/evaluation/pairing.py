"""Predictions beside what annotators made of them: person by person, keypoint by keypoint."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from wholebody.dataset.choosing import submitted
from wholebody.dataset.images_of_tasks import ImagePeople, TaskReader
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.people import Doubles, Person
from wholebody.evaluation.similarity import box_area, oks
from wholebody.evaluation.sources import prediction_of, predictions_of
from wholebody.poses import XYXY, iou

Json = dict[str, Any]

UNMOVED_PX = 0.1
"""A point that is nearer than this to where it was predicted was left there: stored numbers are rounded, and a move by
hand is one pixel of the screen at least."""

SAME_PERSON = 0.5
"""Two people without a common region are one if their OKS or the IoU of their boxes is at least this."""

SAME_SHAPE = 0.01
"""How far the sizes of a picture may differ in shape and still be the same picture, enlarged or reduced."""

UNNAMED = "unnamed"
MOST_CHARS = 200
"""Of a name."""
MOST_SECONDS = 1e9

NOT_PREDICTED = "an annotation of a task without a prediction"
NUMBERS_ALONE = "an annotation whose prediction the file has the number of alone; take it with --project"
OLDER = "an annotation that is older than every prediction of its task, so that it came from none"
UNKNOWN_SIZE = "an image whose size its regions do not tell"
OTHER_SIZE = "an image that has another shape in its prediction than in its annotation"


class Outcome(IntEnum):
    """What became of a keypoint."""

    ABSENT = 0
    """Neither predicted nor annotated."""
    UNMOVED = 1
    MOVED = 2
    DELETED = 3
    ADDED = 4
    """Annotated alone: not found, or left out for its low score."""


@dataclass(frozen=True, slots=True)
class PairedPerson:
    """Somebody as predicted, and as annotated. Both in pixels of the upright image."""

    predicted: Person
    corrected: Person

    @property
    def outcomes(self) -> npt.NDArray[np.uint8]:
        """`(133,)` an `Outcome` for each keypoint."""
        before, after = self.predicted.visibility > 0, self.corrected.visibility > 0
        both = np.where(self.distances <= UNMOVED_PX, Outcome.UNMOVED, Outcome.MOVED)
        one = np.where(before, Outcome.DELETED, np.where(after, Outcome.ADDED, Outcome.ABSENT))
        return np.where(before & after, both, one).astype(np.uint8)

    @property
    def hidden(self) -> npt.NDArray[np.bool_]:
        """`(133,)` whether the annotator said that the keypoint is hidden, moved or not, and the prediction did not."""
        marked: npt.NDArray[np.bool_] = (self.corrected.visibility == 1) & (self.predicted.visibility != 1)
        return marked

    @property
    def distances(self) -> Doubles:
        """`(133,)` pixels from where it was predicted to where it is; NaN where not both are there."""
        both = (self.predicted.visibility > 0) & (self.corrected.visibility > 0)
        apart = np.linalg.norm(self.predicted.keypoints - self.corrected.keypoints, axis=1)
        return np.where(both, apart, np.nan)

    @property
    def side(self) -> float:
        """The longer side of the annotated box in pixels, by which shares are taken."""
        return longer_side(self.corrected.xyxy)


@dataclass(frozen=True, slots=True)
class PairedImage:
    """An image with the people of an annotation beside those of the prediction that it came from.

    Attributes:
        task_id: The task that it is of.
        image: The people of the annotation.
        predicted: The people of the prediction, in pixels of the same size.
        model_version: Of the prediction; `UNNAMED` where it has none.
        pairs: Who is in both.
        added: Who is only annotated.
        removed: Who is only predicted.
        lead_time: Seconds that Label Studio counted for the annotation, or `None`.
        annotator: E-mail address or number of who made it; `UNNAMED` where nothing tells.
    """

    task_id: Any
    image: ImagePeople
    predicted: ImagePeople
    model_version: str
    pairs: tuple[PairedPerson, ...]
    added: tuple[Person, ...]
    removed: tuple[Person, ...]
    lead_time: float | None
    annotator: str


@dataclass(frozen=True, slots=True)
class PairedTask:
    """The images of a task's annotations beside their predictions, and what was left out.

    A task with several annotations has each image several times.
    """

    images: tuple[PairedImage, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def pair_task(task: Json, reader: TaskReader) -> PairedTask:
    """Each submitted annotation of a task beside the prediction that it came from. Nothing is raised.

    Args:
        task: As Label Studio exports it.
        reader: Reads its people; its `annotator` holds here too.
    """
    predictions, images, left_out = predictions_of(task), list[PairedImage](), list[LeftOut]()
    annotations, without = submitted(task, reader.annotator)
    left_out += without
    for annotation in annotations:
        prediction = prediction_of(annotation, predictions)
        if prediction is None:
            given = bool(task.get("predictions"))
            reason = OLDER if predictions else NUMBERS_ALONE if given else NOT_PREDICTED
            left_out.append(LeftOut(reason, is_loss=reason != OLDER))
            continue
        paired = pair_entries(task, annotation, prediction, reader)
        images += paired.images
        left_out += paired.left_out
    return PairedTask(tuple(images), tuple(left_out))


def pair_entries(task: Json, annotation: Json, prediction: Json, reader: TaskReader) -> PairedTask:
    """The images of one annotation beside those of one prediction. Nothing is raised."""
    truth, found = reader.read_entry(task, annotation), reader.read_entry(task, prediction)
    images, left_out = list[PairedImage](), [*truth.left_out, *found.left_out]
    of_place = {(one.image, one.item_index, one.reference): one for one in found.images}
    for image in truth.images:
        predicted = of_place.get((image.image, image.item_index, image.reference))
        if predicted is None:
            continue  # what is wrong with it stands in what was left out
        try:
            images.append(_pair_image(annotation, prediction, image, predicted))
        except _NotComparableError as error:
            left_out.append(LeftOut(str(error), what=image.reference))
    return PairedTask(tuple(images), tuple(left_out))


def pair_people(
    predicted: Sequence[Person], corrected: Sequence[Person]
) -> tuple[list[PairedPerson], list[Person], list[Person]]:
    """Who is whom: by the regions that they have in common, else by their places.

    Returns:
        The pairs, who is only predicted, and who is only corrected.
    """
    pairs: list[PairedPerson] = []
    left, right = dict(enumerate(predicted)), dict(enumerate(corrected))
    for scores in (_common_regions, _likenesses):
        for _, i, j in sorted(scores(left, right), key=lambda one: (-one[0], one[1:])):
            if i in left and j in right:
                pairs.append(PairedPerson(left.pop(i), right.pop(j)))
    return pairs, [*left.values()], [*right.values()]


def longer_side(xyxy: XYXY) -> float:
    """Of a box, in pixels; at least 1."""
    left, top, right, bottom = xyxy
    return max(right - left, bottom - top, 1.0)


def version_of(prediction: Json) -> str:
    """The model version of a prediction; `UNNAMED` where it has none."""
    return str(prediction.get("model_version") or UNNAMED)[:MOST_CHARS]


def lead_time_of(annotation: Json) -> float | None:
    """Seconds that Label Studio counted for an annotation."""
    given = annotation.get("lead_time")
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return float(given) if 0 <= given <= MOST_SECONDS else None


def annotator_of(annotation: Json) -> str:
    """E-mail address or number of who made an annotation; `UNNAMED` where nothing tells."""
    by = annotation.get("completed_by")
    named = (by.get("email") or by.get("id")) if isinstance(by, dict) else by
    return UNNAMED if named is None else str(named)[:MOST_CHARS]


class _NotComparableError(Exception):
    """An image is not the same in annotation and prediction."""


def _pair_image(annotation: Json, prediction: Json, image: ImagePeople, predicted: ImagePeople) -> PairedImage:
    image, predicted = _in_one_size(image, predicted)
    pairs, removed, added = pair_people(predicted.people, image.people)
    return PairedImage(
        image.task["id"],
        image,
        predicted,
        version_of(prediction),
        tuple(pairs),
        tuple(added),
        tuple(removed),
        lead_time_of(annotation),
        annotator_of(annotation),
    )


def _in_one_size(image: ImagePeople, predicted: ImagePeople) -> tuple[ImagePeople, ImagePeople]:
    """Both in pixels of the annotation: Label Studio keeps percents, so a picture may have been enlarged.

    Regions alone tell a size. Where one of both has nobody, it is that of the other.
    """
    if not image.people:
        image = replace(image, size_wh=image.size_wh or predicted.size_wh)
    if not predicted.people:
        return image, replace(predicted, size_wh=image.size_wh)
    if image.size_wh is None or predicted.size_wh is None:
        raise _NotComparableError(UNKNOWN_SIZE)
    if image.size_wh == predicted.size_wh:
        return image, predicted
    scale = np.divide(image.size_wh, predicted.size_wh)
    if abs(scale[0] / scale[1] - 1) > SAME_SHAPE:
        raise _NotComparableError(f"{OTHER_SIZE} ({predicted.size_wh} is not {image.size_wh})")
    return image, replace(predicted, size_wh=image.size_wh, people=tuple(_scaled(predicted.people, scale)))


def _scaled(people: Sequence[Person], scale: Doubles) -> Iterator[Person]:
    for person in people:
        box = person.box and replace(person.box, xyxy=_times(person.box.xyxy, scale))
        yield replace(person, xyxy=_times(person.xyxy, scale), keypoints=person.keypoints * scale, box=box)


def _times(xyxy: XYXY, scale: Doubles) -> XYXY:
    left, top, right, bottom = (np.array(xyxy) * np.tile(scale, 2)).tolist()
    return left, top, right, bottom


Scored = tuple[float, int, int]
"""How much speaks for two people being one, the number of the predicted, the number of the corrected."""


def _common_regions(predicted: dict[int, Person], corrected: dict[int, Person]) -> list[Scored]:
    """How many boxes and keypoints have the same region."""
    owners = {key: number for number, person in predicted.items() for key in _regions(person)}
    counts = Counter(
        (owners[key], number) for number, person in corrected.items() for key in _regions(person) if key in owners
    )
    return [(count, i, j) for (i, j), count in counts.items()]


def _regions(person: Person) -> Iterator[tuple[int, str]]:
    """The regions of somebody, each with its keypoint; -1 for the box."""
    if person.box is not None and person.box.region_id:
        yield -1, person.box.region_id
    yield from ((keypoint, region) for keypoint, region in enumerate(person.region_ids) if region)


def _likenesses(predicted: dict[int, Person], corrected: dict[int, Person]) -> list[Scored]:
    """How near people are to each other, of those that are near enough."""
    found = []
    for j, truth in corrected.items():
        for i, person in predicted.items():
            overlap = iou(person.xyxy, truth.xyxy)
            score = max(overlap, oks(truth, person, box_area(truth.xyxy))) if overlap else 0.0
            if score >= SAME_PERSON:
                found.append((score, i, j))
    return found
