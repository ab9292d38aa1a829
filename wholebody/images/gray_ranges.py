"""Gray values of more than 8 bits, or with a sign -> 8 bits, by the range that they have."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from wholebody.errors import ImageError

_PHOTOMETRIC, _BITS, _MAX_SAMPLE_VALUE, _SAMPLE_FORMAT = 262, 258, 281, 339
_WHITE_IS_ZERO, _SIGNED = 0, 2
_LEAST_OF_DEEP_COLORS = 64


@dataclass(frozen=True, slots=True)
class GrayRange:
    """Which gray values of a file stand for black and for white.

    Attributes:
        black: The value of black.
        bits: How many bits the values above it have, 8 to 32.
        inverted: Whether black and white change places.
        signed: Whether the values have a sign.
    """

    black: int
    bits: int
    inverted: bool = False
    signed: bool = False

    def to_bytes(self, strip: Image.Image) -> npt.NDArray[np.uint8]:
        """The `(h, w)` uint8 gray values of a part of the picture, 0 for black."""
        gray = ((_values(strip, self.signed) - self.black) >> (self.bits - 8)).astype(np.uint8)
        return np.asarray(255 - gray if self.inverted else gray, np.uint8)


def has_gray_range(image: Image.Image) -> bool:
    """Whether a picture has gray values that are no bytes from 0 to 255."""
    return image.mode == "I" or image.mode.startswith("I;16") or (image.mode == "L" and _is_signed(image))


def gray_range(image: Image.Image, strips: Iterable[Image.Image]) -> GrayRange:
    """The range of a picture's gray values.

    A PNG has 16 bits, as browsers show it. Of a TIFF or PGM, which no browser shows, the type tells little: cameras,
    scanners and microscopes store 10 or 12 bits in 16, and programs bytes in 32. So black is 0, or the least value
    if that is negative, and the range has as many bits as all values need, 8 at least. The largest value that a
    TIFF names (MaxSampleValue) counts with them. What a PGM names as white has become 16 bits already.

    Args:
        image: The picture, opened.
        strips: All of it, in parts.
    """
    if image.format == "PNG":
        return GrayRange(0, 16)
    signed = _is_signed(image)
    least, largest = 0, _number(image, _MAX_SAMPLE_VALUE, 0)
    for strip in strips:
        values = _values(strip, signed)
        least, largest = min(least, int(values.min())), max(largest, int(values.max()))
    bits = max(8, (largest - least).bit_length())
    inverted = image.mode != "L" and _number(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO  # Pillow inverts bytes alone
    return GrayRange(least, bits, inverted, signed)


def check_deep_colors(image: Image.Image, bgr: npt.NDArray[np.uint8]) -> None:
    """Refuse 16-bit colors that are dark because they have fewer bits: their lower 8 bits are lost already.

    Args:
        image: The picture, opened.
        bgr: The upper 8 bits of its colors.

    Raises:
        ImageError: It is a TIFF that does not use the upper two bits.
    """
    if image.format != "TIFF" or image.mode.startswith(("L", "I")) or _number(image, _BITS, 8) <= 8:
        return
    if bgr.max() < _LEAST_OF_DEEP_COLORS:
        raise ImageError(
            "holds colors of 16 bits that use 14 of them or fewer; save it with 8 bits a channel",
            cause="image_unreadable",
        )


def _values(strip: Image.Image, signed: bool) -> npt.NDArray[np.int64]:
    values = np.asarray(strip)
    if values.dtype == np.uint8:
        return values.view(np.int8).astype(np.int64)
    wide = values.astype(np.int64)
    return wide if signed else wide & 0xFFFFFFFF  # Pillow keeps 32 bits with a sign, whether they have one or not


def _is_signed(image: Image.Image) -> bool:
    return _number(image, _SAMPLE_FORMAT, 1) == _SIGNED


def _number(image: Image.Image, tag: int, default: int) -> int:
    """The first value of a TIFF's tag."""
    value = getattr(image, "tag_v2", {}).get(tag, default)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else default
