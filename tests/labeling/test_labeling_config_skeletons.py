"""Skeleton controls in a labeling config; keypoints and boxes are in `test_labeling_config`."""

import re

import pytest

from tests.labeling.test_labeling_config import NOSE, PERSON, keypoints, parse, rectangles
from wholebody.errors import LabelingConfigError
from wholebody.labeling.labeling_config import CURE
from wholebody.labeling.targets import SkeletonControl


def vectors(labels: str, attributes: str = 'skeleton="true"', name: str = "sk", to: str = "img") -> str:
    return f'<VectorLabels name="{name}" toName="{to}" {attributes}>{labels}</VectorLabels>'


BODY = '<Label value="body"/>'


@pytest.mark.parametrize(
    ("labels", "expected", "unmatched"),
    [
        (BODY, {"body": "body"}, ()),
        (
            "".join(f'<Label value="{name}"/>' for name in ("Body", "FACE", "Left Hand", "right-hand")),
            {"body": "Body", "face": "FACE", "left_hand": "Left Hand", "right_hand": "right-hand"},
            (),
        ),
        ('<Label value="Corps" predicted_values="body"/>', {"body": "Corps"}, ()),
        ('<Label value="body" predicted_values="body_without_feet"/>', {"body_without_feet": "body"}, ()),
        (
            '<Label value="hands" predicted_values="left_hand,right_hand"/>',
            {"left_hand": "hands", "right_hand": "hands"},
            (),
        ),
        ('<Label value="body" alias="B"/>', {"body": "B"}, ()),
        # a number says nothing here
        (BODY + '<Label value="tail" model_index="0"/><Label value="Body"/>', {"body": "body"}, ("tail", "Body")),
    ],
)
def test_which_label_stands_for_which_skeleton(
    labels: str, expected: dict[str, str], unmatched: tuple[str, ...]
) -> None:
    target = parse(vectors(labels))
    (control,) = target.skeletons
    assert (control.labels, control.unmatched, target.keypoints) == (expected, unmatched, ())
    assert target.controls == (control,)


def test_keypoints_and_skeletons_side_by_side() -> None:
    attributes = 'skeleton="TRUE" model_score_threshold="0.5" model_point_threshold="0.25"'
    target = parse(keypoints(NOSE), vectors(BODY, attributes, "one"), vectors(BODY, name="two"), rectangles(PERSON))
    assert target.skeletons == (
        SkeletonControl("one", {"body": "body"}, (), 0.5, 0.25),
        SkeletonControl("two", {}, ("body",), 0.0, None),
    )
    assert [control.name for control in target.controls] == ["kp", "one", "two"]


@pytest.mark.parametrize(
    ("control", "message"),
    [
        # vectors that are no skeletons
        (vectors(BODY, ""), f"the labeling config has no <KeyPointLabels> to fill; {CURE}"),
        (vectors(BODY, 'skeleton="false"'), f"the labeling config has no <KeyPointLabels> to fill; {CURE}"),
        (
            vectors(BODY, 'skeleton="true" model_skip="1"'),
            f"the labeling config has no <KeyPointLabels> to fill; {CURE}",
        ),
        (vectors(BODY, to="other"), "no <VectorLabels> has a toName of an <Image> (img); correct toName"),
        (vectors(""), f"the <VectorLabels> have no <Label>; {CURE}"),
        (
            vectors('<Label value="road"/>'),
            "none of the 1 skeleton labels (road) is known, such as body, face, left_hand, right_hand; " + CURE,
        ),
        (
            vectors(BODY, 'skeleton="true" model_point_threshold="2"'),
            "VectorLabels 'sk': model_point_threshold='2' must be a number from 0 to 1",
        ),
    ],
)
def test_a_skeleton_that_cannot_be_filled(control: str, message: str) -> None:
    with pytest.raises(LabelingConfigError, match=f"^{re.escape(message)}$"):
        parse(control)
