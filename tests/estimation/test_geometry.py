import cv2
import numpy as np
import pytest
from rtmlib import YOLOX, RTMPose

from wholebody.estimation.geometry import Crop, Letterbox
from wholebody.estimation.tensors import detector_input
from wholebody.poses import Floats

RNG = np.random.default_rng(11)
SIZES = [(640, 480), (481, 641), (333, 97), (17, 401), (1, 1), (3, 2), (2000, 31), (640, 640), (1280, 1280), (641, 640)]
DETECTOR_SIZES = [(640, 640), (416, 416), (320, 256)]
POSE_SIZES = [(192, 256), (288, 384), (256, 192), (128, 128)]


def image(size_wh: tuple[int, int]) -> np.ndarray:  # type: ignore[type-arg]
    return RNG.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


def boxes(count: int) -> Floats:
    """Boxes of all shapes, in, across and beside an image of 640 x 480."""
    corner = RNG.uniform(-50, 600, (count, 2))
    return np.concatenate([corner, corner + RNG.uniform(1, 500, (count, 2))], axis=1).astype(np.float32)


@pytest.fixture
def rtmlib_detector() -> YOLOX:
    return object.__new__(YOLOX)  # its constructor wants a file; preprocess wants sizes


@pytest.fixture
def rtmlib_pose() -> RTMPose:
    pose = object.__new__(RTMPose)
    pose.mean = pose.std = None
    return pose


@pytest.mark.parametrize("size_wh", DETECTOR_SIZES)
@pytest.mark.parametrize("image_wh", SIZES)
def test_a_letterbox_is_filled_as_rtmlib_does(
    rtmlib_detector: YOLOX, image_wh: tuple[int, int], size_wh: tuple[int, int]
) -> None:
    bgr = image(image_wh)
    rtmlib_detector.model_input_size = size_wh[::-1]
    letterbox = Letterbox.fit(image_wh, size_wh)
    ours = detector_input(letterbox.scaled(bgr), size_wh)
    if min(image_wh) * letterbox.scale < 1:  # rtmlib fails on these
        return
    theirs, ratio = rtmlib_detector.preprocess(bgr)
    assert np.array_equal(ours[0].transpose(1, 2, 0), theirs)
    assert letterbox.scale == ratio


@pytest.mark.parametrize("image_wh", [(5000, 1), (1, 5000), (1, 1)])
def test_a_picture_one_pixel_thin_is_still_seen(image_wh: tuple[int, int]) -> None:
    pixels = np.zeros((image_wh[1], image_wh[0], 3), np.uint8)
    assert Letterbox.fit(image_wh, (640, 640)).scaled(pixels).size


@pytest.mark.parametrize("image_wh", [(640, 480), (97, 333), (4000, 3000), (31, 17)])
def test_a_letterbox_maps_points_to_where_the_pixels_are(image_wh: tuple[int, int]) -> None:
    letterbox = Letterbox.fit(image_wh, (640, 640))
    whole = letterbox.to_model(np.array([[0, 0, *image_wh]], np.float32))
    assert whole.max() == pytest.approx(640)
    assert (whole[0, 2] / image_wh[0]) == pytest.approx(whole[0, 3] / image_wh[1])


@pytest.mark.parametrize("shape", [(2,), (7, 2), (3, 133, 2), (5, 4), (0, 4)])
def test_both_maps_of_a_letterbox_invert_each_other(shape: tuple[int, ...]) -> None:
    letterbox = Letterbox.fit((1234, 567), (640, 640))
    points = RNG.uniform(-100, 1500, shape).astype(np.float32)
    there = letterbox.to_model(points)
    assert there.dtype == np.float32
    assert np.allclose(letterbox.to_image(there), points, atol=1e-3)
    assert np.allclose(letterbox.to_model(letterbox.to_image(points)), points, atol=1e-3)


@pytest.mark.parametrize("size_wh", POSE_SIZES)
@pytest.mark.parametrize("image_wh", [(640, 480), (481, 333), (17, 401), (1, 1)])
def test_a_crop_is_cut_as_rtmlib_does(
    rtmlib_pose: RTMPose, image_wh: tuple[int, int], size_wh: tuple[int, int]
) -> None:
    bgr = image(image_wh)
    rtmlib_pose.model_input_size = size_wh
    many = boxes(12)
    for xyxy, crop in zip(many, Crop.around(many, size_wh), strict=True):
        theirs, center, scale = rtmlib_pose.preprocess(bgr, xyxy)
        ours = crop.cut(bgr)
        assert (ours.shape, ours.dtype) == ((size_wh[1], size_wh[0], 3), np.uint8)
        assert np.array_equal(ours, theirs), xyxy
        assert np.array_equal(crop.center, center)
        assert np.array_equal(crop.extent_wh, scale)


@pytest.mark.parametrize("size_wh", POSE_SIZES)
def test_a_crop_maps_points_back_as_rtmlib_does(rtmlib_pose: RTMPose, size_wh: tuple[int, int]) -> None:
    rtmlib_pose.model_input_size, rtmlib_pose.to_openpose = size_wh, False
    for crop in Crop.around(boxes(8), size_wh):
        simcc = [RNG.uniform(0, 1, (1, 133, edge * 2)).astype(np.float32) for edge in size_wh]
        theirs, _ = rtmlib_pose.postprocess(simcc, crop.center, crop.extent_wh)
        in_crop = np.stack([rows[0].argmax(axis=1) for rows in simcc], axis=1) / 2
        assert np.allclose(crop.to_image(in_crop.astype(np.float32)), theirs[0], atol=1e-2)


@pytest.mark.parametrize("size_wh", POSE_SIZES)
@pytest.mark.parametrize("shape", [(2,), (133, 2), (3, 133, 2)])
def test_both_maps_of_a_crop_invert_each_other(shape: tuple[int, ...], size_wh: tuple[int, int]) -> None:
    points = RNG.uniform(-100, 900, shape).astype(np.float32)
    for crop in Crop.around(boxes(8), size_wh):
        assert crop.to_model(points).dtype == crop.to_image(points).dtype == np.float32
        tolerance = max(1.0, float(crop.extent_wh.max())) * 1e-3
        assert np.allclose(crop.to_image(crop.to_model(points)), points, atol=tolerance)


@pytest.mark.parametrize("size_wh", POSE_SIZES)
def test_a_crop_shows_its_box_in_the_middle_padded_and_in_the_aspect(size_wh: tuple[int, int]) -> None:
    many = boxes(8)
    for xyxy, crop in zip(many, Crop.around(many, size_wh), strict=True):
        assert np.allclose(crop.to_model((xyxy[:2] + xyxy[2:]) / 2), np.array(size_wh) / 2, atol=0.05)
        corners = crop.to_model(xyxy.reshape(2, 2))
        filled = (corners[1] - corners[0]) / np.array(size_wh)
        assert filled.max() == pytest.approx(1 / 1.25, abs=1e-3)
        assert crop.extent_wh[0] / crop.extent_wh[1] == pytest.approx(size_wh[0] / size_wh[1], rel=1e-5)


def test_a_point_is_mapped_to_where_its_pixel_is_cut() -> None:
    bgr = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(bgr, (300, 200), 6, (255, 255, 255), -1)
    (crop,) = Crop.around(np.array([(200, 100, 400, 400)], np.float32), (192, 256))
    y, x = np.argwhere(crop.cut(bgr)[:, :, 0] > 127).mean(axis=0)
    assert np.allclose(crop.to_model(np.array((300, 200), np.float32)), (x, y), atol=0.6)
