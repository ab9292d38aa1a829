"""Scores mean the same whatever the scale of a network; its unit is measured, or given."""

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.estimation.pose_files import always, scaled
from wholebody.errors import ModelError
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.score_unit import find_score_unit
from wholebody.estimation.weights import find_weights
from wholebody.figures import DETECTOR_PATH
from wholebody.poses import Poses
from wholebody.settings import Settings

PHOTOGRAPHS = ("000000000785.jpg", "000000040083.jpg", "rtmlib_demo.jpg", "crowd_crowdpose_103319.jpg")
THRESHOLD = Settings().confidence_threshold
CROP_WH = (192, 256)


def load(pose: Path, **settings: Any) -> Estimator:
    given = Settings(pose_model=str(pose), **{"det_model": str(DETECTOR_PATH)} | settings)
    return load_estimator(given, find_weights(given), threads=0, concurrency=1)


@pytest.mark.parametrize(
    ("raw", "unit", "words"),
    [
        (0.965, 1.0, "1 (1.00 on the picture of a person)"),
        (0.78, 1.0, "1 (0.81 on the picture of a person)"),
        (1.2, 1.0, "1 (1.24 on the picture of a person)"),
        (0.75, 0.78, "0.78, measured on the picture of a person"),
        (1.25, 1.3, "1.3, measured on the picture of a person"),
        (5.867, 6.1, "6.1, measured on the picture of a person"),
        (47.9, 50.0, "50, measured on the picture of a person"),
        (0.1, 0.1, "0.1, measured on the picture of a person"),
        (0.09, 1.0, "1, for it sees nobody in the picture of a person (0.09)"),
        (-3.0, 1.0, "1, for it sees nobody in the picture of a person (-3.11)"),
    ],
)
def test_the_unit_is_what_sure_scores_are_near(raw: float, unit: float, words: str) -> None:
    scores = np.full(133, raw, np.float32)
    assert find_score_unit(scores) == (unit, words)
    assert find_score_unit(scores + np.linspace(-1e-6, 1e-6, 133)) == (unit, words)  # another processor
    few_unsure = np.where(np.arange(133) < 13, np.float32(raw), np.float32(-9))
    assert find_score_unit(few_unsure)[0] == 1.0  # a tenth of all says nothing


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(spoilt: float) -> None:
    scores = np.ones(133, np.float32)
    scores[5] = spoilt
    with pytest.raises(ModelError, match="on the picture of a person its scores are not numbers; the file is damaged"):
        find_score_unit(scores)


@pytest.fixture(scope="module")
def pictures(testdata: Path) -> list[Any]:
    return [cv2.imread(str(testdata / "images" / name)) for name in PHOTOGRAPHS]


def see(testdata: Path, pose: Path, pictures: list[Any]) -> tuple[Estimator, list[Poses]]:
    estimator = load(pose, det_model=str(testdata / "models" / "rtmdet_nano_person.onnx"))
    return estimator, [estimator.estimate(bgr) for bgr in pictures]


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0, 6.0, 10.0])
def test_a_network_of_another_scale_gives_the_same(
    testdata: Path, pictures: list[Any], tmp_path: Path, factor: float
) -> None:
    pose = testdata / "models" / "wholebody133_256x192.onnx"
    _, expected = see(testdata, pose, pictures)
    estimator, found = see(testdata, scaled(pose, factor, tmp_path / "scaled.onnx"), pictures)
    assert estimator.traits.score_unit == pytest.approx(factor)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.keypoints, theirs.keypoints)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=0.02)
        differs = (ours.scores >= THRESHOLD) != (theirs.scores >= THRESHOLD)
        assert differs.mean() <= 1 / 200


def test_the_figures_network_keeps_unit_1_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(mode="figures")
    with caplog.at_level(logging.INFO):
        load_estimator(settings, find_weights(settings), threads=0, concurrency=1)
    assert (
        "pose.onnx: colors in the order BGR, score unit 1, for it sees nobody in the picture of a person (0.00)"
        in caplog.text
    )


def simcc(height: float) -> dict[str, np.ndarray]:
    outputs = {axis: np.zeros((1, 133, 2 * edge), np.float32) for axis, edge in zip("xy", CROP_WH, strict=True)}
    for output in outputs.values():
        output[..., 100] = height
    return outputs


def test_a_unit_that_is_given_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pose = always(simcc(4.0), CROP_WH, tmp_path / "pose.onnx")
    with caplog.at_level(logging.INFO):
        estimator = load(pose, pose_score_unit=5.0)
    assert estimator.traits.score_unit == 5.0
    assert "score unit 5 (POSE_SCORE_UNIT)" in caplog.text
    box = np.array([[0, 0, 60, 80]], np.float32)
    poses = estimator.pose(np.zeros((80, 60, 3), np.uint8), box, np.ones(1, np.float32))
    np.testing.assert_allclose(poses.scores, 0.8)


def test_a_network_that_gives_no_numbers_is_told_at_the_start(tmp_path: Path) -> None:
    pose = always(simcc(np.nan), CROP_WH, tmp_path / "pose.onnx")
    message = rf"^{pose}: does not run as a pose network: on the picture of a person its scores are not numbers; "
    for given in ({}, {"pose_score_unit": 2.0}):
        with pytest.raises(ModelError, match=message):
            load(pose, **given)
