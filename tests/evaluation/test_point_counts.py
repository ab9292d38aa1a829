"""Numbers of keypoints, against what a person works out by hand."""

from typing import Any

import numpy as np
import pytest

from tests.evaluation.people import somebody
from wholebody.evaluation.comparisons import compare, outside_box
from wholebody.evaluation.distances import Distances
from wholebody.evaluation.pairing import PairedPerson
from wholebody.evaluation.point_counts import PointCounts

BOX = (0.0, 0.0, 50.0, 100.0)


def counts(*pairs: tuple[dict[str, Any], dict[str, Any]], **options: Any) -> PointCounts:
    """Counts of people with a box of 50 x 100, by their points before and after."""
    counted = PointCounts(**options)
    counted.add(compare([PairedPerson(somebody(BOX, before), somebody(BOX, after)) for before, after in pairs]))
    return counted


def test_what_became_of_points_by_part_and_by_keypoint() -> None:
    before = {"nose": (10.0, 10.0), "left_eye": (12.0, 8.0), "left_hip": (5.0, 50.0), "left_heel": (5.0, 99.0)}
    after = {"nose": (10.0, 10.0), "left_eye": (12.0, 12.0), "left_heel": (8.0, 95.0), "face-0": (1.0, 1.0)}
    counted = counts((before, after))
    everything = counted.all()
    kinds = ("predicted", "unmoved", "moved", "deleted", "added")
    assert [everything[kind] for kind in kinds] == [4, 1, 2, 1, 1]
    assert [counted.parts()["body"][kind] for kind in kinds] == [3, 1, 1, 1, 0]
    assert [counted.keypoints()["left_heel"][kind] for kind in kinds] == [1, 0, 1, 0, 0]
    assert [*counted.keypoints()] == ["nose", "left_eye", "left_hip", "left_heel", "face-0"]
    eye = counted.keypoints()["left_eye"]
    assert eye["moved_px"]["median"] == pytest.approx(4, rel=0.03)
    assert eye["moved_share"]["median"] == pytest.approx(0.04, rel=0.03), "of the longer side"
    assert eye["offset"] == pytest.approx({"x": 0, "y": -0.04, "noise": 0}, abs=1e-6), "predicted 4 % too high"
    assert everything["pck"] == pytest.approx({"0.05": 3 / 4, "0.1": 3 / 4, "0.2": 3 / 4}), "an added one is wrong"
    assert everything["nme"] == pytest.approx((0 + 0.04 + 0.05) / 3)
    assert counted.parts()["face"]["nme"] is None
    assert counted.parts()["left_hand"]["moved_px"] == {"median": None, "p95": None}


def test_an_offset_stands_beside_the_noise() -> None:
    """Hips that are predicted 4 % too high, give or take 1 %."""
    pairs = [({"left_hip": (20.0, 46.0 + stray)}, {"left_hip": (20.0, 50.0)}) for stray in (-1.0, 1.0)]
    offset = counts(*pairs).keypoints()["left_hip"]["offset"]
    assert offset == pytest.approx({"x": 0, "y": -0.04, "noise": 0.01}, abs=1e-6)


def test_the_error_of_a_face_is_over_the_distance_of_the_eyes() -> None:
    eyes = {"face-36": (10.0, 10.0), "face-45": (30.0, 10.0)}
    counted = counts((eyes | {"face-30": (20.0, 20.0)}, eyes | {"face-30": (20.0, 22.0)}))
    assert counted.keypoints()["face-30"]["nme"] == pytest.approx(2 / 20)
    without = counts(({"face-30": (20.0, 20.0)}, {"face-30": (20.0, 22.0)}))
    assert without.keypoints()["face-30"]["nme"] == pytest.approx(2 / 100)


def test_medians_of_parts_alone_are_those_of_their_keypoints() -> None:
    pairs = [({"nose": (10.0, 10.0)}, {"nose": (10.0, 10.0 + way)}) for way in (1.0, 2.0, 3.0)]
    for by_keypoint in (True, False):
        parts = counts(*pairs, by_keypoint=by_keypoint).parts()
        assert parts["body"]["moved_px"]["median"] == pytest.approx(1.75, abs=0.3)
        assert parts["feet"]["moved_px"]["median"] is None


def test_of_two_annotations_neither_comes_from_the_other() -> None:
    one, other = {"nose": (10.0, 10.0), "left_eye": (12.0, 8.0)}, {"nose": (10.0, 20.0), "left_ear": (9.0, 9.0)}
    numbers = counts((one, other), of_equals=True).all()
    assert (numbers["both"], numbers["same"], numbers["one"]) == (1, 0, 2)
    assert numbers["pck"] == pytest.approx({"0.05": 0, "0.1": 1, "0.2": 1})
    assert "deleted" not in numbers


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_quantiles_are_within_three_percent(share: float) -> None:
    given = np.random.default_rng(1).lognormal(1, 1.2, 20_000)
    counted = Distances(2)
    counted.add(np.zeros(len(given), np.int64), given)
    assert counted.quantiles(0, (share,))[0] == pytest.approx(float(np.quantile(given, share)), rel=0.03)
    assert counted.quantiles(1, (share,)) == [None]


def test_left_and_right_that_changed_places() -> None:
    legs = {
        "left_knee": (10.0, 60.0),
        "right_knee": (40.0, 60.0),
        "left_ankle": (10.0, 90.0),
        "right_ankle": (40.0, 90.0),
    }
    crossed = {
        "left_knee": (40.0, 61.0),
        "right_knee": (11.0, 60.0),
        "left_ankle": (40.0, 90.0),
        "right_ankle": (10.0, 90.0),
    }
    moved = {name: (x + 15, y) for name, (x, y) in legs.items()}
    for after, swaps in ((crossed, 2), (legs, 0), (moved, 0)):
        assert compare([PairedPerson(somebody(BOX, legs), somebody(BOX, after))]).swaps.tolist() == [swaps]


def test_points_outside_their_box() -> None:
    points = {"nose": (20.0, -4.0), "left_eye": (20.0, -6.0), "left_heel": (56.0, 20.0), "left_hip": (20.0, 20.0)}
    assert outside_box(somebody(BOX, points)) == 2, "what is next to it is drawn so"
