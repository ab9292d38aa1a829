"""AP and AR: the same as pycocotools', which has nothing in common with what computes them here."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from tests.evaluation.people import somebody
from wholebody.dataset.people import Person
from wholebody.evaluation import coco_scores, similarity
from wholebody.evaluation.coco_scores import CocoScores, TruePerson, person_score
from wholebody.evaluation.similarity import COCO_PARTS, box_area
from wholebody.keypoints import NAMES, PART_SLICES, SIGMAS

IMAGES, SIZE, SEED = 60, 600.0, 5

FROZEN = {
    "wholebody": (0.1384, 0.2726, 0.0867, 0.3863),
    "body": (0.1142, 0.2253, 0.0712, 0.3619),
    "foot": (0.1593, 0.3108, 0.1233, 0.3929),
    "face": (0.1304, 0.2654, 0.0752, 0.3762),
    "lefthand": (0.1581, 0.3365, 0.0946, 0.3824),
    "righthand": (0.1727, 0.3076, 0.1464, 0.3976),
}
"""AP, AP50, AP75 and AR, as pycocotools 2.0.11 gave them."""


class Crowd:
    """People on pictures, some of them found: well, badly, twice or not at all."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(SEED)
        self.images = [self._image() for _ in range(IMAGES - 1)]
        true = [self._true() for _ in range(26)]
        self.images.append((true, [self._found(one.person) for one in true]))  # COCO takes the best 20

    def _image(self) -> tuple[list[TruePerson], list[Person]]:
        true, found = [], []
        for _ in range(self.rng.integers(0, 5)):
            one = self._true()
            true.append(one)
            for _ in range(self.rng.choice([0, 1, 1, 1, 2])):
                found.append(self._found(one.person))
        for _ in range(self.rng.integers(0, 2)):
            found.append(self._found(self._true().person))
        return true, found

    def _true(self) -> TruePerson:
        left, top = self.rng.uniform(0, SIZE, 2)
        width, height = self.rng.uniform(60, 300, 2)
        places = self.rng.uniform((left, top), (left + width, top + height), (len(NAMES), 2))
        for span in PART_SLICES.values():
            if self.rng.uniform() < 0.3:
                places[span] = np.nan
        places[self.rng.uniform(size=len(NAMES)) < 0.1] = np.nan
        xyxy = (float(left), float(top), float(left + width), float(top + height))
        is_crowd = bool(self.rng.uniform() < 0.1)
        return TruePerson(somebody(xyxy, places), box_area(xyxy) * self.rng.uniform(0.7, 1.3), is_crowd)

    def _found(self, true: Person) -> Person:
        """All 133 points, as a network gives them."""
        noise = np.array(SIGMAS)[:, None] * self.rng.choice([0.5, 1.5, 4.0]) * np.sqrt(box_area(true.xyxy))
        seen = true.visibility[:, None] > 0
        anywhere = self.rng.uniform(true.xyxy[:2], true.xyxy[2:], (len(NAMES), 2))
        places = np.where(seen, true.keypoints, anywhere) + self.rng.normal(size=(len(NAMES), 2)) * noise
        return somebody(true.xyxy, places, score=self.rng.uniform(0.3, 1), scores=self.rng.uniform(0.3, 1))


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd()


def ours(crowd: Crowd) -> dict[str, dict[str, float | None]]:
    counted = CocoScores()
    for true, found in crowd.images:
        counted.add(true, found)
    return counted.numbers()


def theirs(crowd: Crowd, part: str) -> dict[str, float]:
    """By pycocotools, with the part's slice of points and sigmas."""
    coco = pytest.importorskip("pycocotools.coco", reason="run `make install`")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    span = COCO_PARTS[part]
    true: list[Any] = []
    found: list[Any] = []
    for image, (people, given) in enumerate(crowd.images, 1):
        for one in people:
            true.append(
                _annotation(one.person, span, image, len(true) + 1) | {"area": one.area, "iscrowd": one.is_crowd}
            )
        for person in given:
            number = len(found) + 1
            found.append(_annotation(person, span, image, number) | {"score": person_score(person), "area": 1.0})
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = cocoeval.COCOeval(_coco(coco, true), _coco(coco, found), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(SIGMAS[span])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    return {
        "AP": precision[precision > -1].mean(),
        "AP50": precision[0][precision[0] > -1].mean(),
        "AP75": precision[5][precision[5] > -1].mean(),
        "AR": recall[recall > -1].mean(),
    }


def _annotation(person: Person, span: slice, image: int, number: int) -> dict[str, Any]:
    rows = np.column_stack([person.keypoints, person.visibility])[span]
    left, top, right, bottom = person.xyxy
    return {
        "id": number, "image_id": image, "category_id": 1, "bbox": [left, top, right - left, bottom - top],
        "keypoints": rows.ravel().tolist(), "num_keypoints": int((rows[:, 2] > 0).sum()), "iscrowd": 0,
    }  # fmt: skip


def _coco(library: Any, annotations: list[Any]) -> Any:
    one = library.COCO()
    one.dataset = {
        "images": [{"id": number} for number in range(1, IMAGES + 1)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    one.createIndex()
    return one


@pytest.mark.parametrize("part", [*COCO_PARTS])
def test_every_part_is_as_pycocotools_has_it(crowd: Crowd, part: str) -> None:
    assert ours(crowd)[part] == pytest.approx(theirs(crowd, part), abs=1e-9)


def test_the_table_is_frozen(crowd: Crowd) -> None:
    found = {part: tuple(round(one or 0, 4) for one in numbers.values()) for part, numbers in ours(crowd).items()}
    assert found == FROZEN


def test_images_in_several_chunks_are_the_same(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ours(crowd)
    monkeypatch.setattr(coco_scores, "CHUNK", 7)
    assert ours(crowd) == whole


def test_people_of_a_crowd_in_several_blocks_are_the_same(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ours(crowd)
    monkeypatch.setattr(similarity, "BLOCK", 3)
    assert ours(crowd) == whole


def alone(**changes: Any) -> Person:
    """Somebody of whom a hand and the body are annotated, or found."""
    given = {"nose": (30.0, 20.0), "left_wrist": (20.0, 70.0), "left_hand_root": (20.0, 72.0)} | changes
    return somebody((10, 10, 60, 90), {name: xy for name, xy in given.items() if xy})


def of_one(true: Person, *found: Person) -> dict[str, dict[str, float | None]]:
    counted = CocoScores()
    counted.add([TruePerson(true, box_area(true.xyxy))], found)
    return counted.numbers()


def test_a_part_that_nobody_annotated_has_no_numbers() -> None:
    found = of_one(alone(), alone())
    assert found["lefthand"] == {"AP": 1, "AP50": 1, "AP75": 1, "AR": 1}
    assert found["face"] == {"AP": None, "AP50": None, "AP75": None, "AR": None}


def test_a_point_that_was_not_found_is_wrong_even_at_the_border() -> None:
    """Stored predictions have only points over the threshold; their place is 0, 0 then."""
    true = somebody((0, 0, 60, 90), {"nose": (0.0, 0.0), "left_eye": (1.0, 1.0)})
    found = somebody((0, 0, 60, 90), {"left_eye": (1.0, 1.0)})
    assert of_one(true, found)["body"]["AP50"] == 1, "one of two is half"
    assert of_one(true, found)["body"]["AP75"] == 0


def test_somebody_without_points_of_a_part_was_not_found_there() -> None:
    """Else each person whose hands are hidden would be a false hand."""
    true = alone()
    other = somebody((100, 10, 160, 90), {"nose": (130.0, 20.0)}, score=1, scores=1)
    assert of_one(true, other, alone())["lefthand"]["AP"] == 1
    assert (of_one(true, other, alone())["body"]["AP"] or 0) < 1, "there it is a false body"


def test_the_score_of_a_person_is_that_of_mmpose() -> None:
    points = np.full((len(NAMES), 2), 5.0)
    person = somebody((0, 0, 9, 9), points, score=0.5, scores=0.8)
    person.scores[:20] = 0.1
    assert person_score(person) == pytest.approx(0.4), "the box times the mean of those above 0.2"
    assert person_score(somebody((0, 0, 9, 9), points)) == 1, "an imported prediction has no scores"
    assert person_score(somebody((0, 0, 9, 9), points, score=0.7, scores=0.1)) == 0
