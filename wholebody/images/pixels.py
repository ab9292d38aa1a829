"""A picture that Pillow has decoded -> upright 8-bit BGR pixels, strip by strip: no second copy of the whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from wholebody.errors import ImageError
from wholebody.images.gray_ranges import GrayRange, check_deep_colors, gray_range, has_gray_range
from wholebody.process.memory_budget import Share

BGR = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two lie behind it."""

_STRIP_PIXELS = 1 << 18
_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    Attributes:
        bgr: `(h, w, 3)` uint8, BGR, upright.
        size_wh: Width and height of the upright image in its file: those of `bgr`, or a multiple where it was
            decoded at a reduced size.
        share: The memory that `bgr` counts for. Who has the picture holds it, and lets go of it in the end.
    """

    bgr: BGR
    size_wh: tuple[int, int]
    share: Share = field(default_factory=Share)

    @classmethod
    def whole(cls, bgr: BGR) -> "Picture":
        """A picture decoded at its own size."""
        return cls(bgr, (bgr.shape[1], bgr.shape[0]))


def read_pixels(image: Image.Image, orientation: int, divisor: int = 1) -> BGR:
    """Decode a picture; it is closed then.

    Args:
        image: The file, opened.
        orientation: The EXIF orientation that it was stored with.
        divisor: What its width and height are divided by, rounded up.

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
    to_bgr = _strip_to_bgr
    if has_gray_range(image):
        deep = gray_range(image, (image.crop(box) for box in _boxes(image.size)))
        to_bgr = partial(_gray_to_bgr, deep)
    bgr = _in_strips(image.size, divisor, lambda box: to_bgr(image.crop(box)))
    check_deep_colors(image, bgr)
    image.close()  # its pixels are not needed while these are turned
    return turned(bgr, orientation)


def lay_on_white(pixels: BGR, divisor: int = 1) -> BGR:
    """`(h, w, 3)` BGR or `(h, w, 4)` BGRA -> BGR on white, its width and height divided and rounded up."""
    height, width, channels = pixels.shape
    if channels == 3 and divisor == 1:
        return pixels

    def strip(box: Box) -> BGR:
        left, top, right, bottom = box
        part = pixels[top:bottom, left:right]
        if channels == 3:
            return part
        return _strip_to_bgr(Image.frombytes("RGBA", (right - left, bottom - top), part.tobytes(), "raw", "BGRA"))

    return _in_strips((width, height), divisor, strip)


def _in_strips(size_wh: tuple[int, int], divisor: int, strip: Callable[[Box], BGR]) -> BGR:
    """A picture put together of strips that are made one after the other."""
    width, height = size_wh
    bgr = np.empty((-(-height // divisor), -(-width // divisor), 3), np.uint8)
    for box in _boxes(size_wh, divisor):
        left, top, right, bottom = box
        part = bgr[top // divisor : -(-bottom // divisor), left // divisor : -(-right // divisor)]
        pixels = strip(box)
        if divisor > 1:
            pixels = np.asarray(cv2.resize(pixels, part.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)
        part[:] = pixels
    return bgr


def _boxes(size_wh: tuple[int, int], divisor: int = 1) -> Iterator[Box]:
    """The strips of a picture, each of whole rows and columns of the reduced one; very long rows are cut as well."""
    width, height = size_wh
    columns = min(width, _STRIP_PIXELS)
    rows = max(1, _STRIP_PIXELS // columns // divisor) * divisor
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(width, left + columns), min(height, top + rows)


def _forget_metadata(image: Any) -> None:
    """Profiles, texts and segments, which a decoder keeps copies of; only transparency is needed now."""
    image.info = {name: value for name, value in image.info.items() if name == "transparency"}
    for name in ("applist", "app", "icclist", "private_chunks"):
        if hasattr(image, name):
            getattr(image, name).clear()


def _gray_to_bgr(deep: GrayRange, strip: Image.Image) -> BGR:
    return np.asarray(cv2.cvtColor(deep.to_bytes(strip), cv2.COLOR_GRAY2BGR), np.uint8)


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
