"""Predictions beside annotations: which prediction it was, who is whom, and what became of each keypoint."""

from typing import Any

import numpy as np
import pytest

from tests.dataset.regions import box, hidden, our_config, point, skeleton
from tests.evaluation.tasks import ALICE, BOB, ELBOW, LATER, NOSE, annotated, at, predicted, task
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.evaluation.comparisons import outside_box
from wholebody.evaluation.pairing import (
    NOT_PREDICTED,
    NUMBERS_ALONE,
    OLDER,
    UNKNOWN_SIZE,
    Outcome,
    PairedImage,
    pair_task,
)
from wholebody.keypoints import NAMES
from wholebody.labeling.labeling_config import parse_labeling_config


def paired(given: dict[str, Any]) -> PairedImage:
    """The only image of a task with one annotation."""
    found = pair_task(given, TaskReader(our_config(), "annotations"))
    assert not found.left_out
    assert len(found.images) == 1
    return found.images[0]


def outcome(image: PairedImage, name: str) -> Outcome:
    """What became of a keypoint of the only pair."""
    assert len(image.pairs) == 1
    return Outcome(image.pairs[0].outcomes[NAMES.index(name)])


def test_what_became_of_each_keypoint() -> None:
    image = paired(
        task(
            [predicted(ALICE, NOSE, ELBOW, point("right_eye", 40, 20, "a", id="r"))],
            annotated(ALICE, NOSE, at(ELBOW, 23, 54), hidden(ELBOW), point("left_wrist", 15, 70, "a")),
        )
    )
    names = ("nose", "left_elbow", "right_eye", "left_wrist", "left_ear")
    kinds = (Outcome.UNMOVED, Outcome.MOVED, Outcome.DELETED, Outcome.ADDED, Outcome.ABSENT)
    assert tuple(outcome(image, name) for name in names) == kinds
    pair = image.pairs[0]
    assert pair.distances[NAMES.index("left_elbow")] == pytest.approx(5)
    assert np.isnan(pair.distances[NAMES.index("left_wrist")])
    assert [NAMES[k] for k in np.flatnonzero(pair.hidden)] == ["left_elbow"]
    assert pair.side == 80
    assert (image.model_version, image.lead_time, image.annotator, image.task_id) == ("v1", 12.5, "1", 1)


def test_a_point_that_was_rounded_has_not_moved() -> None:
    image = paired(task([predicted(ALICE, NOSE)], annotated(ALICE, at(NOSE, 30.05, 20))))
    assert outcome(image, "nose") is Outcome.UNMOVED


def test_a_point_that_was_hidden_in_the_prediction_was_not_hidden_by_the_annotator() -> None:
    image = paired(task([predicted(ALICE, NOSE, hidden(NOSE))], annotated(ALICE, NOSE, hidden(NOSE))))
    assert not image.pairs[0].hidden.any()
    assert outcome(image, "nose") is Outcome.UNMOVED


def test_people_are_matched_by_their_regions_however_far_they_were_moved() -> None:
    """Their boxes change places: by place each would be the other."""
    image = paired(
        task([predicted(ALICE, NOSE, BOB)], annotated(box("a", *(100, 10, 150, 90)), NOSE, box("b", 10, 10, 60, 90)))
    )
    assert sorted((round(p.predicted.xyxy[0]), round(p.corrected.xyxy[0])) for p in image.pairs) == [
        (10, 100),
        (100, 10),
    ]


def test_people_without_common_regions_are_matched_by_their_places() -> None:
    image = paired(task([predicted(ALICE, BOB)], annotated(box("x", 101, 10, 150, 90), box("y", 11, 10, 60, 90))))
    assert {(round(p.predicted.xyxy[0]), round(p.corrected.xyxy[0])) for p in image.pairs} == {(10, 11), (100, 101)}
    assert not image.added
    assert not image.removed


def test_people_are_missed_and_removed() -> None:
    image = paired(task([predicted(ALICE)], annotated(BOB)))
    assert (len(image.pairs), len(image.added), len(image.removed)) == (0, 1, 1)
    nobody = paired(task([predicted(ALICE)], annotated()))
    assert (len(nobody.pairs), len(nobody.added), len(nobody.removed)) == (0, 0, 1)


def test_the_joints_of_a_skeleton_are_compared_one_by_one() -> None:
    given = {"nose": (30.0, 20.0), "left_shoulder": (20.0, 30.0)}
    before, after = (skeleton("s", "body", given | change, "a") for change in ({}, {"nose": (30.0, 25.0)}))
    found = pair_task(
        task([predicted(ALICE, before)], annotated(ALICE, after)),
        TaskReader(our_config(skeletons=True), "annotations"),
    )
    image = found.images[0]
    assert outcome(image, "nose") is Outcome.MOVED
    assert outcome(image, "left_shoulder") is Outcome.UNMOVED


def test_the_prediction_that_label_studio_names_comes_first() -> None:
    old, new = predicted(ALICE, NOSE), predicted(BOB, number=4, model_version="v2")
    assert paired(task([new, old], annotated(ALICE, NOSE, parent_prediction=4))).model_version == "v2"


def test_else_the_one_with_the_same_regions_else_the_newest_before() -> None:
    old, new = predicted(ALICE, NOSE), predicted(BOB, number=4, model_version="v2")
    assert paired(task([old, new], annotated(ALICE, NOSE))).model_version == "v1"
    assert paired(task([new, old], annotated())).model_version == "v2"
    late = new | {"created_at": LATER}
    assert paired(task([late, old], annotated(parent_prediction=77))).model_version == "v1"


def test_an_export_has_the_prediction_in_the_annotation() -> None:
    """The list of predictions has their numbers alone there."""
    kept = predicted(ALICE, NOSE)
    image = paired(task([3], annotated(ALICE, at(NOSE, 60, 20), prediction=kept, parent_prediction=3)))
    assert outcome(image, "nose") is Outcome.MOVED


def test_nobody_is_left_in_an_export() -> None:
    """Nothing in the task tells the picture's size then, but the prediction that the annotation keeps."""
    image = paired(task([3], annotated(prediction=predicted(ALICE, NOSE), parent_prediction=3)))
    assert (len(image.pairs), len(image.removed)) == (0, 1)
    assert image.image.size_wh == (200, 100)


def test_a_size_that_nothing_tells_is_named() -> None:
    unsized = [{key: value for key, value in one.items() if "original" not in key} for one in (ALICE, NOSE)]
    found = pair_task(task([predicted(*unsized)], annotated(*unsized)), TaskReader(our_config(), "annotations"))
    assert not found.images
    assert found.left_out[0].reason == UNKNOWN_SIZE


@pytest.mark.parametrize(
    ("predictions", "reason"),
    [([], NOT_PREDICTED), ([3], NUMBERS_ALONE), ([predicted(ALICE, created_at=LATER)], OLDER)],
)
def test_an_annotation_that_came_from_no_prediction_is_named(predictions: list[Any], reason: str) -> None:
    found = pair_task(task(predictions, annotated(BOB)), TaskReader(our_config(), "annotations"))
    assert not found.images
    assert [one.reason for one in found.left_out] == [reason]


def test_every_annotation_of_a_task_is_paired_but_no_skipped_one() -> None:
    given = task(
        [predicted(ALICE, NOSE)],
        annotated(ALICE, NOSE),
        annotated(BOB, completed_by={"id": 2, "email": "b@example.com"}),
        annotated(was_cancelled=True),
    )
    found = pair_task(given, TaskReader(our_config(), "annotations"))
    assert [image.annotator for image in found.images] == ["1", "b@example.com"]


def test_a_picture_that_was_enlarged_is_the_same_and_one_of_another_shape_is_not() -> None:
    half = [one | {"original_width": 100, "original_height": 50} for one in (ALICE, NOSE)]
    assert outcome(paired(task([predicted(*half)], annotated(ALICE, NOSE))), "nose") is Outcome.UNMOVED
    tall = [one | {"original_width": 100, "original_height": 200} for one in (ALICE, NOSE)]
    found = pair_task(task([predicted(*tall)], annotated(ALICE, NOSE)), TaskReader(our_config(), "annotations"))
    assert not found.images
    assert "another shape" in found.left_out[0].reason


def test_a_drawn_box_is_enlarged_with_its_picture() -> None:
    corner = point("left_wrist", 59, 89, "a", id="w")
    half = [one | {"original_width": 100, "original_height": 50} for one in (ALICE, corner)]
    (pair,) = paired(task([predicted(*half)], annotated(ALICE, corner))).pairs
    assert pair.predicted.box is not None
    assert pair.predicted.box.xyxy == pair.predicted.xyxy == (10, 10, 60, 90)
    assert outside_box(pair.predicted) == 0


def test_the_pages_of_a_task_are_compared_one_by_one() -> None:
    config = parse_labeling_config(
        '<View><Image name="img" valueList="$pages"/><RectangleLabels name="box" toName="img"><Label value="person"/>'
        '</RectangleLabels><KeyPointLabels name="body" toName="img"><Label value="nose"/></KeyPointLabels></View>'
    )
    second = [one | {"item_index": 1} for one in (ALICE, NOSE)]
    given = task([predicted(BOB, *second)], annotated(BOB, second[0], at(second[1], 30, 25)))
    given["data"] = {"pages": ["/data/1.jpg", "/data/2.jpg"]}
    found = pair_task(given, TaskReader(config, "annotations"))
    assert not found.left_out
    assert [(image.image.reference, len(image.pairs)) for image in found.images] == [
        ("/data/1.jpg", 1),
        ("/data/2.jpg", 1),
    ]
    nose = NAMES.index("nose")
    assert [image.pairs[0].outcomes[nose] for image in found.images] == [Outcome.ABSENT, Outcome.MOVED]


@pytest.mark.parametrize("lead_time", [-1, float("nan"), float("inf"), 10**400, True, "3", None])
def test_a_time_that_is_none_is_none(lead_time: Any) -> None:
    assert paired(task([predicted(ALICE)], annotated(ALICE, lead_time=lead_time))).lead_time is None


def test_names_that_nobody_wrote() -> None:
    image = paired(task([predicted(ALICE, model_version=None)], annotated(ALICE, completed_by=None)))
    assert (image.model_version, image.annotator) == ("unnamed", "unnamed")
    long = paired(
        task([predicted(ALICE, model_version="v" * 9999)], annotated(ALICE, completed_by={"email": "e" * 9999}))
    )
    assert (len(long.model_version), len(long.annotator)) == (200, 200)
