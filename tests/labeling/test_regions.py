import json

import numpy as np
import pytest

from wholebody.keypoints import NAMES
from wholebody.labeling.point_sizes import LARGEST_PX, VIEW_WH
from wholebody.labeling.regions import mean_score, write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.targets import BoxControl, ImageTarget, KeypointControl
from wholebody.poses import Poses
from wholebody.predictions import Region

WIDTH, HEIGHT = 640, 480


def control(labels: dict[int, str] | None = None, name: str = "kp", **changes: object) -> KeypointControl:
    options = {"score_threshold": 0.0, "point_threshold": None, "point_size": None, **changes}
    return KeypointControl(name, labels or dict(enumerate(NAMES)), (), **options)  # type: ignore[arg-type]


def target(*controls: KeypointControl, box: BoxControl | None = None) -> ImageTarget:
    return ImageTarget("img", "$image", controls or (control(),), box)


def people(count: int, score: float = 0.9, box_score: float = 0.8) -> Poses:
    rng = np.random.default_rng(4)
    corner = rng.uniform(0, 200, (count, 2))
    return Poses(
        (WIDTH, HEIGHT),
        np.concatenate([corner, corner + np.array((100, 200))], axis=1).astype(np.float32),
        np.full(count, box_score, np.float32),
        rng.uniform(0, 400, (count, 133, 2)).astype(np.float32),
        np.full((count, 133), score, np.float32),
    )


def one_point(x: float, y: float, score: float = 1.0) -> Poses:
    poses = people(1)
    poses.keypoints[0, 0] = x, y
    poses.scores[0, 0] = score
    return poses


BOX = BoxControl("box", "person", 0.0)
NOSE_ONLY = target(control({0: "nose"}))


def write(poses: Poses, where: ImageTarget, threshold: float = 0.3) -> list[Region]:
    return write_regions(poses, where, Shown.of(poses, where, threshold))


def test_all_keypoints_come_before_all_boxes_and_hang_on_theirs() -> None:
    regions = write(people(3), target(box=BOX))
    assert [region["type"] for region in regions] == ["keypointlabels"] * 3 * 133 + ["rectanglelabels"] * 3
    boxes = [region["id"] for region in regions[-3:]]
    assert [region["parentID"] for region in regions[:-3]] == [box for box in boxes for _ in range(133)]
    assert all("parentID" not in region for region in regions[-3:])


def test_ids_are_unique_everywhere() -> None:
    ids = {region["id"] for _ in range(20) for region in write(people(3), target(box=BOX))}
    assert len(ids) == 20 * 3 * 134
    assert all(isinstance(one, str) and one for one in ids)


def test_every_region_is_whole() -> None:
    poses = people(1)
    (point, box) = write(poses, target(control({9: "wrist"}), box=BOX))
    x, y = poses.keypoints[0, 9]
    left, top, _, _ = poses.xyxy[0]
    common = {"to_name": "img", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    assert point == {
        **common,
        "id": point["id"],
        "from_name": "kp",
        "type": "keypointlabels",
        "score": 0.9,
        "parentID": box["id"],
        "value": {
            "x": pytest.approx(x / WIDTH * 100, abs=1e-4),
            "y": pytest.approx(y / HEIGHT * 100, abs=1e-4),
            "width": pytest.approx(0.536, abs=1e-3),
            "keypointlabels": ["wrist"],
        },
    }
    assert box == {
        **common,
        "id": box["id"],
        "from_name": "box",
        "type": "rectanglelabels",
        "score": 0.8,
        "value": {
            "x": pytest.approx(left / WIDTH * 100, abs=1e-4),
            "y": pytest.approx(top / HEIGHT * 100, abs=1e-4),
            "width": pytest.approx(100 / WIDTH * 100, abs=1e-3),
            "height": pytest.approx(200 / HEIGHT * 100, abs=1e-3),
            "rotation": 0,
            "rectanglelabels": ["person"],
        },
    }


@pytest.mark.parametrize(
    ("xy", "percent"),
    [
        # inside, on the edges, outside
        ((320, 120), (50, 25)),
        ((0, 0), (0, 0)),
        ((640, 480), (100, 100)),
        ((-5, 481), (0, 100)),
        ((1e9, -1e9), (100, 0)),
    ],
)
def test_points_are_clipped_to_the_image(xy: tuple[float, float], percent: tuple[float, float]) -> None:
    (region,) = write(one_point(*xy), NOSE_ONLY)
    assert (region["value"]["x"], region["value"]["y"]) == percent


@pytest.mark.parametrize(
    ("xyxy", "percent"),
    [
        # inside; over all edges; wholly beside the image
        ((64, 48, 128, 240), (10, 10, 10, 40)),
        ((-100, -100, 900, 900), (0, 0, 100, 100)),
        ((700, 0, 800, 480), (100, 0, 0, 100)),
    ],
)
def test_boxes_are_clipped_to_the_image(xyxy: tuple[float, ...], percent: tuple[float, ...]) -> None:
    poses = people(1)
    poses.xyxy[0] = xyxy
    value = write(poses, target(control({0: "nose"}), box=BOX))[-1]["value"]
    assert tuple(value[key] for key in ("x", "y", "width", "height")) == percent


@pytest.mark.parametrize(
    ("score", "own_threshold", "threshold", "drawn"),
    [
        # the backend's threshold
        (0.5, None, 0.3, True),
        (0.2, None, 0.3, False),
        # ... is in itself enough
        (0.5, None, 0.5, True),
        # ... also where 32 bits make it a little less
        (0.7, None, 0.7, True),
        (0.69999, None, 0.7, False),
        # the control's own comes first, in both directions
        (0.2, 0.1, 0.3, True),
        (0.5, 0.6, 0.3, False),
        (0.2, 0.0, 0.9, True),
        # a score of 0 is no place at all
        (0.0, 0.0, 0.0, False),
        (1.0, 1.0, 0.3, True),
    ],
)
def test_points_below_the_threshold_are_left_out(
    score: float, own_threshold: float | None, threshold: float, drawn: bool
) -> None:
    poses = one_point(10, 10, score)
    where = target(control({0: "nose"}, point_threshold=own_threshold))
    assert len(write(poses, where, threshold)) == drawn


@pytest.mark.parametrize(
    ("points_from", "boxes_from", "types"),
    [
        # a person's box score against the thresholds of the controls
        (0.5, 0.5, ["keypointlabels", "rectanglelabels"]),
        (0.9, 0.5, ["rectanglelabels"]),
        (0.5, 0.9, ["keypointlabels"]),
        (0.9, 0.9, []),
        # which is 0.7, or a little less in 32 bits
        (0.7, 0.7, ["keypointlabels", "rectanglelabels"]),
    ],
)
def test_people_below_a_controls_threshold_are_left_out(
    points_from: float, boxes_from: float, types: list[str]
) -> None:
    where = target(control({0: "nose"}, score_threshold=points_from), box=BoxControl("box", "person", boxes_from))
    regions = write(people(1, box_score=0.7), where)
    assert [region["type"] for region in regions] == types
    assert [region for region in regions if "parentID" in region] == (regions[:1] if len(types) == 2 else [])


def test_a_control_may_have_a_size_of_its_own() -> None:
    poses = people(1)
    poses.keypoints[0, :3] = (10, 10), (600, 400), (300, 200)
    where = target(control({0: "own", 1: "own too"}), control({2: "given"}, "other", point_size=0))
    sizes = {label: size for (label,), size in labels_and_sizes(write(poses, where))}
    largest = 100 * LARGEST_PX / (WIDTH * VIEW_WH[1] / HEIGHT)
    assert sizes == {"given": 0, "own": pytest.approx(largest, abs=1e-3), "own too": sizes["own"]}


def labels_and_sizes(regions: list[Region]) -> list[tuple[list[str], float]]:
    return [(region["value"]["keypointlabels"], region["value"]["width"]) for region in regions]


def test_what_is_smaller_lies_above() -> None:
    """The editor draws the first region last."""
    poses = people(3)
    poses.xyxy[:, 2:] = poses.xyxy[:, :2] + np.array([(100, 200), (50, 100), (70, 150)], np.float32)
    poses.keypoints[:, 0] = (300, 200)
    poses.keypoints[:, 23:25] = (10, 10), (12, 12)
    where = target(control({0: "nose", 23: "face-0", 24: "face-1"}), box=BOX)
    *points, small, middle, large = write(poses, where)
    assert [box["value"]["height"] for box in (small, middle, large)] == pytest.approx(
        [20.833, 31.25, 41.667], abs=0.01
    )
    assert [point["parentID"] for point in points[::3]] == [small["id"], middle["id"], large["id"]]
    names = [label for (label,), _ in labels_and_sizes(points)]
    assert names == ["face-0", "face-1", "nose"] * 3


def test_two_controls_share_a_person() -> None:
    where = target(control({0: "nose"}, "body"), control({23: "face-0"}, "face"), box=BOX)
    regions = write(people(2), where)
    assert [region["from_name"] for region in regions] == ["body", "face", "body", "face", "box", "box"]
    assert regions[0]["parentID"] == regions[1]["parentID"] == regions[4]["id"]


def test_nobody_is_no_region() -> None:
    assert write(Poses.nobody((WIDTH, HEIGHT)), target(box=BOX)) == []


def test_regions_are_plain_json_without_nan() -> None:
    regions = write(people(2), target(box=BOX))
    assert json.loads(json.dumps(regions, allow_nan=False)) == regions
    kinds = {type(value) for region in regions for value in (*region.values(), *region["value"].values())}
    assert kinds == {str, int, float, dict, list}


@pytest.mark.parametrize("name", ["xyxy", "box_scores", "keypoints", "scores"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_becomes_a_pose(name: str, value: float) -> None:
    poses = people(1)
    arrays = {key: getattr(poses, key).copy() for key in ("xyxy", "box_scores", "keypoints", "scores")}
    arrays[name].flat[0] = value
    with pytest.raises(ValueError, match=f"^{name} holds a value that is not finite$"):
        Poses((WIDTH, HEIGHT), **arrays)


def test_the_mean_score_is_over_the_keypoints_asked_for() -> None:
    poses = people(2)
    poses.scores[:] = 0.1
    poses.scores[:, 0], poses.scores[:, 1] = 0.6, 0.8
    assert mean_score(poses, target(control({0: "a"}), control({1: "b"}))) == 0.7
    assert mean_score(poses, NOSE_ONLY) == 0.6
    score = mean_score(Poses.nobody((WIDTH, HEIGHT)), NOSE_ONLY)
    assert (score, type(score)) == (0.0, float)


def test_regions_of_a_page_say_which() -> None:
    regions = write_regions(people(2), target(box=BOX), Shown.of(people(2), target(box=BOX), 0.3), item_index=3)
    assert {region["item_index"] for region in regions} == {3}
    assert all("item_index" not in region for region in write(people(2), target(box=BOX)))
