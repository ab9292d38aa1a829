"""A calibration as it is applied: read, bound to its weights, monotone, undone again, and part of the model version."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.estimation.calibrations import HALF, weights_of, written
from tests.test_model import CONFIG
from wholebody.annotator import Annotator
from wholebody.errors import ModelError
from wholebody.estimation.calibration import (
    AS_THEY_ARE,
    Calibration,
    Curve,
    WeightsRecord,
    load_calibration,
    read_calibration,
)
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import find_weights, model_version
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import PART_SLICES, Part
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.poses import Poses
from wholebody.predictions import Prediction
from wholebody.settings import Settings

FIGURES = Settings(mode="figures")

SOME = np.linspace(0, 1, 101)


@pytest.fixture(scope="module")
def weights() -> WeightsRecord:
    return weights_of(FIGURES)


def somebody(scores: np.ndarray) -> Poses:
    return Poses(
        (100, 100),
        np.array([[0, 0, 50, 90]], np.float32),
        np.array([0.9], np.float32),
        np.zeros((1, 133, 2), np.float32),
        np.asarray(scores, np.float32)[None],
    )


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """What `wholebody calibrate` may write: rising in thousandths, and by at least .02 of how far the score rises."""
    inner = draw(st.lists(st.integers(1, 999), unique=True, max_size=8))
    score = [0.0, *(number / 1000 for number in sorted(inner)), 1.0]
    steps = draw(st.lists(st.integers(0, 100), min_size=len(score) - 1, max_size=len(score) - 1))
    raised = np.append(0, np.cumsum(steps)) / max(sum(steps), 1) * draw(st.floats(0, 1))
    right = 0.98 * raised + 0.02 * np.array(score)
    return Curve(score=tuple(score), right=tuple(right.tolist()))


@hypothesis_settings(deadline=None)
@given(curves(), hnp.arrays(np.float32, 133, elements=st.floats(0, 1, width=32)))
def test_the_order_within_a_part_stays_and_scores_stay_in_0_to_1(curve: Curve, scores: np.ndarray) -> None:
    after = Calibration({Part.FACE: curve}, "x").apply(somebody(scores)).scores[0]
    face = PART_SLICES[Part.FACE]
    order = np.argsort(scores[face], kind="stable")
    assert (np.diff(after[face][order]) >= 0).all()
    assert after.min() >= 0 and after.max() <= 1
    others = np.delete(np.arange(133), np.r_[face])
    assert (after[others] == scores[others]).all()
    assert (after[scores == 0] == 0).all(), "a keypoint without a place has got a score"


@hypothesis_settings(deadline=None)
@given(curves(), hnp.arrays(np.float64, 50, elements=st.floats(0, 1)))
def test_what_was_calibrated_can_be_undone_from_four_digits(curve: Curve, scores: np.ndarray) -> None:
    again = curve.undo(curve.apply(scores).round(4))
    assert np.abs(again - scores).max() <= 0.006


def test_a_curve_is_straight_between_its_points() -> None:
    curve = Curve(score=(0, 0.5, 1), right=(0, 0.9, 1))
    assert curve.apply(np.array([0, 0.25, 0.5, 0.75, 1])) == pytest.approx([0, 0.45, 0.9, 0.95, 1])


def test_without_a_file_nothing_changes() -> None:
    found = find_weights(FIGURES)
    estimator = load_estimator(FIGURES, found, threads=0, concurrency=1)
    assert estimator.calibration is AS_THEY_ARE
    assert AS_THEY_ARE.apply(somebody(np.full(133, 0.4))).scores.max() == np.float32(0.4)
    assert model_version(FIGURES, found, estimator.traits) == "wholebody-figures-f3f10cf9"


def test_the_model_version_follows_the_curves_alone(tmp_path: Path, weights: WeightsRecord) -> None:
    found = find_weights(FIGURES)

    def version(**changes: Any) -> str:
        path = written(tmp_path, weights, **changes)
        settings = Settings(mode="figures", score_calibration=path)
        return model_version(settings, found, load_estimator(settings, found, threads=0, concurrency=1).traits)

    body = version(curves={Part.BODY: HALF})
    assert body.startswith("wholebody-figures-") and "-calibrated-" in body
    assert version(curves={Part.BODY: HALF}, within=0.05) == body
    assert version(curves={Part.FACE: HALF}) != body
    assert version() not in (body, "wholebody-figures-f3f10cf9")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"pose_sha256": "0" * 64, "pose": "other.onnx"}, "the pose network other.onnx (sha256 00000000), not pose"),
        ({"detector_sha256": "1" * 64}, "the person detector detector.onnx (sha256 11111111), not "),
        ({"score_unit": 4.6}, "score unit 4.6, not 1.0"),
        ({"colors": "rgb"}, "colors rgb, not bgr"),
        ({"pose_wh": (288, 384)}, "pose input size (288, 384), not (192, 256)"),
    ],
)
def test_a_calibration_of_other_weights(
    tmp_path: Path, weights: WeightsRecord, change: dict[str, Any], complaint: str
) -> None:
    path = written(tmp_path, weights.model_copy(update=change), {Part.BODY: HALF})
    settings = Settings(mode="figures", score_calibration=path)
    with pytest.raises(ModelError) as error:
        load_estimator(settings, find_weights(settings), threads=0, concurrency=1)
    assert str(error.value).startswith(f"SCORE_CALIBRATION='{path}' was made for {complaint}")
    assert str(error.value).endswith("(wholebody calibrate), or leave SCORE_CALIBRATION away")


def _falling(file: dict[str, Any]) -> None:
    file["parts"]["body"]["curve"]["right"] = [0, -0.1]


def _not_rising(file: dict[str, Any]) -> None:
    file["parts"]["body"]["curve"] = {"score": [0, 0.5, 1], "right": [0, 0.5, 0.5]}


def _not_equally_long(file: dict[str, Any]) -> None:
    file["parts"]["body"]["curve"]["right"] = [0]


def _not_to_1(file: dict[str, Any]) -> None:
    file["parts"]["body"]["curve"]["score"] = [0, 0.9]


def _unknown_part(file: dict[str, Any]) -> None:
    file["parts"]["tail"] = {"curve": None}


def _no_weights(file: dict[str, Any]) -> None:
    del file["weights"]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_falling, "parts.body.right.1: Input should be greater than or equal to 0; make it"),
        (_not_rising, "parts.body: 'score' and 'right' must rise; make it with wholebody calibrate"),
        (_not_equally_long, "parts.body: 'score' and 'right' must be equally long"),
        (_not_to_1, "parts.body: 'score' must lead from 0 to 1"),
        (_unknown_part, "parts.tail.[key]: Input should be 'body', "),
        (_no_weights, "weights: Field required"),
        (lambda file: file.update(format=2), " is of version 2 of its format, this program reads version 1; make it "),
        (lambda file: file.pop("format"), " is no calibration: it has no 'format'"),
    ],
)
def test_a_damaged_file(
    tmp_path: Path, weights: WeightsRecord, damage: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    path = written(tmp_path, weights, {Part.BODY: HALF})
    file = json.loads(path.read_text())
    damage(file)
    path.write_text(json.dumps(file))
    with pytest.raises(ModelError) as error:
        read_calibration(path)
    assert str(error.value).startswith(f"SCORE_CALIBRATION='{path}'")
    assert complaint in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "is no calibration: it has no 'format'"),
        (b" " * 2_000_000, "is too large"),
    ],
)
def test_no_calibration_at_all(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=complaint) as error:
        read_calibration(path)
    assert str(error.value).endswith("; make it with wholebody calibrate, or leave SCORE_CALIBRATION away")


def test_none_is_asked_for_where_none_is_set() -> None:
    assert load_calibration(None, find_weights(FIGURES), None) is AS_THEY_ARE  # type: ignore[arg-type]


def test_a_prediction_has_calibrated_scores_and_the_threshold_looks_at_these(
    tmp_path: Path, weights: WeightsRecord
) -> None:
    config = parse_labeling_config(CONFIG)
    picture = cv2.imencode(".png", draw_figures(2, seed=1, size_wh=(640, 480)).bgr)[1].tobytes()
    task = {"id": 1, "data": {"image": "data:image/png;base64," + base64.b64encode(picture).decode()}}

    def predicted(threshold: float, path: Path | None) -> Prediction:
        settings = Settings(mode="figures", confidence_threshold=threshold, score_calibration=path)
        return Annotator(settings).annotate(task, config)

    path = written(tmp_path, weights, dict.fromkeys(Part, HALF))
    raw, halved, none_left = predicted(0.3, None), predicted(0.3, path), predicted(0.6, path)
    for one, other in zip(raw["result"], halved["result"], strict=True):
        is_box = one["type"] == "rectanglelabels"
        assert other["score"] == pytest.approx(one["score"] * (1 if is_box else 0.5), abs=1e-4)
        assert other["value"] == one["value"]
    assert halved["score"] == pytest.approx(raw["score"] / 2, abs=1e-4)
    assert len({one["model_version"] for one in (raw, halved, none_left)}) == 3
    assert {region["type"] for region in none_left["result"]} == {"rectanglelabels"}
