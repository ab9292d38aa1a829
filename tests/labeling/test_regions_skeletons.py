"""Vector regions of `write_regions`; keypoints and boxes are in `test_regions`."""

from typing import Any

import numpy as np
import pytest

from tests.labeling.test_regions import BOX, HEIGHT, WIDTH, control, people
from wholebody.keypoints import NAMES
from wholebody.labeling.regions import mean_score, write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.skeletons import SKELETONS
from wholebody.labeling.targets import BoxControl, ImageTarget, KeypointControl, SkeletonControl
from wholebody.poses import Poses
from wholebody.predictions import Region

PARTS = {"body": "Body", "face": "Face", "left_hand": "L", "right_hand": "R"}


def skeleton(labels: dict[str, str] | None = None, name: str = "sk", **changes: Any) -> SkeletonControl:
    options = {"score_threshold": 0.0, "point_threshold": None, **changes}
    return SkeletonControl(name, PARTS if labels is None else labels, (), **options)


def target(*skeletons: SkeletonControl, points: tuple[KeypointControl, ...] = (), box: Any = None) -> ImageTarget:
    return ImageTarget("img", "$image", points, box, skeletons or (skeleton(),))


def write(poses: Poses, where: ImageTarget, threshold: float = 0.3) -> list[Region]:
    return write_regions(poses, where, Shown.of(poses, where, threshold))


def labels_of(regions: list[Region]) -> list[str]:
    return [region["value"][region["type"]][0] for region in regions]


def test_one_region_for_each_part_of_each_person() -> None:
    regions = write(people(2), target(box=BOX))
    assert labels_of(regions) == ["R", "R", "L", "L", "Face", "Face", "Body", "Body", "person", "person"]
    first, second = (region["id"] for region in regions[-2:])
    assert [region["parentID"] for region in regions[:-2]] == [first, second] * 4
    assert len({region["id"] for region in regions}) == len(regions)


def test_a_region_is_whole() -> None:
    poses = people(1)
    poses.scores[0, 91:112] = np.linspace(0.4, 0.8, 21)
    (region,) = write(poses, target(skeleton({"left_hand": "hand"})))
    vertices = region["value"].pop("vertices")
    assert region == {
        "id": region["id"],
        "from_name": "sk",
        "to_name": "img",
        "type": "vectorlabels",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "score": 0.6,
        "value": {"closed": False, "vectorlabels": ["hand"]},
    }
    assert [(one["id"], one["prevPointId"]) for one in vertices] == [
        (NAMES[joint], None if parent is None else NAMES[parent]) for joint, parent in SKELETONS["left_hand"].items()
    ]
    x, y = poses.keypoints[0, 92]
    assert vertices[1] == {
        "id": "left_thumb1",
        "x": pytest.approx(x / WIDTH * 100, abs=1e-4),
        "y": pytest.approx(y / HEIGHT * 100, abs=1e-4),
        "prevPointId": "left_hand_root",
        "isBezier": False,
    }
    assert {type(value) for one in vertices[1:] for value in one.values()} == {str, float, bool}


@pytest.mark.parametrize(
    ("own_threshold", "missing"),
    [
        (None, {"left_elbow", "left_hip"}),
        (0.1, {"left_hip"}),
        (0.0, {"left_hip"}),  # a score of 0 is no place at all
        (0.95, set(NAMES[:23]) - {"left_ankle", "left_knee"}),
    ],
)
def test_joints_below_the_threshold_are_left_out_and_bridged(own_threshold: float | None, missing: set[str]) -> None:
    poses = people(1)
    for name, score in {"left_elbow": 0.2, "left_hip": 0.0, "left_ankle": 1.0, "left_knee": 1.0}.items():
        poses.scores[0, NAMES.index(name)] = score
    (region,) = write(poses, target(skeleton({"body": "body"}, point_threshold=own_threshold)))
    links = {vertex["id"]: vertex["prevPointId"] for vertex in region["value"]["vertices"]}
    assert set(NAMES[:23]) - set(links) == missing
    assert [name for name, link in links.items() if link is None] == list(links)[:1]
    assert {link for link in links.values() if link} <= set(links)
    present = [NAMES.index(name) for name in links]
    assert region["score"] == pytest.approx(float(poses.scores[0, present].mean()), abs=1e-4)


@pytest.mark.parametrize(("seen", "drawn"), [(0, 0), (1, 0), (2, 1)])
def test_a_single_joint_is_no_skeleton(seen: int, drawn: int) -> None:
    poses = people(1, score=0.1)
    poses.scores[0, :seen] = 0.9
    assert len(write(poses, target(skeleton({"body": "body"})))) == drawn


def test_vertices_are_clipped_to_the_image() -> None:
    poses = people(1)
    poses.keypoints[0, :17] = (-5, 481)
    (region,) = write(poses, target(skeleton({"body_without_feet": "body"})))
    assert {(vertex["x"], vertex["y"]) for vertex in region["value"]["vertices"]} == {(0.0, 100.0)}


@pytest.mark.parametrize(
    ("threshold", "box_threshold", "labels"),
    [
        (0.5, 0.5, ["Body", "person"]),
        (0.9, 0.5, ["person"]),
        (0.5, 0.9, ["Body"]),
    ],
)
def test_people_below_a_controls_threshold_are_left_out(
    threshold: float, box_threshold: float, labels: list[str]
) -> None:
    where = target(
        skeleton({"body": "Body"}, score_threshold=threshold), box=BoxControl("box", "person", box_threshold)
    )
    regions = write(people(1, box_score=0.7), where)
    assert labels_of(regions) == labels
    assert ["parentID" in region for region in regions] == [len(labels) == 2, False][: len(labels)]


def test_keypoints_come_before_skeletons() -> None:
    regions = write(people(2), target(points=(control({0: "nose"}),), box=BOX))
    assert labels_of(regions)[:3] == ["nose", "nose", "R"]
    assert {region["parentID"] for region in regions[:-2]} == {region["id"] for region in regions[-2:]}


def test_nobody_is_no_region() -> None:
    assert write(Poses.nobody((WIDTH, HEIGHT)), target(box=BOX)) == []


@pytest.mark.parametrize(
    ("where", "score"),
    [
        (target(skeleton({"left_hand": "hand"})), 0.2),
        # a keypoint asked for twice counts once
        (target(skeleton({"left_hand": "hand"}), points=(control({91: "a"}),)), 0.2),
        (target(skeleton({"left_hand": "hand"}), points=(control(dict.fromkeys(range(21), "a")),)), 0.55),
    ],
)
def test_the_mean_score_is_over_the_joints_asked_for(where: ImageTarget, score: float) -> None:
    poses = people(1)
    poses.scores[0, 91:112] = 0.2
    assert mean_score(poses, where) == pytest.approx(score, abs=1e-4)
