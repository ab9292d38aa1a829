"""Pixels -> poses: equal to rtmlib, near the ground truth, and the three habits of rtmlib that are not wanted."""

import contextlib
import io
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from wholebody.errors import ModelError
from wholebody.estimation import estimator as estimator_module
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.weights import Weights, find_weights
from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.settings import Settings

PHOTOGRAPHS = ("000000000785.jpg", "000000040083.jpg", "rtmlib_demo.jpg", "crowd_crowdpose_103319.jpg")
NOBODY = ("animal_animalpose_ho105.jpeg", "exif_Landscape_6.jpg")
WEIGHTS = Weights(Path("detector"), (64, 64), Path("pose"), (192, 256), ("", ""))


def real_settings(testdata: Path, detector: str = "rtmdet_nano_person", **changes: Any) -> Settings:
    size = (416, 416) if detector == "yolox_nano_person" else (640, 640)
    return Settings(
        det_model=str(testdata / "models" / f"{detector}.onnx"),
        det_input_size=size,
        pose_model=str(testdata / "models" / "wholebody133_256x192.onnx"),
        **changes,
    )


def rtmlib_of(settings: Settings) -> Any:
    """rtmlib's own, which all of ours must equal."""
    from rtmlib import Wholebody

    with contextlib.redirect_stdout(io.StringIO()):
        return Wholebody(
            det=settings.det_model,
            det_input_size=settings.det_input_size,
            pose=settings.pose_model,
            pose_input_size=(192, 256),
        )


def load(settings: Settings) -> Estimator:
    return load_estimator(settings, find_weights(settings), threads=0, concurrency=1)


@pytest.fixture(scope="module")
def estimator(testdata: Path) -> Estimator:
    return load(real_settings(testdata))


@pytest.fixture(scope="module")
def rtmlib(testdata: Path) -> Any:
    return rtmlib_of(real_settings(testdata))


@pytest.fixture(scope="module")
def small_rtmlib(testdata: Path) -> Any:
    return rtmlib_of(real_settings(testdata, "yolox_nano_person"))


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_equals_rtmlib(photograph: str, testdata: Path, estimator: Estimator, rtmlib: Any) -> None:
    bgr = cv2.imread(str(testdata / "images" / photograph))
    poses = estimator.estimate(bgr)
    boxes = rtmlib.det_model(bgr)
    assert len(poses) == len(boxes) > 0
    order = [int(np.abs(poses.xyxy - box).sum(axis=1).argmin()) for box in boxes]
    np.testing.assert_allclose(poses.xyxy[order], boxes, atol=0.01)
    keypoints, scores = rtmlib.pose_model(bgr, poses.xyxy)
    np.testing.assert_allclose(poses.keypoints, keypoints, atol=0.5)
    np.testing.assert_allclose(poses.scores, scores.clip(0, 1), atol=1e-3)


@pytest.mark.parametrize("photograph", NOBODY)
def test_nobody_is_nobody(photograph: str, testdata: Path, estimator: Estimator) -> None:
    poses = estimator.estimate(cv2.imread(str(testdata / "images" / photograph)))
    assert len(poses) == 0


FIELDS = {
    Part.BODY: "keypoints",
    Part.FEET: "foot_kpts",
    Part.FACE: "face_kpts",
    Part.LEFT_HAND: "lefthand_kpts",
    Part.RIGHT_HAND: "righthand_kpts",
}


@pytest.mark.parametrize(
    ("parts", "limit"),
    [
        ((Part.BODY,), 0.03),
        ((Part.FEET,), 0.07),
        ((Part.FACE,), 0.02),
        ((Part.LEFT_HAND, Part.RIGHT_HAND), 0.06),
    ],
)
def test_follows_the_ground_truth(parts: tuple[Part, ...], limit: float, testdata: Path, estimator: Estimator) -> None:
    """Median distance over the longer side of the true box, over both photographs that have a truth."""
    truth = json.loads((testdata / "coco_wholebody.json").read_text())
    errors: list[float] = []
    for image in truth["images"]:
        poses = estimator.estimate(cv2.imread(str(testdata / "images" / image["file_name"])))
        for person in (one for one in truth["annotations"] if one["image_id"] == image["id"]):
            x, y, width, height = person["bbox"]
            match = np.abs(poses.xyxy - (x, y, x + width, y + height)).sum(axis=1).argmin()
            for part in parts:
                labelled = np.array(person[FIELDS[part]], float).reshape(-1, 3)
                distance = np.linalg.norm(poses.keypoints[match, PART_SLICES[part]] - labelled[:, :2], axis=1)
                errors += list(distance[labelled[:, 2] > 0] / max(width, height))
    print(f"{'+'.join(parts)}: median {np.median(errors):.4f} of {len(errors)} keypoints")
    assert np.median(errors) <= limit


LATENCY, THROUGHPUT = {"threads": 0, "concurrency": 1}, {"threads": 1, "concurrency": 2}
"""As the backend and as the prefill open the networks."""


@pytest.mark.parametrize("mode", [LATENCY, THROUGHPUT], ids=["latency", "throughput"])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "opencv"])
def test_every_mode_equals_rtmlib(backend: Any, mode: dict[str, int], testdata: Path, small_rtmlib: Any) -> None:
    """On the same boxes: a box that differs by 0.001 px already moves the crop's rounding and some maxima."""
    bgr = cv2.imread(str(testdata / "images" / "rtmlib_demo.jpg"))
    settings = real_settings(testdata, "yolox_nano_person", backend_type=backend)
    estimator = load_estimator(settings, find_weights(settings), **mode)
    assert len(estimator.estimate(np.full((300, 400, 3), 200, np.uint8))) == 0
    boxes = small_rtmlib.det_model(bgr)
    keypoints, scores = small_rtmlib.pose_model(bgr, boxes)
    assert len(boxes) > 4  # more than go in one run
    with ThreadPoolExecutor(2) as pool:  # two at a time, which share what the networks are run with
        found = list(pool.map(estimator.detect, [bgr] * 2))
        posed = list(pool.map(lambda _: estimator.pose(bgr, boxes, np.ones(len(boxes), np.float32)), range(2)))
    for detections, poses in zip(found, posed, strict=True):
        order = [int(np.abs(detections.xyxy - box).sum(axis=1).argmin()) for box in boxes]
        np.testing.assert_allclose(detections.xyxy[order], boxes, atol=0.05)
        np.testing.assert_allclose(poses.keypoints, keypoints, atol=0.5)
        np.testing.assert_allclose(poses.scores, scores.clip(0, 1), atol=2e-3)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_rgb_equals_rtmlib_given_the_swapped_picture(testdata: Path, rtmlib: Any, name: str) -> None:
    """The same arithmetic on the same network, which sees the other order of colors."""
    bgr = cv2.imread(str(testdata / "images" / name))
    boxes = rtmlib.det_model(bgr)
    keypoints, scores = rtmlib.pose_model(np.ascontiguousarray(bgr[..., ::-1]), boxes)
    rgb = load(real_settings(testdata, pose_colors="rgb"))
    assert rgb.traits.colors == "rgb"
    poses = rgb.pose(bgr, boxes, np.ones(len(boxes), np.float32))
    np.testing.assert_allclose(poses.keypoints, keypoints, atol=0.5)
    np.testing.assert_allclose(poses.scores, scores.clip(0, 1), atol=2e-3)


def test_opencv_that_cannot_run_a_network_says_so(testdata: Path) -> None:
    opencv = load(real_settings(testdata, backend_type="opencv"))
    with pytest.raises(ModelError, match=r"rtmdet.*opencv cannot run it on this image .*BACKEND_TYPE=onnxruntime"):
        opencv.estimate(cv2.imread(str(testdata / "images" / "rtmlib_demo.jpg")))


class StubNetwork:
    """A network that returns what it is told to and remembers how it was called."""

    device = "stub"
    input_wh = None

    def __init__(self, outputs: list[np.ndarray], batch: int | None = None) -> None:
        self.outputs = outputs
        self.batch = batch
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self.batches.append(len(batch))
        return [np.repeat(output, len(batch), axis=0) if len(self.outputs) == 2 else output for output in self.outputs]


def simcc(x: int, y: int, score: float) -> list[np.ndarray]:
    """SimCC outputs of one person whose 133 keypoints all lie in bins x, y."""
    simcc_x, simcc_y = np.zeros((1, 133, 384), np.float32), np.zeros((1, 133, 512), np.float32)
    simcc_x[:, :, x], simcc_y[:, :, y] = score, score
    return [simcc_x, simcc_y]


def people(*rows: tuple[float, float, float, float, float]) -> list[np.ndarray]:
    return [np.array([rows], np.float32).reshape(1, -1, 5)]


def stub_estimator(detector: StubNetwork, pose: StubNetwork, **settings: Any) -> Estimator:
    """One that has been warmed up while the pose network gave sure scores."""
    estimator = Estimator(detector, pose, Settings(**settings), WEIGHTS, concurrency=1)
    outputs, pose.outputs = pose.outputs, simcc(0, 0, 1)
    estimator.warm_up()
    pose.outputs = outputs
    pose.batches.clear()
    return estimator


@pytest.mark.parametrize(("device", "expected"), [("cpu", [3, 3]), ("cuda", [6])])
def test_a_gpu_takes_more_crops_in_a_run(monkeypatch: pytest.MonkeyPatch, device: str, expected: list[int]) -> None:
    networks = [StubNetwork(people((0, 0, 9, 9, 1))), StubNetwork(simcc(0, 0, 1))]
    opened = iter(networks)
    monkeypatch.setattr(estimator_module, "open_network", lambda *_: next(opened))
    settings = Settings(mode="figures", device=device)
    loaded = load_estimator(settings, find_weights(settings), threads=0, concurrency=1)
    networks[1].batches.clear()
    loaded.pose(np.zeros((64, 64, 3), np.uint8), np.array([[0, 0, 32, 32]] * 6, np.float32), np.ones(6, np.float32))
    assert networks[1].batches == expected


def test_pose_network_is_not_asked_about_nobody() -> None:
    pose = StubNetwork(simcc(0, 0, 1))
    assert len(stub_estimator(StubNetwork(people()), pose).estimate(np.zeros((64, 64, 3), np.uint8))) == 0
    assert pose.batches == []


@pytest.mark.parametrize(("batch", "expected"), [(None, [3]), (1, [1, 1, 1]), (2, [2, 2]), (8, [8])])
def test_crops_go_in_as_few_runs_as_the_file_allows_and_fill_its_batch(batch: int | None, expected: list[int]) -> None:
    pose = StubNetwork(simcc(10, 20, 0.5), batch)
    boxes = people((0, 0, 30, 60, 0.9), (10, 0, 40, 60, 0.8), (20, 0, 50, 60, 0.7))
    poses = stub_estimator(StubNetwork(boxes), pose).estimate(np.zeros((64, 64, 3), np.uint8))
    assert pose.batches == expected
    assert poses.keypoints.shape == (3, len(NAMES), 2)


def test_boxes_are_sorted_limited_and_sound(caplog: pytest.LogCaptureFixture) -> None:
    boxes = people(
        (0, 0, 20, 60, 0.5),
        (20, 0, 41, 60, 0.9),
        (42, 0, 63, 60, 0.7),
        (5, 5, 5.5, 60, 0.99),  # thinner than a pixel
        (np.nan, 0, 30, 60, 0.99),  # not a number
        (0, 0, 33, 60, 0.29),  # below the threshold
    )
    with caplog.at_level(logging.WARNING):
        found = stub_estimator(StubNetwork(boxes), StubNetwork(simcc(0, 0, 1)), max_people=2).detect(
            np.zeros((64, 64, 3), np.uint8)
        )
    np.testing.assert_allclose(found.scores, [0.9, 0.7])
    assert "3 people found, the best 2 kept (MAX_PEOPLE)" in caplog.text


@pytest.mark.parametrize("score", [6.0, np.nan, -1.0, np.inf])
def test_scores_are_finite_and_between_0_and_1(score: float) -> None:
    poses = stub_estimator(StubNetwork(people((0, 0, 30, 60, 0.9))), StubNetwork(simcc(10, 20, score))).estimate(
        np.zeros((64, 64, 3), np.uint8)
    )
    assert ((poses.scores >= 0) & (poses.scores <= 1)).all()


@pytest.mark.parametrize("shape_hw", [(1, 1), (1, 900), (900, 1), (64, 64), (5, 4000)])
def test_images_of_any_shape(shape_hw: tuple[int, int]) -> None:
    settings = Settings(mode="figures")
    estimator = load(settings)
    assert len(estimator.estimate(np.full((*shape_hw, 3), 255, np.uint8))) == 0
