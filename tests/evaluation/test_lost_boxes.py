"""Whoever reads annotations finds a person whose box is gone: the parent of their points or skeletons is not there.

The editor leaves them so where somebody deletes a box alone.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.coco_truth import coco_file
from tests.dataset.regions import box, our_config, point, skeleton
from tests.evaluation.tasks import annotated, predicted, task
from wholebody.dataset.exporting import Plan, export
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.people import Person
from wholebody.dataset.splits import Splits
from wholebody.estimation.calibration import AS_THEY_ARE
from wholebody.evaluation.evaluating import Evaluation
from wholebody.evaluation.pairing import pair_task
from wholebody.evaluation.score_tally import ScoreTally
from wholebody.evaluation.worst import WorstPeople
from wholebody.keypoints import Part
from wholebody.labeling.task_boxes import read_task_boxes

BOXES = [box("a", 10, 10, 60, 90), box("b", 40, 10, 150, 90)]
POINTS = [
    *(point(name, x, y, "a", id=f"a-{name}", score=0.9) for name, x, y in (("nose", 30, 20), ("left_wrist", 20, 50))),
    *(point(name, x, y, "b", id=f"b-{name}", score=0.9) for name, x, y in (("nose", 90, 20), ("left_wrist", 50, 50))),
]
SKELETONS = [
    skeleton("a-body", "body", {"nose": (30, 20), "left_wrist": (20, 50)}, "a") | {"score": 0.9},
    skeleton("b-body", "body", {"nose": (90, 20), "left_wrist": (50, 50)}, "b") | {"score": 0.9},
]
PLACES = ((90.0, 20.0), (50.0, 50.0))
"""Of the second person's nose and left wrist; the wrist is in the box of the first."""


@pytest.fixture(params=["points", "skeletons"])
def drawn(request: pytest.FixtureRequest) -> tuple[TaskReader, dict[str, Any]]:
    """A task of two people, of whom the second lost their box to the annotator."""
    is_skeletons = request.param == "skeletons"
    regions = SKELETONS if is_skeletons else POINTS
    given = task([predicted(*regions, *BOXES)], annotated(*regions, BOXES[0]))
    return TaskReader(our_config(skeletons=is_skeletons), "annotations"), given


def assert_is_found(person: Person) -> None:
    assert person.lost_box
    assert person.xyxy == (50, 20, 90, 50)
    assert tuple(map(tuple, person.keypoints[person.visibility > 0].round(6).tolist())) == PLACES


@pytest.mark.parametrize("form", ["coco", "coco-wholebody", "yolo"])
def test_export(drawn: tuple[TaskReader, dict[str, Any]], tmp_path: Path, form: str) -> None:
    reader, given = drawn
    found = export([given], reader, Plan(tmp_path / "out", form, (Part.BODY,), Splits.parse("")))
    assert (found.people, found.points, found.left_out.losses) == (2, 4, 0)
    if form != "yolo":
        first, second = json.loads(coco_file(tmp_path / "out").read_text())["annotations"]
        assert first["num_keypoints"] == second["num_keypoints"] == 2
        assert second["bbox"] == [50, 20, 40, 30]


def test_evaluate(drawn: tuple[TaskReader, dict[str, Any]]) -> None:
    reader, given = drawn
    worst = WorstPeople()
    evaluation = Evaluation(worst.see)
    evaluation.add_task(given, reader)
    found = evaluation.metrics({})
    assert found["counts"]["people"] == 2
    assert found["counts"]["left_out"] == []
    version = found["model_versions"]["v1"]
    assert version["people"] == {"kept": 2, "missed": 0, "removed": 0}
    assert (version["points"]["all"]["unmoved"], version["points"]["all"]["deleted"]) == (4, 0)


def test_agreement_of_two_annotators(drawn: tuple[TaskReader, dict[str, Any]]) -> None:
    """One left the box, and one deleted it."""
    reader, given = drawn
    whole = annotated(*given["predictions"][0]["result"], id=10, completed_by=2)
    evaluation = Evaluation()
    evaluation.add_task(given | {"annotations": [*given["annotations"], whole]}, reader)
    assert evaluation.metrics({})["agreement"]["people"] == {"both": 2, "one": 0}


def test_calibrate(drawn: tuple[TaskReader, dict[str, Any]]) -> None:
    reader, given = drawn
    (image,) = pair_task(given, reader).images
    assert (len(image.pairs), image.added, image.removed) == (2, (), ())
    assert_is_found(image.pairs[1].corrected)
    tally = ScoreTally(within=0.02)
    joints = tally.add(image, AS_THEY_ARE)
    assert joints + tally.counts.sum() == 4, "skeletons have no scores of their joints"


def test_whoever_reads_a_task(drawn: tuple[TaskReader, dict[str, Any]]) -> None:
    reader, given = drawn
    found = reader.read(given)
    (image,) = found.images
    assert found.left_out == ()
    assert [person.lost_box for person in image.people] == [False, True]
    assert_is_found(image.people[1])


def test_boxes_of_a_task_are_drawn_ones_alone(drawn: tuple[TaskReader, dict[str, Any]]) -> None:
    """TASK_BOXES says that a person drew these. The bounds of some points are no such box, and too tight."""
    reader, given = drawn
    assert reader.config is not None
    boxes = read_task_boxes(given, reader.config.targets[0], max_people=9)
    assert boxes is not None
    assert boxes.fractions.tolist() == [pytest.approx([0.05, 0.1, 0.3, 0.9])]
