"""Whether scores tell the truth."""

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.people import somebody
from wholebody.evaluation.comparisons import compare
from wholebody.evaluation.pairing import PairedPerson
from wholebody.evaluation.score_truth import FirstTenth, ScoreTruth
from wholebody.keypoints import NAMES

BOX = (0.0, 0.0, 50.0, 100.0)
HERE, NEAR, FAR = (10.0, 10.0), (10.0, 11.5), (10.0, 13.0)


def test_bins_and_calibration_error() -> None:
    """Of ten points with a score of 0.95 six are right: left, or moved by no more than a fiftieth of the box."""
    truth = ScoreTruth()
    afters = [{"nose": HERE}] * 3 + [{"nose": NEAR}] * 3 + [{"nose": FAR}] * 2 + [{}]
    pairs = [PairedPerson(somebody(BOX, {"nose": HERE}, scores=0.95), somebody(BOX, after)) for after in afters]
    truth.add(compare(pairs), [somebody(BOX, {"nose": HERE}, scores=0.95)])
    body = truth.parts()["body"]
    assert body["bins"][9] == pytest.approx({"low": 0.9, "high": 1.0, "count": 10, "score": 0.95, "right": 0.6})
    assert body["bins"][0] == {"low": 0, "high": 0.1, "count": 0, "score": None, "right": None}
    assert body["ece"] == pytest.approx(0.35)
    assert truth.parts()["face"]["ece"] is None


def test_scores_that_tell_the_truth_have_no_error() -> None:
    rng, truth = np.random.default_rng(0), ScoreTruth()
    for score in rng.uniform(0, 1, 3000):
        after = {"nose": HERE if rng.uniform() < score else FAR}
        truth.add(compare([PairedPerson(somebody(BOX, {"nose": HERE}, scores=score), somebody(BOX, after))]), [])
    assert truth.parts()["body"]["ece"] < 0.03


def test_points_without_scores_count_for_nothing_and_a_perfect_one_is_in_the_last_bin() -> None:
    truth = ScoreTruth()
    truth.add(compare([PairedPerson(somebody(BOX, {"nose": HERE}), somebody(BOX, {"nose": HERE}))]), [])
    assert truth.parts()["body"]["ece"] is None
    truth.add(compare([PairedPerson(somebody(BOX, {"nose": HERE}, scores=1.0), somebody(BOX, {"nose": HERE}))]), [])
    assert truth.parts()["body"]["bins"][9]["count"] == 1


def test_the_joints_of_a_skeleton_have_no_scores_of_their_own() -> None:
    """Label Studio has one score for a skeleton: it says nothing of each joint."""
    joints = somebody(BOX, {"nose": HERE, "left_eye": NEAR, "left_hip": FAR}, scores=0.5)
    ids = [""] * len(NAMES)
    ids[NAMES.index("nose")] = ids[NAMES.index("left_eye")] = "skeleton"
    ids[NAMES.index("left_hip")] = "point"
    truth, skeleton = ScoreTruth(), replace(joints, region_ids=tuple(ids))
    truth.add(compare([PairedPerson(skeleton, joints)]), [skeleton])
    assert sum(one["count"] for one in truth.parts()["body"]["bins"]) == 2


def first(*tasks: tuple[object, int]) -> FirstTenth:
    counted = FirstTenth()
    for score, corrections in tasks:
        counted.add(score, corrections)
    return counted


def test_the_share_of_corrections_in_the_least_certain_tenth() -> None:
    honest = first(*((number / 20, 20 - number) for number in range(20)))
    assert honest.share() == pytest.approx((20 + 19) / 210)
    assert honest.best() == honest.share()
    useless = first(*((number / 20, number + 1) for number in range(20)))
    assert useless.share() == pytest.approx((1 + 2) / 210)
    assert useless.best() == pytest.approx((20 + 19) / 210)


def test_tasks_with_one_score_count_in_part() -> None:
    """Whoever sorts by it sees them in any order: the share is what they find on average."""
    assert first(*((0.5, corrections) for corrections in (9, 1, 0, 0, 0))).share() == pytest.approx(0.1)


def test_nothing_to_find_is_no_share() -> None:
    assert first().share() is None
    assert first((0.5, 0)).share() is None
    assert first((None, 7), (True, 7), (float("nan"), 7), (10**400, 7)).share() is None
