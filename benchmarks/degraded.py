"""The people of the ground truth as worse photographs and looser boxes show them. Knows no network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.box_refinement import inside
from benchmarks.inputs import TruePerson, true_people
from wholebody.images.decoding import BGR, decode_image
from wholebody.poses import Floats
from wholebody.process.memory_budget import MemoryBudget

SAME_PICTURE = ("webp", "cmyk", "exif6", "gray")
"""Files of the first picture whose ground truth holds."""
UNSTEADY = 0.05
"""Nobody's box is exact: each edge is off by up to this much of the width or height."""
SHAKEN, CUT, COVERED = 0.25, (0.15, 0.6), (0.2, 0.5)

Degradation = Callable[[TruePerson, np.random.Generator], TruePerson]


@dataclass(frozen=True, slots=True)
class Shown:
    """A person as the network is shown them.

    Attributes:
        person: The picture and the truth in its pixels; a part of the person may lie outside the picture.
        xyxy: `(4,)` float32 box as somebody drew it.
        source: Which person of the ground truth, in its order.
        kind: What was done to the picture.
    """

    person: TruePerson
    xyxy: Floats
    source: int
    kind: str


def shown_people(folder: Path, draws: int, rng: np.random.Generator) -> Iterator[Shown]:
    """Each person of the test data `draws` times a kind of degradation, each time drawn anew."""
    people = list(true_people(folder))
    for source, person in enumerate(people):
        for kind, degrade in DEGRADATIONS.items():
            for _ in range(draws):
                worse = degrade(person, rng)
                yield Shown(worse, drawn_box(worse, SHAKEN if kind == "box shaken" else UNSTEADY, rng), source, kind)
    files = sorted((folder / "hostile").glob("derived_000000000785[._]*"))
    for path in (path for path in files if any(mark in path.name for mark in SAME_PICTURE)):
        again = replace(people[0], bgr=decode_image(path.read_bytes(), MemoryBudget(1 << 30)).bgr)
        for _ in range(draws // len(SAME_PICTURE)):
            yield Shown(again, drawn_box(again, UNSTEADY, rng), 0, "other file")


def drawn_box(person: TruePerson, off: float, rng: np.random.Generator) -> Floats:
    """The true box as far as it is in the picture, each edge off by up to a share of the width or height."""
    xyxy = inside(person, person.xyxy)
    return inside(person, xyxy + rng.uniform(-off, off, 4).astype(np.float32) * np.tile(xyxy[2:] - xyxy[:2], 2))


def _longer_side(person: TruePerson) -> float:
    return float((person.xyxy[2:] - person.xyxy[:2]).max())


def _pixels(change: Callable[[BGR, TruePerson, np.random.Generator], np.ndarray]) -> Degradation:
    """A degradation that leaves everybody where they are."""

    def degrade(person: TruePerson, rng: np.random.Generator) -> TruePerson:
        return replace(person, bgr=change(person.bgr, person, rng).clip(0, 255).astype(np.uint8))

    return degrade


def _blurred(bgr: BGR, person: TruePerson, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(bgr, (0, 0), _longer_side(person) * rng.uniform(0.004, 0.03))


def _noisy(bgr: BGR, _: TruePerson, rng: np.random.Generator) -> np.ndarray:
    return bgr + rng.normal(0, rng.uniform(15, 80), bgr.shape)


def _small(bgr: BGR, person: TruePerson, rng: np.random.Generator) -> np.ndarray:
    """The person 20 to 80 pixels long, as in the background, and enlarged again."""
    scale = rng.uniform(20, 80) / _longer_side(person)
    few = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.resize(few, bgr.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _lit(bgr: BGR, _: TruePerson, rng: np.random.Generator) -> np.ndarray:
    return bgr * np.exp(rng.uniform(np.log(0.06), np.log(4)))


def _compressed(bgr: BGR, _: TruePerson, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(2, 20))
    return cv2.imdecode(cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)


def _covered(bgr: BGR, person: TruePerson, rng: np.random.Generator) -> np.ndarray:
    """Something gray before a part of the person. What it hides is still where it was."""
    size = person.xyxy[2:] - person.xyxy[:2]
    left, top = person.xyxy[:2] + rng.uniform(0, 1 - COVERED[1], 2) * size
    width, height = rng.uniform(*COVERED, 2) * size
    covered = bgr.copy()
    covered[int(top) : int(top + height), int(left) : int(left + width)] = rng.integers(0, 255, 3)
    return covered


def _rotated(person: TruePerson, rng: np.random.Generator) -> TruePerson:
    """Turned around the middle of the box, which stays."""
    middle = (person.xyxy[:2] + person.xyxy[2:]) / 2
    turn = cv2.getRotationMatrix2D(middle.tolist(), rng.uniform(-25, 25), 1)
    keypoints = np.asarray(person.keypoints @ turn[:, :2].T + turn[:, 2], np.float32)
    bgr = cv2.warpAffine(person.bgr, turn, person.bgr.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    return replace(person, bgr=np.asarray(bgr, np.uint8), keypoints=keypoints)


def _cut_off(person: TruePerson, rng: np.random.Generator) -> TruePerson:
    """The picture ends within the person's box, at one of its four sides."""
    height, width = person.bgr.shape[:2]
    box, share = person.xyxy, rng.uniform(*CUT)
    axis, from_start = int(rng.integers(2)), bool(rng.integers(2))
    gone = share * (box[2 + axis] - box[axis])
    edges = np.array((0, 0, width, height))
    edges[axis if from_start else 2 + axis] = int(box[axis] + gone if from_start else box[2 + axis] - gone)
    left, top, right, bottom = edges
    shift = np.array((left, top), np.float32)
    return replace(
        person,
        bgr=np.ascontiguousarray(person.bgr[top:bottom, left:right]),
        xyxy=box - np.tile(shift, 2),
        keypoints=person.keypoints - shift,
    )


def _as_it_is(person: TruePerson, _: np.random.Generator) -> TruePerson:
    return person


DEGRADATIONS: dict[str, Degradation] = {
    "clean": _as_it_is,
    "box shaken": _as_it_is,
    "blurred": _pixels(_blurred),
    "noisy": _pixels(_noisy),
    "small": _pixels(_small),
    "dark, bright": _pixels(_lit),
    "JPEG": _pixels(_compressed),
    "covered": _pixels(_covered),
    "rotated": _rotated,
    "cut off": _cut_off,
}
