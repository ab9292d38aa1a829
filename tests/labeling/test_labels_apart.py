"""`<Labels>` beside `<KeyPoint>`, `<Rectangle>` and `<Vector>`: labels and tools apart, two results a region."""

from typing import Any

import numpy as np
import pytest

from tests.labeling.test_labeling_config import IMAGE, keypoints, parse, rectangles, view
from wholebody.errors import LabelingConfigError
from wholebody.keypoints import NAMES
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.targets import BoxControl
from wholebody.labeling.task_boxes import read_task_boxes
from wholebody.poses import Poses
from wholebody.predictions import Region

LABELS = '<Labels name="l" toName="img"><Label value="person"/><Label value="nose"/><Label value="body"/>{}</Labels>'
POINT, BOX = '<KeyPoint name="kp" toName="img" model_point_size="1"/>', '<Rectangle name="r" toName="img"/>'
PROMPT = '<Rectangle name="prompt" toName="img" smart="true" smartOnly="true"/>'
VECTOR = '<Vector name="v" toName="img" skeleton="true"/>'


def write(*parts: str) -> list[Region]:
    """The regions of somebody who stands in the middle of the picture."""
    poses = Poses(
        (200, 100),
        np.array([[20, 10, 60, 90]], np.float32),
        np.array([0.5], np.float32),
        np.full((1, 133, 2), 50, np.float32),
        np.full((1, 133), 0.75, np.float32),
    )
    target = parse(*parts)
    return write_regions(poses, target, Shown.of(poses, target, 0.3))


def test_each_region_has_its_shape_and_its_label() -> None:
    point, point_label, box, box_label = write(LABELS.format(""), POINT, BOX)
    where = {"to_name": "img", "original_width": 200, "original_height": 100, "image_rotation": 0}
    place = {"x": 25.0, "y": 50.0, "width": 1.0}
    assert point == where | {
        "id": point["id"], "from_name": "kp", "type": "keypoint", "score": 0.75, "value": place, "parentID": box["id"]
    }  # fmt: skip
    assert point_label == point | {"from_name": "l", "type": "labels", "value": place | {"labels": ["nose"]}}
    place = {"x": 10.0, "y": 10.0, "width": 20.0, "height": 80.0, "rotation": 0}
    assert box == where | {"id": box["id"], "from_name": "r", "type": "rectangle", "score": 0.5, "value": place}
    assert box_label == box | {"from_name": "l", "type": "labels", "value": place | {"labels": ["person"]}}


def test_a_skeleton_too() -> None:
    drawing, label = write(LABELS.format(""), VECTOR)
    assert (drawing["from_name"], drawing["type"], label["from_name"], label["type"]) == ("v", "vector", "l", "labels")
    assert label["value"] == drawing["value"] | {"labels": ["body"]}
    assert drawing["value"]["vertices"][0]["id"] == "nose"


def test_labels_that_no_tool_has_a_use_for() -> None:
    target = parse(LABELS.format('<Label value="tail"/>'), POINT, BOX)
    assert [control.unmatched for control in target.keypoints] == [("tail",)]
    assert target.box == BoxControl("r", "person", 0.0, "l")


def test_a_tool_for_prompts_alone_holds_no_result() -> None:
    assert parse(LABELS.format(""), PROMPT, POINT).box is None
    assert parse(LABELS.format(""), PROMPT, POINT, BOX).box == BoxControl("r", "person", 0.0, "l")


def test_controls_with_labels_of_their_own_go_first() -> None:
    target = parse(LABELS.format(""), POINT, BOX, keypoints('<Label value="nose"/>'), rectangles('<Label value="x"/>'))
    assert [(control.name, control.labels) for control in target.keypoints] == [("kp", {0: "nose"}), ("kp", {})]
    assert target.box == BoxControl("r", "person", 0.0, "l"), "called person, which the only label of the other is not"


@pytest.mark.parametrize("parts", [(POINT,), (LABELS.format(""),), (LABELS.format(""), BOX), (POINT, BOX)])
def test_one_without_the_other_is_nothing_to_fill(parts: tuple[str, ...]) -> None:
    with pytest.raises(LabelingConfigError, match=r"^the labeling config has no <KeyPointLabels> to fill; "):
        parse_labeling_config(view(IMAGE, *parts))


def test_labels_with_nothing_that_is_known() -> None:
    labels = '<Labels name="l" toName="img"><Label value="tail"/></Labels>'
    with pytest.raises(LabelingConfigError, match=r"^none of the 1 keypoint labels \(tail\) is known"):
        parse_labeling_config(view(IMAGE, labels, POINT))


def test_all_keypoints_of_a_picture_in_order() -> None:
    labels = "".join(f'<Label value="{name}"/>' for name in NAMES)
    regions = write(LABELS.format(labels), POINT)
    assert [r["value"]["labels"][0] for r in regions if r["type"] == "labels"] == list(NAMES)


def region(kind: str, number: int, **value: Any) -> dict[str, Any]:
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, **value}
    return {"id": f"r{number}", "type": kind, "to_name": "img", "from_name": "r", "value": value}


def test_boxes_of_a_task_have_their_label_in_a_second_result() -> None:
    result = [
        region("rectangle", 1),
        region("labels", 1, labels=["person"]),
        region("rectangle", 2, x=50),
        region("labels", 2, labels=["ball"]),
        region("rectangle", 3, x=60),
        region("labels", 4, labels=["person"]),
    ]
    found = read_task_boxes({"annotations": [{"id": 1, "result": result}]}, parse(LABELS.format(""), POINT, BOX), 20)
    assert found is not None
    np.testing.assert_allclose(found.fractions, [[0.1, 0.2, 0.4, 0.6]], atol=1e-6)
