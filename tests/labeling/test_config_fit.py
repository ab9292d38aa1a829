"""Whether stored predictions carry the names of a labeling config."""

from typing import Any

import pytest

from tests.labeling.test_labeling_config import IMAGE, keypoints, rectangles, view
from wholebody.labeling.config_fit import fits
from wholebody.labeling.labeling_config import parse_labeling_config

NOSE = '<Label value="nose"/>'


def region(kind: str, name: str, label: str | None, image: str = "img") -> dict[str, Any]:
    value = {"x": 1} if label is None else {"x": 1, kind: [label]}
    return {"id": "1", "type": kind, "from_name": name, "to_name": image, "value": value}


POINT, BOX = region("keypointlabels", "kp", "nose"), region("rectanglelabels", "box", "person")
PLAIN = view(IMAGE, keypoints('<Label value="nose"/><Label value="tail"/>'), rectangles('<Label value="person"/>'))
APART = view(
    IMAGE,
    '<Labels name="l" toName="img"><Label value="nose"/><Label value="person"/></Labels>'
    '<KeyPoint name="kp" toName="img"/><Rectangle name="box" toName="img"/>',
)
PAGES = view(
    '<Repeater on="$p"><Image name="page_{{idx}}" value="$p[{{idx}}]"/>'
    '<KeyPointLabels name="kp_{{idx}}" toName="page_{{idx}}"><Label value="nose"/></KeyPointLabels></Repeater>'
)
OF_TASKS = view(IMAGE, keypoints("", 'value="$labels"'))


@pytest.mark.parametrize(
    ("config", "region", "expected"),
    [
        (PLAIN, POINT, True),
        (PLAIN, BOX, True),
        (PLAIN, region("keypointlabels", "kp", "tail"), True),
        (PLAIN, region("keypointlabels", "kp", "left_eye"), False),
        (PLAIN, region("keypointlabels", "points", "nose"), False),
        (PLAIN, region("keypointlabels", "kp", "nose", "image"), False),
        (PLAIN, region("rectanglelabels", "box", "human"), False),
        (PLAIN, {"type": "relation", "from_id": "1", "to_id": "2"}, True),
        (PLAIN, None, True),
        (view(IMAGE, keypoints(NOSE)), BOX, False),
        (APART, region("keypoint", "kp", None), True),
        (APART, region("labels", "l", "nose"), True),
        (APART, region("labels", "l", "person"), True),
        (APART, region("labels", "l", "left_eye"), False),
        (APART, POINT, True),  # of a config with labels of its own: the editor finds the tool by its name
        (PAGES, region("keypointlabels", "kp_12", "nose", "page_12"), True),
        (PAGES, region("keypointlabels", "kp_12", "left_eye", "page_12"), False),
        (PAGES, POINT, False),
        (OF_TASKS, region("keypointlabels", "kp", "anything"), True),
        (OF_TASKS, BOX, False),
    ],
)
def test_a_stored_region_fits(config: str, region: object, expected: bool) -> None:
    read = parse_labeling_config(config)
    assert fits([region], read) is expected
    assert fits([region, region], read) is expected


@pytest.mark.parametrize("result", [None, {}, "x", []])
def test_a_result_without_regions_fits(result: object) -> None:
    assert fits(result, parse_labeling_config(PLAIN))
