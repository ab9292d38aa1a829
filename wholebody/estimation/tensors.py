"""Cut pixels -> a network's input: planes of 32-bit floats. Two to five times as fast as the same in numpy alone."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import numpy.typing as npt

from wholebody.images.decoding import BGR
from wholebody.poses import Floats

PAD_VALUE = 114
"""Gray level of the letterbox's empty part, on which YOLOX and RTMDet were trained."""

# RTMPose's normalisation, which rtmlib applies to BGR pixels as they are. A byte has 256 values, so all of it is a
# table for each channel, and the values are rtmlib's own: computed with 64 bits, rounded to 32.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
NORMALISED: npt.NDArray[np.float32] = ((np.arange(256) - np.array(MEAN)[:, None]) / np.array(STD)[:, None]).astype(
    np.float32
)


class InputArrays:
    """Arrays for a network's input, used again and again: pages that are new cost more than what is written to them.

    Thread-safe. Each is lent to one at a time, whatever the last one left in it.

    Args:
        shape: Theirs; 32-bit floats.
        kept: How many are kept for the next.
    """

    def __init__(self, shape: tuple[int, ...], kept: int) -> None:
        self._shape = shape
        self._free: deque[Floats] = deque(maxlen=kept)

    @contextmanager
    def lent(self) -> Iterator[Floats]:
        """Have one."""
        try:
            array = self._free.pop()
        except IndexError:
            array = np.empty(self._shape, np.float32)
        try:
            yield array
        finally:
            self._free.append(array)


def write_detector_input(scaled: BGR, planes: Floats) -> None:
    """`(h, w, 3)` uint8 -> the top left corner of `(H, W)` in `(1, 3, H, W)` float32, the rest `PAD_VALUE`."""
    height, width = scaled.shape[:2]
    planes[0, :, height:] = planes[0, :, :height, width:] = PAD_VALUE
    for plane, channel in zip(planes[0], cv2.split(scaled), strict=True):
        plane[:height, :width] = channel


def write_pose_input(crop: BGR, planes: Floats) -> None:
    """`(h, w, 3)` uint8 -> its place `(3, h, w)` in a batch, normalised as RTMPose expects it."""
    for plane, channel, table in zip(planes, cv2.split(crop), NORMALISED, strict=True):
        cv2.LUT(channel, table, plane)
