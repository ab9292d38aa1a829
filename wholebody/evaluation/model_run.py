"""The loaded model run over the pictures of a ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from wholebody.dataset.coco_format import area_of
from wholebody.dataset.coco_reader import CocoImage, CocoPerson
from wholebody.dataset.images_of_tasks import ImagePeople
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.people import Doubles, Person
from wholebody.dataset.shapes import LABELLED, Box
from wholebody.errors import ImageError
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.prompted import estimate_people
from wholebody.estimation.seen_images import SeenImage
from wholebody.estimation.weights import find_weights, model_version
from wholebody.evaluation.coco_scores import TruePerson
from wholebody.evaluation.pairing import UNNAMED, PairedImage, PairedPerson, pair_people
from wholebody.images.decoding import Picture, decode_image
from wholebody.images.picture_folder import read_inside
from wholebody.keypoints import NAMES
from wholebody.poses import Poses
from wholebody.process.memory_budget import MemoryBudget
from wholebody.settings import Settings

GONE: Final = "a picture that cannot be read: "
OUTSIDE: Final = "a picture whose name leads out of the folder of --images"
OTHER_SIZE: Final = "a picture of another size than the file says"


@dataclass(frozen=True, slots=True)
class ModelImage:
    """A picture with the people of the ground truth and those of the model.

    Attributes:
        paired: Both beside each other; of the model only points that the backend would show and that the truth has.
        truth: All people of the ground truth.
        found: All people of the model, with all their points.
    """

    paired: PairedImage
    truth: tuple[TruePerson, ...]
    found: tuple[Person, ...]


class Model:
    """The weights of the settings, opened.

    Args:
        settings: Weights, device, thresholds: as the backend takes them.

    Raises:
        ModelError: Weights or device cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        weights = find_weights(settings)
        self._estimator = load_estimator(settings, weights, threads=0, concurrency=1)
        self.version = model_version(settings, weights, self._estimator.traits)
        self._threshold = settings.confidence_threshold
        self._budget = MemoryBudget(settings.image_memory_bytes)
        self._max_bytes = settings.image_max_bytes

    def look_at(self, image: CocoImage, folder: Path) -> ModelImage | LeftOut:
        """Find the people of a picture, and compare them with those of the file.

        Returns:
            Both, or why not.
        """
        try:
            poses = self._poses(folder, image.file_name)
        except ImageError as error:
            reason = OUTSIDE if error.cause == "image_refused" else GONE + error.reason
            return LeftOut(reason, what=image.file_name)
        if poses.size_wh != image.size_wh:
            return LeftOut(f"{OTHER_SIZE} ({poses.size_wh} is not {image.size_wh})", what=image.file_name)
        true = [_true_person(one) for one in image.people]
        found, shown = (tuple(_people(poses, least)) for least in (0.0, self._threshold))
        score = round(float(poses.scores.mean()), 4) if len(poses) else 0.0
        return ModelImage(self._paired(image, shown, true, score), tuple(true), found)

    def _poses(self, folder: Path, file_name: str) -> Poses:
        picture = picture_of_folder(folder, file_name, self._max_bytes, self._budget)
        try:
            return estimate_people(SeenImage(picture), None, self._estimator)
        finally:
            picture.share.release()

    def _paired(self, image: CocoImage, shown: tuple[Person, ...], true: list[TruePerson], score: float) -> PairedImage:
        task_id = image.entry.get("id", image.file_name)
        task = {"id": task_id, "data": {"image": image.file_name}}
        people = tuple(one.person for one in true if not one.is_crowd)
        crowds = [one.person for one in true if one.is_crowd]
        pairs, removed, added = pair_people(shown, people)
        return PairedImage(
            task_id,
            ImagePeople(task, {}, image.file_name, "", None, image.size_wh, people),
            ImagePeople(task, {"score": score}, image.file_name, "", None, image.size_wh, shown),
            self.version,
            tuple(PairedPerson(_compared(pair), pair.corrected) for pair in pairs),
            tuple(added),
            tuple(one for one in removed if not any(_is_in(one, crowd) for crowd in crowds)),
            None,
            UNNAMED,
        )


def picture_of_folder(folder: Path, file_name: str, max_bytes: int, budget: MemoryBudget) -> Picture:
    """A picture of a ground truth, with the limits of the backend. The caller lets go of its `share`.

    Raises:
        ImageError: It cannot be read, or its name leads out of the folder.
    """
    share = budget.count()
    try:
        return decode_image(read_inside(folder, file_name, max_bytes, share), budget, share)
    except (OSError, ValueError) as error:
        raise ImageError(getattr(error, "strerror", None) or str(error)) from None
    finally:
        share.release()


def _compared(pair: PairedPerson) -> Person:
    """The found one without the points that the ground truth does not have: it does not say that they are wrong."""
    labelled = pair.corrected.visibility > 0
    visibility, scores = (
        np.where(labelled, pair.predicted.visibility, 0),
        np.where(labelled, pair.predicted.scores, np.nan),
    )
    return replace(pair.predicted, visibility=visibility.astype(np.uint8), scores=scores)


def _is_in(person: Person, crowd: Person) -> bool:
    """Whether the middle of somebody's box is in that of a crowd."""
    left, top, right, bottom = person.xyxy
    x, y = (left + right) / 2, (top + bottom) / 2
    return crowd.xyxy[0] <= x <= crowd.xyxy[2] and crowd.xyxy[1] <= y <= crowd.xyxy[3]


def _true_person(given: CocoPerson) -> TruePerson:
    nan = np.full(len(NAMES), np.nan)
    person = _person(given.xyxy, given.rows[:, :2], given.rows[:, 2].astype(np.uint8), nan, None)
    return TruePerson(person, *area_of(person, given.kept))


def _people(poses: Poses, least: float) -> Iterator[Person]:
    """Those of the model, with the points whose scores are at least so high."""
    for xyxy, box_score, keypoints, scores in zip(
        poses.xyxy.astype(np.float64), poses.box_scores, poses.keypoints, poses.scores, strict=True
    ):
        seen = (scores > 0) & (scores.astype(np.float64).round(6) >= least)  # as regions are written
        places = np.where(seen[:, None], keypoints, 0).astype(np.float64)
        visibility = np.where(seen, LABELLED, 0).astype(np.uint8)
        left, top, right, bottom = xyxy.tolist()
        known = np.where(seen, scores, np.nan).astype(np.float64)
        yield _person((left, top, right, bottom), places, visibility, known, float(box_score))


def _person(
    xyxy: tuple[float, float, float, float], places: Doubles, visibility: np.ndarray, scores: Doubles, box: float | None
) -> Person:
    nothing = ("",) * len(NAMES)
    return Person(xyxy, places, visibility, scores, nothing, nothing, Box(xyxy, box, "", ""))
