"""Which files a setting means, what opening them demands, and the version that follows from them."""

from pathlib import Path
from typing import Any

import pytest

from wholebody.errors import ModelError
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.networks import open_network
from wholebody.estimation.weights import find_weights, model_version
from wholebody.figures import DETECTOR_PATH, POSE_PATH
from wholebody.settings import Settings

FIGURES = Settings(mode="figures")


def test_figures_need_no_download() -> None:
    weights = find_weights(FIGURES)
    assert (weights.detector, weights.pose) == (DETECTOR_PATH, POSE_PATH)


def test_own_files_take_the_place_of_the_modes() -> None:
    settings = Settings(det_model=str(DETECTOR_PATH), det_input_size="320,256", pose_model=str(POSE_PATH))
    weights = find_weights(settings)
    assert weights.detector_wh == (320, 256)
    assert model_version(settings, weights).startswith("wholebody-own-")


def test_missing_own_file() -> None:
    with pytest.raises(ModelError, match=r"DET_MODEL='/nowhere/x.onnx': no such file"):
        find_weights(Settings(det_model="/nowhere/x.onnx", pose_model=str(POSE_PATH)))


def test_weights_that_cannot_be_downloaded(tmp_path: Path) -> None:
    settings = Settings(pose_model="http://127.0.0.1:9/zoo/pose.zip", det_model=str(DETECTOR_PATH), model_dir=tmp_path)
    with pytest.raises(ModelError, match=r"http://127.0.0.1:9/zoo/pose.zip cannot be downloaded .*pose.onnx") as error:
        find_weights(settings)
    for way_out in (str(tmp_path), "POSE_MODEL", "MODE=figures"):
        assert way_out in str(error.value)


def test_filled_model_dir_needs_no_network(tmp_path: Path) -> None:
    for name in ("yolox_m_8xb8-300e_humanart-c2c7a14a", "rtmw-dw-x-l_simcc-cocktail14_270e-256x192_20231122"):
        (tmp_path / f"{name}.onnx").write_bytes(b"there")
    weights = find_weights(Settings(mode="balanced", model_dir=tmp_path))
    assert weights.detector == tmp_path / "yolox_m_8xb8-300e_humanart-c2c7a14a.onnx"
    assert (weights.detector_wh, weights.pose_wh) == ((640, 640), (192, 256))


@pytest.mark.parametrize(
    "change",
    [
        {"confidence_threshold": 0.5},
        {"detection_threshold": 0.5},
        {"max_people": 3},
        {"task_boxes": True},
        {"pose_model": str(DETECTOR_PATH)},
        {"det_model": str(DETECTOR_PATH), "det_input_size": (320, 320)},
    ],
)
def test_version_follows_all_that_changes_predictions(change: dict[str, Any]) -> None:
    changed = Settings(mode="figures", **change)
    assert model_version(changed, find_weights(changed)) != model_version(FIGURES, find_weights(FIGURES))


def test_version_is_the_same_for_the_same() -> None:
    other = Settings(mode="figures", request_delay_seconds=5, port=1234, model_dir="/tmp")
    assert model_version(other, find_weights(other)) == model_version(FIGURES, find_weights(FIGURES))


def test_no_onnx_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x00garbage")
    with pytest.raises(ModelError, match=r"broken.onnx: onnxruntime cannot open it"):
        open_network(broken, "onnxruntime", "cpu", 1)


@pytest.mark.parametrize(
    ("backend", "device", "message"),
    [
        ("onnxruntime", "cuda", r"DEVICE=cuda: the installed onnxruntime .* has no CUDA.*requirements-gpu.txt"),
        ("onnxruntime", "cuda:1", r"DEVICE=cuda:1: .*requirements-gpu.txt"),
        ("onnxruntime", "mps", r"DEVICE=mps: .* has no CoreML.*DEVICE=cpu"),
        ("opencv", "cuda", r"DEVICE=cuda: this OpenCV is built without CUDA.*BACKEND_TYPE=onnxruntime"),
    ],
)
def test_device_that_is_not_there_is_an_error(backend: Any, device: str, message: str) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(ModelError, match=message):
        open_network(DETECTOR_PATH, backend, device, 1)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"det_model": str(POSE_PATH), "pose_model": str(POSE_PATH)}, r"pose.onnx: does not run as a person detector"),
        ({"det_model": str(DETECTOR_PATH), "pose_model": str(DETECTOR_PATH)}, r"does not run as a pose network"),
        ({"pose_model": str(POSE_PATH), "pose_input_size": (288, 384), "mode": "figures"}, r"does not run as a pose"),
    ],
)
def test_wrong_file_is_told_at_start(files: dict[str, Any], message: str) -> None:
    settings = Settings(**files)
    with pytest.raises(ModelError, match=message):
        load_estimator(settings, find_weights(settings), threads=1, concurrency=1)
