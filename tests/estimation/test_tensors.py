"""Pixels -> a network's input: to the last bit what rtmlib would feed."""

import numpy as np
import pytest
from rtmlib import RTMPose

from wholebody.estimation.tensors import MEAN, STD, write_detector_input, write_pose_input

EVERY_BYTE = np.arange(256, dtype=np.uint8)
PIXELS = np.random.default_rng(3).integers(0, 256, (64, 48, 3), np.uint8)


def test_a_detectors_input_has_the_pixels_as_planes() -> None:
    planes = np.full((1, 3, 64, 48), np.nan, np.float32)
    write_detector_input(PIXELS, planes)
    np.testing.assert_array_equal(planes[0].transpose(1, 2, 0), PIXELS)


def test_a_detectors_input_may_be_cut_from_something_larger() -> None:
    planes = np.empty((1, 3, 10, 35), np.float32)
    write_detector_input(PIXELS[10:20, 5:40], planes)
    np.testing.assert_array_equal(planes[0].transpose(1, 2, 0), PIXELS[10:20, 5:40])


def test_nothing_is_left_of_the_picture_before() -> None:
    planes = np.empty((1, 3, 64, 64), np.float32)
    for shape in ((64, 48), (10, 64), (1, 1)):
        write_detector_input(np.resize(PIXELS, (*shape, 3)), planes)
        pad = np.ones((64, 64), bool)
        pad[: shape[0], : shape[1]] = False
        assert (planes[0, :, pad] == 114).all()
        np.testing.assert_array_equal(
            planes[0, :, : shape[0], : shape[1]].transpose(1, 2, 0), np.resize(PIXELS, (*shape, 3))
        )


@pytest.mark.parametrize("pixels", [PIXELS, np.dstack([EVERY_BYTE.reshape(16, 16)] * 3)], ids=["random", "every byte"])
def test_a_pose_input_is_normalised_as_rtmlib_does(pixels: np.ndarray) -> None:
    pose = object.__new__(RTMPose)
    pose.mean, pose.std = MEAN, STD
    pose.model_input_size = (pixels.shape[1], pixels.shape[0])
    theirs = (pixels - np.array(pose.mean)) / np.array(pose.std)
    batch = np.full((3, 3, *pixels.shape[:2]), 9, np.float32)
    write_pose_input(pixels, batch[1])
    np.testing.assert_array_equal(batch[1], theirs.transpose(2, 0, 1).astype(np.float32))
    assert (batch[[0, 2]] == 9).all()


def test_mean_and_deviation_are_rtmlibs() -> None:
    import inspect

    defaults = inspect.signature(RTMPose.__init__).parameters
    assert (defaults["mean"].default, defaults["std"].default) == (MEAN, STD)
