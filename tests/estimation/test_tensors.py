"""Pixels -> a network's input: to the last bit what rtmlib would feed."""

import numpy as np
import pytest
from rtmlib import RTMPose

from wholebody.estimation.tensors import MEAN, STD, detector_input, write_pose_input

EVERY_BYTE = np.arange(256, dtype=np.uint8)
PIXELS = np.random.default_rng(3).integers(0, 256, (64, 48, 3), np.uint8)


@pytest.mark.parametrize(
    "scaled",
    [PIXELS, PIXELS[10:20, 5:40], PIXELS[:1, :1]],
    ids=["fills it", "cut from something larger", "one pixel"],
)
def test_a_detectors_input_has_the_pixels_as_planes_and_gray_elsewhere(scaled: np.ndarray) -> None:
    height, width = scaled.shape[:2]
    planes = detector_input(scaled, (48, 64))
    assert (planes.shape, planes.dtype) == ((1, 3, 64, 48), np.float32)
    np.testing.assert_array_equal(planes[0, :, :height, :width].transpose(1, 2, 0), scaled)
    pad = np.ones((64, 48), bool)
    pad[:height, :width] = False
    assert (planes[0, :, pad] == 114).all()


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


def test_rgb_planes_are_those_of_the_swapped_crop() -> None:
    swapped, rgb = np.empty((2, 3, *PIXELS.shape[:2]), np.float32)
    write_pose_input(np.ascontiguousarray(PIXELS[..., ::-1]), swapped)
    write_pose_input(PIXELS, rgb, "rgb")
    np.testing.assert_array_equal(rgb, swapped)
    np.testing.assert_allclose(rgb[0], (PIXELS[..., 2] - MEAN[0]) / STD[0], rtol=1e-6)  # red, by red's mean


def test_mean_and_deviation_are_rtmlibs() -> None:
    import inspect

    defaults = inspect.signature(RTMPose.__init__).parameters
    assert (defaults["mean"].default, defaults["std"].default) == (MEAN, STD)
