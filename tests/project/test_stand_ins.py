"""The benchmarks' networks of random weights cost what they say, and work as the real ones."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks import stand_ins
from benchmarks.stand_ins import LARGE, MEDIUM, build_detector, build_pose, count_flops, stand_in_files
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import find_weights
from wholebody.settings import Settings

PUBLISHED_GFLOPS = {"detector": 73.8, MEDIUM.name: 7.9, LARGE.name: 17.7}
TOLERANCE = 0.03


@pytest.mark.parametrize("kind", [MEDIUM, LARGE], ids=lambda kind: kind.name)
def test_a_pose_network_costs_what_is_published(kind: stand_ins.Kind) -> None:
    assert count_flops(build_pose(kind.pose_wh)) / 1e9 == pytest.approx(PUBLISHED_GFLOPS[kind.name], rel=TOLERANCE)


def test_the_detector_costs_what_is_published() -> None:
    assert count_flops(build_detector(2)) / 1e9 == pytest.approx(PUBLISHED_GFLOPS["detector"], rel=TOLERANCE)


def test_operations_are_counted_as_yolox_counts_them(testdata: Path) -> None:
    """YOLOX-nano is published with 1.08 GFLOPs at 416x416, for 80 classes; this one has a single class."""
    counted = count_flops(onnx.load(testdata / "models" / "yolox_nano_person.onnx")) / 1e9
    assert counted == pytest.approx(1.08, rel=0.05)


def test_they_are_used_as_any_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Much narrower here: only the outputs count."""
    monkeypatch.setattr(stand_ins, "DETECTOR_STEM", 4)
    monkeypatch.setattr(stand_ins, "DETECTOR_STAGES", ((4, 1), (4, 1), (4, 1), (4, 1)))
    monkeypatch.setattr(stand_ins, "POSE_STAGES", ((4, 1), (4, 1), (4, 1), (4, 1)))
    detector, pose = stand_in_files(MEDIUM, tmp_path)
    changed = {path: path.stat().st_mtime_ns for path in (detector, pose)}
    assert stand_in_files(MEDIUM, tmp_path) == (detector, pose)
    assert {path: path.stat().st_mtime_ns for path in (detector, pose)} == changed  # made once
    settings = Settings(det_model=str(detector), pose_model=str(pose))
    estimator = load_estimator(settings, find_weights(settings), threads=1, concurrency=1)
    poses = estimator.estimate(np.zeros((480, 640, 3), np.uint8))
    assert len(poses) == MEDIUM.people
    assert (poses.xyxy >= 0).all()
    assert (poses.xyxy <= (640, 480, 640, 480)).all()
    assert (poses.scores > 0.3).mean() > 0.9  # their regions are written as a person's
