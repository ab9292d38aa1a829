"""Where a task says that people are: whom it believes first, and what it passes over."""

from typing import Any

import numpy as np
import pytest

from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.task_boxes import TaskBoxes, read_task_boxes

MANY = 20


def target_of(boxes: str) -> Any:
    points = '<KeyPointLabels name="kp" toName="img"><Label value="nose"/></KeyPointLabels>'
    return parse_labeling_config(f'<View><Image name="img" value="$image"/>{points}{boxes}</View>').targets[0]


TARGET = target_of(
    '<RectangleLabels name="box" toName="img"><Label value="Human" predicted_values="person"/>'
    '<Label value="car"/></RectangleLabels>'
)
VALUE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}


def box(x: object = 10, **changes: Any) -> dict[str, Any]:
    value = {**VALUE, "x": x, "rectanglelabels": ["Human"], **changes.pop("value", {})}
    region = {"type": "rectanglelabels", "from_name": "box", "to_name": "img", "value": value}
    return {**region, "original_width": 200, "original_height": 100, **changes}


def entry(number: object, *result: object, **rest: Any) -> dict[str, Any]:
    return {"id": number, "result": list(result), **rest}


def lefts(found: TaskBoxes | None) -> list[float]:
    return [] if found is None else [round(float(left), 4) for left in found.fractions[:, 0]]


def test_a_box_comes_in_fractions_with_its_score() -> None:
    found = read_task_boxes({"predictions": [entry(1, box(score=0.75), box(50))]}, TARGET, MANY)
    assert found is not None
    np.testing.assert_allclose(found.fractions, [[0.5, 0.2, 0.8, 0.6], [0.1, 0.2, 0.4, 0.6]], rtol=1e-6)
    np.testing.assert_array_equal(found.scores, np.array([1, 0.75], np.float32))
    assert found.fractions.dtype == found.scores.dtype == np.float32


@pytest.mark.parametrize(("key", "expected"), [("annotations", True), ("drafts", True), ("predictions", False)])
def test_who_made_them(key: str, expected: bool) -> None:
    found = read_task_boxes({key: [entry(1, box())]}, TARGET, MANY)
    assert found is not None
    assert found.are_drawn is expected


OTHERS, OURS = {"model_version": "yolo"}, {"model_version": "wholebody-balanced-12345678"}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({}, []),
        ({"annotations": [], "drafts": [], "predictions": []}, []),
        ({"annotations": [entry(1, box(1))], "drafts": [entry(2, box(2))], "predictions": [entry(3, box(3))]}, [0.01]),
        ({"annotations": [], "drafts": [entry(2, box(2))], "predictions": [entry(3, box(3))]}, [0.02]),
        # the newest, whatever their order, that has any
        ({"annotations": [entry(4, box(4)), entry(9, box(9)), entry(6, box(6)), entry(11)]}, [0.09]),
        ({"annotations": [entry(4, box(4)), entry(9, box(9), was_cancelled=True)]}, [0.04]),
        # our own earlier predictions say what our detector found, which is asked anew
        ({"predictions": [entry(1, box(1), **OTHERS), entry(2, box(2), **OURS)]}, [0.01]),
        ({"predictions": [entry(2, box(2), **OURS)]}, []),
        # which a person has looked at
        ({"annotations": [entry(3, box(3))], "predictions": [entry(2, box(2), **OURS)]}, [0.03]),
    ],
)
def test_who_is_believed_first(task: dict[str, Any], expected: list[float]) -> None:
    assert lefts(read_task_boxes(task, TARGET, MANY)) == expected


@pytest.mark.parametrize(
    "region",
    [
        None,
        "box",
        {},
        box(type="rectangle"),
        box(to_name="other"),
        box(to_name=["img"]),
        box(value={"rectanglelabels": ["car"]}),
        box(value={"rectanglelabels": None}),
        box(value={"rectanglelabels": "Human"}),
        {**box(), "value": None},
        box("10"),
        box(None),
        box(float("nan")),
        box(1e300),
        box(value={"width": 0}),
        box(value={"height": -5}),
    ],
)
def test_what_is_no_persons_box_is_passed_over(region: object) -> None:
    assert lefts(read_task_boxes({"annotations": [entry(1, region, box(7))]}, TARGET, MANY)) == [0.07]
    assert read_task_boxes({"annotations": [entry(1, region)]}, TARGET, MANY) is None


@pytest.mark.parametrize("entries", [None, "x", {"id": 1}, [None, 5, "x", {}], [{"id": "1", "result": {}}]])
@pytest.mark.parametrize("key", ["annotations", "drafts", "predictions"])
def test_lists_that_are_none(key: str, entries: object) -> None:
    assert read_task_boxes({key: entries}, TARGET, MANY) is None


@pytest.mark.parametrize("score", [None, "0.5", True, -0.1, 1.1, float("nan")])
def test_a_score_that_is_none_is_taken_for_a_drawn_box(score: object) -> None:
    found = read_task_boxes({"predictions": [entry(1, box(score=score))]}, TARGET, MANY)
    assert found is not None
    assert found.scores.tolist() == [1]


def test_a_turned_box_becomes_the_upright_one_around_it() -> None:
    turned = box(50, value={"y": 20, "width": 20, "height": 10, "rotation": 90})
    found = read_task_boxes({"annotations": [entry(1, turned)]}, TARGET, MANY)
    assert found is not None
    np.testing.assert_allclose(found.fractions, [[0.45, 0.2, 0.5, 0.6]], atol=1e-6)


def test_the_best_of_too_many_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    regions = [box(left, score=left / 10) for left in range(1, 6)]
    task = {"id": 8, "predictions": [entry(1, *regions)]}
    assert lefts(read_task_boxes(task, TARGET, 2)) == [0.05, 0.04]
    assert "task 8 has 5 boxes, 2 kept (MAX_PEOPLE)" in caplog.text


def test_without_a_control_for_people_no_box_is_one() -> None:
    assert read_task_boxes({"annotations": [entry(1, box())]}, target_of(""), MANY) is None


def test_the_boxes_of_a_page() -> None:
    regions = [box(1), {**box(2), "item_index": 0}, {**box(3), "item_index": 1}, {**box(4), "item_index": "1"}]
    task = {"annotations": [entry(1, *regions)]}
    assert sorted(lefts(read_task_boxes(task, TARGET, MANY, 0))) == [0.01, 0.02]
    assert lefts(read_task_boxes(task, TARGET, MANY, 1)) == [0.03]
    assert read_task_boxes(task, TARGET, MANY, 2) is None
