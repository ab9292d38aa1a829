"""How an image's pixels are laid into a network's input, and how points come back. rtmlib's arithmetic."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from wholebody.images.decoding import BGR
from wholebody.poses import Floats

CROP_PADDING = 1.25
"""A crop is this much larger than its person box, as RTMPose was trained."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """An image scaled into the top left corner of the detector's input, its aspect kept.

    Attributes:
        scale: Input pixels per image pixel.
        size_wh: Width and height of the detector's input in pixels.
    """

    scale: float
    size_wh: tuple[int, int]

    @classmethod
    def fit(cls, image_wh: tuple[int, int], size_wh: tuple[int, int]) -> Self:
        """The letterbox that shows the whole image as large as it goes."""
        return cls(min(size_wh[0] / image_wh[0], size_wh[1] / image_wh[1]), size_wh)

    def scaled(self, bgr: BGR) -> BGR:
        """`(h, w, 3)` BGR image -> the same in the size that it has in the input; what has that size is not copied."""
        # A picture one pixel thin must not vanish; elsewhere this is rtmlib's rounding.
        inner_wh = max(1, int(bgr.shape[1] * self.scale)), max(1, int(bgr.shape[0] * self.scale))
        if bgr.shape[1::-1] == inner_wh:
            return bgr
        return np.asarray(cv2.resize(bgr, inner_wh, interpolation=cv2.INTER_LINEAR), np.uint8)

    def to_model(self, xy: Floats) -> Floats:
        """`(..., 2)` image pixels -> input pixels; also for `(..., 4)` xyxy boxes."""
        return (xy * np.float32(self.scale)).astype(np.float32)

    def to_image(self, xy: Floats) -> Floats:
        """`(..., 2)` input pixels -> image pixels; also for `(..., 4)` xyxy boxes."""
        return (xy / np.float32(self.scale)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of an image around one person, in the aspect of the pose network's input.

    Attributes:
        center: `(2,)` float32 middle of the person box in image pixels.
        extent_wh: `(2,)` float32 width and height of the crop in image pixels.
        size_wh: Width and height of the pose network's input in pixels.
    """

    center: Floats
    extent_wh: Floats
    size_wh: tuple[int, int]

    @classmethod
    def around(cls, xyxy: Floats, size_wh: tuple[int, int]) -> list[Self]:
        """The crop of each of `(n, 4)` person boxes in image pixels: padded, then widened to the input's aspect."""
        from rtmlib.tools.pose_estimation.pre_processings import bbox_xyxy2cs

        centers, padded = bbox_xyxy2cs(xyxy, padding=CROP_PADDING)
        aspect = size_wh[0] / size_wh[1]
        widths, heights = padded[:, 0], padded[:, 1]
        is_wide = widths > heights * aspect
        extents = np.stack(
            [np.where(is_wide, widths, heights * aspect), np.where(is_wide, widths / aspect, heights)], axis=1
        )
        return [cls(center, extent, size_wh) for center, extent in zip(centers, extents, strict=True)]

    def cut(self, bgr: BGR) -> BGR:
        """`(h, w, 3)` BGR image -> `(size_h, size_w, 3)` uint8 BGR; what lies outside the image is black."""
        return np.asarray(cv2.warpAffine(bgr, self._warp(), self.size_wh, flags=cv2.INTER_LINEAR), np.uint8)

    def _warp(self) -> npt.NDArray[np.float64]:
        """`(2, 3)` matrix from image to crop pixels.

        To the last bit that of rtmlib's `get_warp_matrix`, which can rotate and shift as well, and takes five times
        as long: the middle, a point above it and one to the left of that, 32-bit floats, go to their places.
        """
        x, y = self.center
        above = y - self.extent_wh[0] * np.float32(0.5)
        width, height = self.size_wh
        up = (height - width) / 2
        return np.asarray(
            cv2.getAffineTransform(
                np.array(((x, y), (x, above), (x - (y - above), above)), np.float32),
                np.array(((width / 2, height / 2), (width / 2, up), (0, up)), np.float32),
            )
        )

    def to_model(self, xy: Floats) -> Floats:
        """`(..., 2)` image pixels -> crop pixels."""
        corner = self.center - self.extent_wh / 2
        return np.asarray((xy - corner) / self.extent_wh * np.array(self.size_wh), np.float32)

    def to_image(self, xy: Floats) -> Floats:
        """`(..., 2)` crop pixels -> image pixels."""
        corner = self.center - self.extent_wh / 2
        return np.asarray(xy / np.array(self.size_wh) * self.extent_wh + corner, np.float32)
