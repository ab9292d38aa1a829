"""Which files a setting means, what opening them demands, and the version that follows from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wholebody.errors import ModelError
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.networks import open_network
from wholebody.estimation.weights import Traits, find_weights, model_version, pose_colors, weights_files
from wholebody.figures import DETECTOR_PATH, POSE_PATH
from wholebody.settings import Settings

FIGURES = Settings(mode="figures")
PLAIN = Traits((640, 640), (192, 256), "bgr", 1.0)


def version(settings: Settings, traits: Traits = PLAIN) -> str:
    return model_version(settings, find_weights(settings), traits)


def test_figures_need_no_download() -> None:
    weights = find_weights(FIGURES)
    assert (weights.detector, weights.pose) == (DETECTOR_PATH, POSE_PATH)


def test_own_files_take_the_place_of_the_modes() -> None:
    settings = Settings(det_model=str(DETECTOR_PATH), det_input_size="320,256", pose_model=str(POSE_PATH))
    weights = find_weights(settings)
    assert weights.detector_wh == (320, 256)
    assert version(settings).startswith("wholebody-own-")


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
        {"max_regions": 0},
        {"task_boxes": True},
        {"pose_model": str(DETECTOR_PATH)},
    ],
)
def test_version_follows_all_settings_that_change_predictions(change: dict[str, Any]) -> None:
    assert version(Settings(mode="figures", **change)) != version(FIGURES)


@pytest.mark.parametrize(
    "change", [{"detector_wh": (320, 320)}, {"pose_wh": (288, 384)}, {"colors": "rgb"}, {"score_unit": 5.9}]
)
def test_version_follows_all_traits_of_the_networks(change: dict[str, Any]) -> None:
    assert version(FIGURES, replace(PLAIN, **change)) != version(FIGURES)


def test_version_stays_what_it_was_where_the_output_does() -> None:
    assert version(FIGURES) == "wholebody-figures-f3f10cf9"  # OUTPUT_RULES count up where it changes on purpose


def test_version_is_the_same_for_the_same() -> None:
    other = Settings(mode="figures", request_delay_seconds=5, port=1234, model_dir="/tmp")
    assert version(other) == version(FIGURES)


@pytest.mark.parametrize(
    ("name", "setting", "expected"),
    [
        ("rtmw-dw-x-l_simcc-cocktail14_270e-256x192_20231122", "auto", "rgb"),
        ("My_RTMPose-l", "auto", "rgb"),
        ("dw-ll_ucoco_384", "auto", "rgb"),
        ("DWPose-l", "auto", "rgb"),
        ("end2end", "auto", "bgr"),
        ("wholebody133_256x192", "auto", "bgr"),
        ("vitpose-h-wholebody", "auto", "bgr"),
        ("rtmw-x", "bgr", "bgr"),
        ("pose", "rgb", "rgb"),
    ],
)
def test_the_colors_are_those_that_the_network_was_trained_on(
    tmp_path: Path, name: str, setting: Any, expected: str
) -> None:
    (tmp_path / f"{name}.onnx").write_bytes(b"there")
    settings = Settings(det_model=str(DETECTOR_PATH), pose_model=str(tmp_path / f"{name}.onnx"), pose_colors=setting)
    assert pose_colors(settings, find_weights(settings)) == expected


@pytest.mark.parametrize("mode", ["performance", "balanced", "lightweight"])
def test_the_weights_of_every_mode_get_rgb(tmp_path: Path, mode: Any) -> None:
    settings = Settings(mode=mode, model_dir=tmp_path)
    for file in weights_files(settings):
        file.path.write_bytes(b"there")
    assert pose_colors(settings, find_weights(settings)) == "rgb"


@pytest.mark.parametrize("backend", ["onnxruntime", "opencv", "openvino"])
def test_the_input_size_is_the_files(backend: Any) -> None:
    assert open_network(POSE_PATH, backend, "cpu", 1).input_wh == (192, 256)
    assert open_network(DETECTOR_PATH, backend, "cpu", 1).input_wh is None


@pytest.mark.parametrize("backend", ["onnxruntime", "opencv", "openvino"])
def test_a_size_that_contradicts_the_file_is_refused(backend: Any) -> None:
    settings = Settings(
        det_model=str(DETECTOR_PATH), pose_model=str(POSE_PATH), pose_input_size=(288, 384), backend_type=backend
    )
    message = rf"^POSE_INPUT_SIZE=288,384: {POSE_PATH} takes 192,256 and nothing else; leave POSE_INPUT_SIZE away$"
    with pytest.raises(ModelError, match=message):
        load_estimator(settings, find_weights(settings), threads=1, concurrency=1)


def test_sizes_are_needed_only_where_the_file_leaves_them_open(testdata: Path) -> None:
    models = testdata / "models"
    settings = Settings(
        det_model=str(models / "yolox_nano_person.onnx"), pose_model=str(models / "wholebody133_256x192.onnx")
    )
    traits = load_estimator(settings, find_weights(settings), threads=1, concurrency=1).traits
    assert traits == Traits((416, 416), (192, 256), "bgr", 1.0)
    settings = Settings(
        det_model=str(models / "rtmdet_nano_person.onnx"), det_input_size=(320, 320), pose_model=str(POSE_PATH)
    )
    traits = load_estimator(settings, find_weights(settings), threads=1, concurrency=1).traits
    assert traits == Traits((320, 320), (192, 256), "bgr", 1.0)


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
    ],
)
def test_wrong_file_is_told_at_start(files: dict[str, Any], message: str) -> None:
    settings = Settings(**files)
    with pytest.raises(ModelError, match=message):
        load_estimator(settings, find_weights(settings), threads=1, concurrency=1)
