"""People of drawn figures whose points somebody corrected: for the tests of what the report shows of people."""

from typing import Any

import numpy as np

from wholebody.dataset.images_of_tasks import ImagePeople
from wholebody.dataset.people import Person
from wholebody.evaluation.comparisons import compare
from wholebody.evaluation.pairing import PairedImage, PairedPerson
from wholebody.evaluation.worst import WorstPeople

SIZE_WH = (400, 300)


def person(xy: Any, visibility: Any, xyxy: tuple[float, float, float, float]) -> Person:
    """Somebody at these places."""
    labelled = np.asarray(visibility, np.uint8)
    places = np.where(labelled[:, None] > 0, np.asarray(xy, np.float64), 0.0)
    return Person(xyxy, places, labelled, np.full(133, np.nan), ("",) * 133, ("",) * 133, None)


def corrected(
    moves: dict[int, float], *, deleted: tuple[int, ...] = (), added: tuple[int, ...] = (), seed: int = 0
) -> PairedPerson:
    """Somebody whose box is 100 x 200 pixels, with these keypoints moved to the right by so many pixels."""
    rng = np.random.default_rng(seed)
    before = rng.uniform((50, 50), (150, 250), (133, 2))
    after, was, is_ = before.copy(), np.full(133, 2), np.full(133, 2)
    for keypoint, distance in moves.items():
        after[keypoint, 0] += distance
    was[list(added)], is_[list(deleted)] = 0, 0
    box = (50.0, 50.0, 150.0, 250.0)
    return PairedPerson(person(before, was, box), person(after, is_, box))


def image(*pairs: PairedPerson, number: int = 7, version: str = "a", reference: str = "x.png") -> PairedImage:
    """A picture with these people."""
    task = {"id": number, "project": 3, "data": {"image": reference}}
    people = ImagePeople(task, {}, reference, "img", None, SIZE_WH, tuple(pair.corrected for pair in pairs))
    return PairedImage(number, people, people, version, pairs, (), (), 12.0, "ann@example.com")


def see(worst: WorstPeople, seen: PairedImage) -> None:
    """Show the picture to those who keep the largest corrections, as an evaluation does."""
    worst.see(seen, compare(seen.pairs))
