"""What the doctor says of the picture of a person, with real weights and with those for figures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor_runner import all_in_order, said
from tests.estimation.calibrations import HALF, weights_of, written
from tests.estimation.pose_files import scaled
from wholebody.keypoints import Part
from wholebody.settings import load_settings


@pytest.fixture(autouse=True)
def _in_order(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with all_in_order(monkeypatch):
        yield


def test_figures_are_no_people() -> None:
    assert said("a person") == ("skip", "MODE=figures recognizes drawn figures only -> ")


@pytest.fixture
def weights(testdata: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    models = testdata / "models"
    monkeypatch.setenv("DET_MODEL", str(models / "rtmdet_nano_person.onnx"))
    monkeypatch.setenv("POSE_MODEL", str(models / "wholebody133_256x192.onnx"))
    return models


def test_what_real_weights_see(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = "score unit 1 (1.00 on the picture of a person), colors BGR -> "
    some = "1 person and 3 other boxes, 83 of 133 points over the threshold of 0.3, "
    assert said("a person") == ("ok", some + unit)
    monkeypatch.setenv("DET_MODEL", str(weights / "yolox_nano_person.onnx"))
    assert said("a person") == ("ok", "1 person, 86 of 133 points over the threshold of 0.3, " + unit)


def test_another_scale_and_other_colors_are_told(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pose = scaled(weights / "wholebody133_256x192.onnx", 6.0, tmp_path / "rtmw.onnx")
    monkeypatch.setenv("POSE_MODEL", str(pose))
    status, message = said("a person")
    assert status == "ok"
    assert message.endswith("measured on the picture of a person, colors RGB -> ")


def test_a_detector_that_sees_nobody_is_a_warning(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DETECTION_THRESHOLD", "1")
    status, message = said("a person")
    assert status == "warn"
    assert message.startswith("0 boxes, and none around the person in the picture; score unit 1 (1.00 on the picture")
    assert message.endswith("colors BGR -> see docs/weights.md: is DET_MODEL a detector of people?")


def test_a_unit_that_hides_all_points_is_a_warning(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_SCORE_UNIT", "50")
    status, message = said("a person")
    assert status == "warn"
    assert message.startswith(
        "1 person and 3 other boxes, 0 of 133 points over the threshold of 0.3, score unit 50 (POSE_SCORE_UNIT), "
    )


def test_a_unit_with_which_all_points_pass_is_a_warning(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_SCORE_UNIT", "0.01")
    status, message = said("a person")
    assert status == "warn"
    assert ", 133 of 133 points over the threshold of 0.3, score unit 0.01 (POSE_SCORE_UNIT), " in message
    assert message.endswith("feet are outside the picture: raise CONFIDENCE_THRESHOLD or POSE_SCORE_UNIT")


def test_a_calibration_is_told_and_counts(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halved = dict.fromkeys(Part, HALF)
    path = written(tmp_path, weights_of(load_settings()), halved)
    monkeypatch.setenv("SCORE_CALIBRATION", str(path))
    status, message = said("a person")
    parts = "body, face, feet, left_hand, right_hand"
    assert message.endswith(f", colors BGR, scores of {parts} calibrated by {path} -> ")
    assert status == "ok" and int(message.split(", ")[1].split()[0]) < 83
    monkeypatch.setenv("DET_MODEL", str(weights / "yolox_nano_person.onnx"))
    status, message = said("device")
    assert status == "fail"
    assert "was made for the person detector rtmdet_nano_person.onnx (sha256 " in message
    assert " -> make one from corrections of these weights' predictions (wholebody calibrate), or leave " in message
