"""A picture that Pillow has decoded -> upright 8-bit BGR pixels, strip by strip: no second copy of the whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from wholebody.errors import ImageError
from wholebody.images.gray_ranges import check_deep_colors, gray_range, has_gray_range

BGR = npt.NDArray[np.uint8]

_STRIP_PIXELS = 1 << 18
_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    Attributes:
        bgr: `(h, w, 3)` uint8, BGR, upright.
        size_wh: Width and height of the upright image in its file: those of `bgr`, or a multiple where it was
            decoded at a reduced size.
    """

    bgr: BGR
    size_wh: tuple[int, int]

    @classmethod
    def whole(cls, bgr: BGR) -> "Picture":
        """A picture decoded at its own size."""
        return cls(bgr, (bgr.shape[1], bgr.shape[0]))


def read_pixels(image: Image.Image, orientation: int) -> BGR:
    """Decode a picture; it is closed then.

    Args:
        image: The file, opened.
        orientation: The EXIF orientation that it was stored with.

    Returns:
        `(height, width, 3)` uint8, BGR, upright, transparent pixels on white.

    Raises:
        ImageError: Its pixels are floating-point numbers, or colors of a range that is not that of their type.
        Exception: Whatever Pillow's decoders raise.
    """
    image.load()
    _forget_metadata(image)
    if image.mode == "F":
        raise ImageError("holds floating-point pixels; save it with 8 or 16 bits a channel", cause="image_unreadable")
    width, height = image.size
    bgr = np.empty((height, width, 3), np.uint8)
    deep = gray_range(image, (strip for _, strip in _strips(image))) if has_gray_range(image) else None
    for top, strip in _strips(image):
        part = _strip_to_bgr(strip) if deep is None else cv2.cvtColor(deep.to_bytes(strip), cv2.COLOR_GRAY2BGR)
        bgr[top : top + strip.height] = part
    check_deep_colors(image, bgr)
    image.close()  # its pixels are not needed while these are turned
    return turned(bgr, orientation)


def _forget_metadata(image: Any) -> None:
    """Profiles, texts and segments, which a decoder keeps copies of; only transparency is needed now."""
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    for name in ("applist", "app", "icclist", "private_chunks"):
        if hasattr(image, name):
            getattr(image, name).clear()


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The picture in parts, each with the row that it begins at."""
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def _strip_to_bgr(strip: Image.Image) -> BGR:
    if "A" in strip.mode or "a" in strip.mode or "transparency" in strip.info:
        paper = Image.new("RGBA", strip.size, _WHITE)
        strip = Image.alpha_composite(paper, strip.convert("RGBA"))
    return np.asarray(cv2.cvtColor(np.asarray(strip.convert("RGB")), cv2.COLOR_RGB2BGR), np.uint8)


def turned(bgr: BGR, orientation: int) -> BGR:
    """Upright, by the EXIF orientation that it was stored with."""
    flip = {2: 1, 3: -1, 4: 0}
    rotate = {6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    if orientation in flip:
        cv2.flip(bgr, flip[orientation], bgr)
        return bgr
    if orientation in rotate:
        return np.asarray(cv2.rotate(bgr, rotate[orientation]), np.uint8)
    if orientation == 5:
        return np.asarray(cv2.transpose(bgr), np.uint8)
    if orientation == 7:
        bgr = np.asarray(cv2.transpose(bgr), np.uint8)
        cv2.flip(bgr, -1, bgr)
    return bgr
