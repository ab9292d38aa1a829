"""Corrections -> curves: what is counted, that curves rise and tell the truth, and which parts get one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset.regions import box, our_config, point, skeleton
from tests.evaluation.corrections import corrected_task
from tests.evaluation.test_pairing import ALICE, ELBOW, NOSE, annotated, at, paired, predicted, task
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.estimation.calibration import AS_THEY_ARE, Calibration, Curve
from wholebody.evaluation.calibrating import calibrate_parts, calibration_error, fit
from wholebody.evaluation.pairing import pair_task
from wholebody.evaluation.score_tally import FOLDS, RIGHT, STEPS, WRONG, ScoreTally, fold_of
from wholebody.keypoints import Part

SCORES = np.arange(STEPS + 1) / STEPS
BODY = list(Part).index(Part.BODY)


def tallied(
    chance: Callable[[float], float], tasks: int = 200, parts: tuple[Part, ...] = (Part.BODY,), seed: int = 1
) -> ScoreTally:
    """Tasks drawn by chance, counted."""
    rng, tally = np.random.default_rng(seed), ScoreTally(within=0.02)
    for number in range(tasks):
        found = pair_task(corrected_task(number, chance, rng, parts), TaskReader(None, "annotations"))
        assert not found.left_out
        for image in found.images:
            assert tally.add(image, AS_THEY_ARE) == 0
    return tally


def body_counts(tally: ScoreTally) -> np.ndarray:
    """Of the body's points, over all folds."""
    return np.asarray(tally.counts[:, BODY].sum(axis=0))


def test_what_counts_as_left() -> None:
    """The box is 80 pixels high, so 2 % are 1.6."""
    others = [point(name, 30, 40, "a", id=name, score=0.7) for name in ("left_ear", "right_ear", "left_wrist")]
    kept = [point("left_eye", 30, 20, "a", id="n", score=0.9), *others]
    changed = [kept[0], at(kept[1], 31.5, 40), at(kept[2], 32, 40)]
    added = point("right_wrist", 15, 70, "a")
    bob = [box("b", 100, 10, 150, 90), point("nose", 120, 20, "b", id="bob", score=0.4)]
    image = paired(task([predicted(ALICE, *kept, *bob)], annotated(ALICE, *changed, added)))
    tally = ScoreTally(within=0.02)
    assert tally.add(image, AS_THEY_ARE) == 0
    found = {
        (step / STEPS, right): int(count)
        for (step, right), count in np.ndenumerate(tally.counts[fold_of("/data/1.jpg"), BODY])
        if count
    }
    # left; moved a little; moved far and deleted; of somebody who was removed
    assert found == {(0.9, RIGHT): 1, (0.7, RIGHT): 1, (0.7, WRONG): 2, (0.4, WRONG): 1}
    assert tally.counts.sum() == 5
    assert tally.tasks.tolist() == [1, 0, 0, 0, 0]


def test_points_without_scores_and_joints_of_skeletons_do_not_count() -> None:
    drawn = skeleton("s", "body", {"nose": (30, 20), "left_shoulder": (20, 30)}, "a") | {"score": 0.8}
    given = task([predicted(ALICE, drawn, ELBOW)], annotated(ALICE, drawn, ELBOW))
    (image,) = pair_task(given, TaskReader(our_config(skeletons=True), "annotations")).images
    tally = ScoreTally(within=0.02)
    assert tally.add(image, AS_THEY_ARE) == 2
    assert tally.counts.sum() == 0


def test_scores_that_were_calibrated_are_undone() -> None:
    nose = NOSE | {"score": 0.4}
    image = paired(task([predicted(ALICE, nose)], annotated(ALICE, nose)))
    tally = ScoreTally(within=0.02)
    tally.add(image, Calibration({Part.BODY: Curve(score=(0, 1), right=(0, 0.5))}, "x"))
    assert tally.counts[:, BODY, round(0.8 * STEPS), RIGHT].sum() == 1


@st.composite
def counts(draw: st.DrawFn) -> np.ndarray:
    found = np.zeros((STEPS + 1, 2), np.int64)
    cells = st.tuples(st.integers(0, STEPS), st.integers(0, 1), st.integers(1, 200))
    for step, right, count in draw(st.lists(cells, min_size=1, max_size=40)):
        found[step, right] += count
    return found


@settings(deadline=None)
@given(counts())
def test_a_curve_rises_from_0_and_stays_in_0_to_1(found: np.ndarray) -> None:
    after = fit(found).apply(SCORES)
    assert after[0] == 0
    assert after[-1] <= 1
    assert (np.diff(after) > 0).all()


@pytest.mark.parametrize("chance", [lambda s: s**2, lambda s: s**0.3, lambda s: 0.5, lambda s: 0.2 + 0.7 * (s > 0.6)])
def test_errors_on_unseen_tasks_fall_and_are_foretold(chance: Callable[[float], float]) -> None:
    tally = tallied(chance)
    (record,) = (one.record for part, one in calibrate_parts(tally).items() if part is Part.BODY)
    assert record.curve is not None
    assert (record.points, record.tasks) == (200 * 17, 200)
    assert record.error_before is not None and record.error_after is not None
    unseen = body_counts(tallied(chance, seed=2))
    before, after = (calibration_error(unseen, scores) for scores in (SCORES, record.curve.apply(SCORES)))
    assert after < 0.03 < 0.1 < before
    assert record.error_before == pytest.approx(before, abs=0.05)
    assert record.error_after == pytest.approx(after, abs=0.05)


def test_a_curve_is_near_the_truth() -> None:
    curve = fit(body_counts(tallied(lambda score: score**2, tasks=600)))
    seen = SCORES[SCORES >= 0.35]
    assert np.abs(curve.apply(seen) - seen**2).max() < 0.08


def test_scores_that_tell_the_truth_stay() -> None:
    tally = ScoreTally(within=0.02)
    for score in (4_000, 6_000, 9_000):
        tally.counts[:, BODY, score] = (10_000 - score, score)
    tally.tasks[BODY] = 50
    result = calibrate_parts(tally)[Part.BODY]
    assert (result.record.curve, result.missing) == (None, "")
    assert result.record.error_before == pytest.approx(0)


@pytest.mark.parametrize(
    ("chance", "tasks", "missing"),
    [
        (lambda s: 0.5, 10, "130 more points and 30 more tasks"),
        (lambda s: 0.5, 39, "1 more tasks"),
        (lambda s: 1.0, 60, "25 more points that annotators corrected"),
        (lambda s: 0.0, 60, "25 more points that annotators left"),
    ],
)
def test_a_part_with_too_little_says_what_it_needs(chance: Callable[[float], float], tasks: int, missing: str) -> None:
    result = calibrate_parts(tallied(chance, tasks))[Part.BODY]
    assert (result.record.curve, result.missing) == (None, missing)


def test_tasks_of_one_picture_cannot_judge_a_curve() -> None:
    tally = tallied(lambda score: score**2)
    tally.counts[0] = tally.counts.sum(axis=0)
    tally.counts[1:] = 0
    assert calibrate_parts(tally)[Part.BODY].missing == "4 more different pictures"


def test_each_part_has_its_own_curve() -> None:
    tally = tallied(lambda score: score**3, parts=(Part.FEET, Part.LEFT_HAND))
    found = calibrate_parts(tally)
    assert {part for part, result in found.items() if result.record.curve} == {Part.FEET, Part.LEFT_HAND}
    assert found[Part.BODY].missing.startswith("300 more points and 40 more tasks")
    assert found[Part.BODY].record.error_before is None


def test_copies_of_a_picture_are_in_one_fold() -> None:
    assert fold_of("/data/upload/3/0123abcd-a.jpg") == fold_of("/data/upload/4/89abcdef-a.jpg")
    assert {fold_of(f"/data/{number}.jpg") for number in range(50)} == set(range(FOLDS))
