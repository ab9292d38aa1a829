"""What is left of a crowd: as many regions as were counted, nobody lost, most of the largest."""

import logging
from typing import Any

import numpy as np
import pytest

from tests.labeling.test_regions import BOX, control, people
from tests.labeling.test_regions_skeletons import skeleton
from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling.config_writer import PRESETS, write_config
from wholebody.labeling.crowds import Detail, spare_editor, thin_out
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.targets import BoxControl, ImageTarget, KeypointControl, SkeletonControl
from wholebody.poses import Poses

EVERYTHING, BODY, SKELETONS, NO_POINTS = Detail
WHOLE, BODY_AND_FEET = 133, 23
APART = parse_labeling_config(
    '<View><Image name="img" value="$image"/><Labels name="l" toName="img"><Label value="person"/>'
    + "".join(f'<Label value="{name}"/>' for name in NAMES)
    + '</Labels><KeyPoint name="k" toName="img"/><Rectangle name="r" toName="img"/></View>'
).targets[0]
"""One point is two results with one id here."""


def target(
    *points: KeypointControl, box: BoxControl | None = BOX, skeletons: tuple[SkeletonControl, ...] = ()
) -> ImageTarget:
    return ImageTarget("img", "$image", points or (control(),), box, skeletons)


def crowd(count: int, **scores: float) -> Poses:
    """People of whom the first is the largest, each a little smaller than the one before."""
    poses = people(count, **scores)
    poses.xyxy[:, 2:] = poses.xyxy[:, :2] + np.linspace(200, 20, count)[:, None]
    return poses


def printed(parts: tuple[Part, ...], **options: Any) -> ImageTarget:
    return parse_labeling_config(write_config(parts, **options)).targets[0]


def left_of(poses: Poses, where: ImageTarget, most: int) -> tuple[Shown, list[int]]:
    shown, details = thin_out(Shown.of(poses, where, 0.3), poses, most)
    return shown, details.tolist()


@pytest.mark.parametrize(
    ("most", "details", "regions"),
    [
        # three people of a box and 133 points each: 402
        (402, [EVERYTHING] * 3, 402),
        # the smallest first, by all of a step
        (401, [EVERYTHING, EVERYTHING, BODY], 402 - 110),
        (292, [EVERYTHING, EVERYTHING, BODY], 292),
        (291, [EVERYTHING, BODY, BODY], 182),
        (181, [BODY] * 3, 72),
        # the next step only when everybody has made the one before
        (72, [BODY] * 3, 72),
        (71, [BODY, BODY, NO_POINTS], 49),
        (48, [BODY, NO_POINTS, NO_POINTS], 26),
        (25, [NO_POINTS] * 3, 3),
        # more than that cannot be left out
        (1, [NO_POINTS] * 3, 3),
    ],
)
def test_the_order_of_retreat(most: int, details: list[int], regions: int) -> None:
    poses, where = crowd(3), target()
    shown, left = left_of(poses, where, most)
    assert left == details
    written = write_regions(poses, where, shown)
    assert len(written) == regions == shown.regions.sum()
    if BODY in details:
        boxes = [region["id"] for region in written if region["type"] == "rectanglelabels"]
        person = boxes[-1 - details.index(BODY)]  # the smallest comes first
        labels = [region["value"]["keypointlabels"][0] for region in written if region.get("parentID") == person]
        assert set(labels) == set(NAMES[:BODY_AND_FEET])


@pytest.mark.parametrize(
    ("most", "details", "regions"),
    [
        # a box, 4 skeletons and 133 points each: 276
        (276, [EVERYTHING] * 2, 276),
        (275, [EVERYTHING, BODY], 166),
        (165, [BODY] * 2, 56),
        (55, [BODY, SKELETONS], 33),
        (32, [SKELETONS] * 2, 10),
        # where skeletons show all points, the last step saves nothing
        (9, [SKELETONS] * 2, 10),
    ],
)
def test_skeletons_stay(most: int, details: list[int], regions: int) -> None:
    poses, where = crowd(2), target(skeletons=(skeleton(),))
    shown, left = left_of(poses, where, most)
    assert (left, len(write_regions(poses, where, shown))) == (details, regions)


def test_points_that_no_skeleton_shows_go_last() -> None:
    where = target(skeletons=(skeleton({"body_without_feet": "Body", "face": "Face"}),))
    shown, details = left_of(crowd(1), where, 10)
    assert (details, shown.regions.tolist()) == ([SKELETONS], [1 + 2 + 6])
    assert np.flatnonzero(shown.points[0]).tolist() == list(range(*PART_SLICES[Part.FEET].indices(WHOLE)))
    shown, details = left_of(crowd(1), where, 8)
    assert (details, shown.regions.tolist()) == ([NO_POINTS], [1 + 2])


def test_a_skeleton_that_is_not_drawn_takes_the_place_of_no_point() -> None:
    poses = crowd(2, box_score=0.8)
    poses.box_scores[1] = 0.4
    where = target(skeletons=(skeleton(score_threshold=0.5),))
    shown, details = left_of(poses, where, 29)
    assert (details, shown.regions.tolist()) == ([SKELETONS, BODY], [5, 24])
    assert left_of(poses, where, 28)[1] == [SKELETONS, NO_POINTS]


@pytest.mark.parametrize(
    ("preset", "per_person", "details"),
    [
        # what each step saves: nothing of a body has face or hands
        ("body", {EVERYTHING: 18, NO_POINTS: 1}, [EVERYTHING, NO_POINTS]),
        ("body-feet", {EVERYTHING: 24, NO_POINTS: 1}, [EVERYTHING, NO_POINTS]),
        # ... and a face has nothing else
        ("face", {EVERYTHING: 69, BODY: 1}, [EVERYTHING, BODY]),
        ("hands", {EVERYTHING: 43, BODY: 1}, [EVERYTHING, BODY]),
        ("wholebody", {EVERYTHING: 134, BODY: 24, NO_POINTS: 1}, [EVERYTHING, BODY, NO_POINTS]),
    ],
)
def test_a_step_that_saves_nothing_is_skipped(preset: str, per_person: dict[int, int], details: list[int]) -> None:
    poses, where = crowd(4), printed(PRESETS[preset])
    most = 4 * per_person[EVERYTHING]
    seen = []
    while most >= 4:
        shown, left = left_of(poses, where, most)
        assert shown.regions.tolist() == [per_person[one] for one in left]
        seen += left
        most = int(shown.regions.sum()) - 1
    assert [*dict.fromkeys(sorted(seen))] == details
    assert left == [details[-1]] * 4


@pytest.mark.parametrize("parts", [(Part.BODY, Part.FEET, Part.FACE), (Part.FACE,), (Part.LEFT_HAND,)], ids=str)
def test_who_has_no_box_keeps_points(parts: tuple[Part, ...]) -> None:
    where = target(control({k: NAMES[k] for part in parts for k in range(WHOLE)[PART_SLICES[part]]}), box=None)
    shown, details = left_of(crowd(3), where, 1)
    has_body = Part.BODY in parts
    assert details == [BODY if has_body else EVERYTHING] * 3
    kept = BODY_AND_FEET if has_body else sum(len(range(WHOLE)[PART_SLICES[part]]) for part in parts)
    assert shown.regions.tolist() == [kept] * 3


def test_who_has_no_box_but_a_skeleton_loses_what_it_shows_alone() -> None:
    where = target(control({0: "nose", 91: "root"}), box=None, skeletons=(skeleton({"left_hand": "L"}),))
    shown, details = left_of(crowd(1), where, 1)
    assert (details, shown.regions.tolist()) == ([BODY], [2])
    where = target(control({91: "root"}), box=None, skeletons=(skeleton({"left_hand": "L"}),))
    shown, details = left_of(crowd(1), where, 1)
    assert (details, shown.regions.tolist()) == ([BODY], [1])


def test_only_whose_box_is_written_loses_all_points() -> None:
    poses = crowd(2)
    poses.box_scores[1] = 0.4
    shown, details = left_of(poses, target(box=BoxControl("box", "person", 0.5)), 1)
    assert (details, shown.regions.tolist()) == ([NO_POINTS, BODY], [1, BODY_AND_FEET])


@pytest.mark.parametrize("seed", range(40))
def test_as_many_regions_are_written_as_counted_and_nobody_is_lost(seed: int) -> None:
    """With any thresholds of the controls, scores, order of sizes and bound."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 9))
    poses = people(count)
    poses.scores[:] = rng.uniform(0, 1, poses.scores.shape)
    poses.box_scores[:] = rng.uniform(0, 1, count)
    poses.xyxy[:, 2:] = poses.xyxy[:, :2] + rng.uniform(10, 200, (count, 2))
    least = {"score_threshold": rng.uniform(0, 0.6), "point_threshold": rng.choice([None, 0.0, 0.4, 0.7])}
    other = {"score_threshold": rng.uniform(0, 0.6), "point_threshold": rng.choice([None, 0.0, 0.4, 0.7])}
    box = [None, BoxControl("box", "person", rng.uniform(0, 0.6))][rng.integers(2)]
    skeletons = [(), (skeleton(**other),), (skeleton({"body_without_feet": "b", "face": "f"}, **other),)]
    where = target(
        control(dict(enumerate(NAMES[:60])), "some", **least),
        control(dict(list(enumerate(NAMES))[60:]), "rest", **other),
        box=box,
        skeletons=skeletons[rng.integers(3)],
    )
    everything = Shown.of(poses, where, 0.3)
    most = int(rng.integers(1, everything.regions.sum() + 2))
    shown, details = thin_out(everything, poses, most)
    written = write_regions(poses, where, shown)
    assert len(written) == len({region["id"] for region in written}) == shown.regions.sum()
    assert ((shown.regions > 0) == (everything.regions > 0)).all()
    assert not (shown.points & ~everything.points).any()
    assert shown.joints is everything.joints
    assert shown.boxes is everything.boxes
    if everything.regions.sum() <= most:
        assert (details == EVERYTHING).all()
    if shown.regions.sum() > most:
        assert (details == thin_out(everything, poses, 0)[1]).all(), "nothing more can be left out"


def test_the_largest_keep_most() -> None:
    poses, where = crowd(20), target()
    for most in range(20, 20 * 134, 37):
        shown, details = left_of(poses, where, most)
        assert details == sorted(details)
        assert max(details) - min(details) <= 2
        assert shown.regions.tolist() == sorted(shown.regions.tolist(), reverse=True)
        assert shown.regions.sum() <= most


def test_regions_are_counted_and_not_results() -> None:
    poses = crowd(2)
    shown, details = left_of(poses, APART, 158)
    assert (details, shown.regions.tolist()) == ([EVERYTHING, BODY], [134, 24])
    written = write_regions(poses, APART, shown)
    assert (len(written), len({region["id"] for region in written})) == (2 * 158, 158)
    assert left_of(poses, APART, 268)[1] == [EVERYTHING] * 2


def test_nobody_is_no_crowd() -> None:
    poses = people(0)
    shown, details = left_of(poses, target(), 1)
    assert (shown.regions.tolist(), details) == ([], [])


@pytest.mark.parametrize("most", [0, 402, 10_000])
def test_nothing_is_left_out_and_said_where_it_is_switched_off_or_not_needed(
    most: int, caplog: pytest.LogCaptureFixture
) -> None:
    everything = Shown.of(crowd(3), target(), 0.3)
    with caplog.at_level(logging.INFO):
        assert spare_editor(everything, crowd(3), most, "task 8") is everything
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (300, "292 regions instead of 402 (MAX_REGIONS=300): 1 without the points of face and hands"),
        (
            50,
            "49 regions instead of 402 (MAX_REGIONS=50): 2 without the points of face and hands, 1 without any point",
        ),
        (2, "3 regions instead of 402 (MAX_REGIONS=2): 3 without any point"),
    ],
)
def test_the_log_says_who_has_fewer_points(most: int, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        spare_editor(Shown.of(crowd(3), target(), 0.3), crowd(3), most, "task 8")
    assert [record.getMessage() for record in caplog.records] == [f"task 8: 3 people in {said}"]


def test_the_log_says_that_nothing_can_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    where = ImageTarget("img", "$image", (), BOX, (skeleton(),))
    with caplog.at_level(logging.INFO):
        spare_editor(Shown.of(crowd(3), where, 0.3), crowd(3), 10, "task 8")
    assert "15 regions instead of 15 (MAX_REGIONS=10): nothing can be left out" in caplog.text
