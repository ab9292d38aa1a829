"""A network of heat maps as a user gives it: opened on each runtime, sizes from its file, points where they belong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.estimation.pose_files import always
from tests.estimation.test_pose_heads import MAP_WH, maps_of
from wholebody.errors import ModelError
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.geometry import Crop
from wholebody.estimation.weights import Traits, find_weights
from wholebody.figures import DETECTOR_PATH
from wholebody.settings import Settings

INPUT_WH = (288, 384)
BGR = np.zeros((600, 800, 3), np.uint8)
BOXES = np.array([[100, 100, 300, 500], [350, 50, 700, 580]], np.float32)


def load(pose: Path, **settings: Any) -> Estimator:
    given = Settings(det_model=str(DETECTOR_PATH), pose_model=str(pose), **settings)
    return load_estimator(given, find_weights(given), threads=0, concurrency=1)


@pytest.mark.parametrize("batch", ["b", 1, 3])
@pytest.mark.parametrize("height", [0.96, 5.0])
@pytest.mark.parametrize("backend", ["onnxruntime", "opencv", "openvino"])
def test_a_gaussian_comes_back_to_its_place(tmp_path: Path, backend: Any, height: float, batch: int | str) -> None:
    if backend == "opencv" and batch != 1:
        pytest.skip("OpenCV takes one crop at a time")
    cells = np.random.default_rng(3).uniform((6, 6), (MAP_WH[0] - 7, MAP_WH[1] - 7), (1, 133, 2))
    pose = always({"maps": maps_of(cells, height)}, INPUT_WH, tmp_path / "vitpose.onnx", batch)
    estimator = load(pose, backend_type=backend)
    poses = estimator.pose(BGR, BOXES, np.ones(2, np.float32))
    in_crop = cells[0] / (MAP_WH[0] - 1, MAP_WH[1] - 1) * INPUT_WH
    for crop, found in zip(Crop.around(BOXES, INPUT_WH), poses.keypoints, strict=True):
        assert np.abs(crop.to_model(found) - in_crop).max() < 0.1
    assert 0.85 < poses.scores.min() <= poses.scores.max() <= 1
    expected = Traits((640, 640), INPUT_WH, "bgr", 1.0 if height < 1 else estimator.traits.score_unit)
    assert estimator.traits == expected
    assert (estimator.traits.score_unit > 4) == (height > 1)


def test_heat_maps_of_other_keypoints_are_refused(tmp_path: Path) -> None:
    pose = always({"maps": np.zeros((1, 17, 64, 48), np.float32)}, INPUT_WH, tmp_path / "coco.onnx")
    message = (
        rf"^{pose}: does not run as a pose network: outputs of shape \(4, 17, 64, 48\); known are SimCC, .*heat maps"
    )
    with pytest.raises(ModelError, match=message):
        load(pose)
