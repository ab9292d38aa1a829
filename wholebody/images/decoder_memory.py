"""How much memory decoding a file takes, by its header, and at what size it is decoded therefore. Decodes nothing.

The figures are measured (`tests/images/test_images_hostile.py` holds each against the memory of a process).
"""

import math
from collections.abc import Callable

from PIL import Image

from wholebody.errors import ImageError
from wholebody.images.avif_files import has_exif
from wholebody.images.jpeg_files import is_jpeg_of_one_scan

FULL_PIXELS = 30_000_000
"""Pictures with more are looked at at half or a quarter of their width and height, with up to so many pixels. People
who are large enough to be labeled are large enough there, and it takes a fraction of memory and time."""

MOST_PIXELS = 16 * FULL_PIXELS
"""What has more is refused, however little memory it takes: decoding takes time, too."""

DIVISORS = (1, 2, 4)
"""What width and height may be divided by."""

_RESULT, _IN_PILLOW = 3, 4
_BYTES_A_PIXEL = {"WEBP": 16.5, "AVIF": 16}
"""Formats whose decoders take more than their pixels in Pillow and those of the result; of WebP, animations alone."""


def plan(image: Image.Image, content: bytes, most_bytes: int, peak: Callable[[int], float]) -> tuple[int, int]:
    """The divisor of a picture's width and height, and the bytes of memory that decoding takes, its file included.

    Args:
        image: The file, opened.
        content: The whole file.
        most_bytes: What it may take.
        peak: What decoding takes beside the file, by the divisor.

    Raises:
        ImageError: It takes more, whatever the divisor, or has more than `MOST_PIXELS`.
    """
    pixels, size = image.width * image.height, f"{image.width} x {image.height}"
    if pixels > MOST_PIXELS:
        raise ImageError(f"is {size}, over the limit of {MOST_PIXELS} pixels; scale it", cause="image_too_large")
    for divisor in DIVISORS:
        needed = len(content) + math.ceil(peak(divisor))
        if pixels <= FULL_PIXELS * divisor**2 and needed <= most_bytes:
            return divisor, needed
    raise ImageError(
        f"is {size} and takes {needed} bytes of memory to decode, over the limit of {most_bytes}; "
        "raise IMAGE_MEMORY_BYTES or scale it",
        cause="image_too_large",
    )


def opencv_jpeg_bytes(image: Image.Image, content: bytes, divisor: int) -> float:
    """What OpenCV takes for a JPEG: it copies what it has decoded."""
    result = _RESULT / divisor**2
    return image.width * image.height * (result + max(result, _coefficient_bytes(image, content)))


def pillow_jpeg_bytes(image: Image.Image, content: bytes, divisor: int) -> float:
    """What Pillow takes for a JPEG, and for a copy of the file."""
    result, in_pillow = _RESULT / divisor**2, _IN_PILLOW / divisor**2
    a_pixel = in_pillow + max(result, _coefficient_bytes(image, content))
    return image.width * image.height * a_pixel + len(content)


def opencv_webp_bytes(image: Image.Image) -> float:
    """What OpenCV takes for a WebP: 4 bytes a pixel inside, and what comes out."""
    return image.width * image.height * (8 if image.mode == "RGBA" else 7)


def pillow_bytes(image: Image.Image, content: bytes, in_tiff: int, divisor: int) -> float:
    """What Pillow takes for anything else, and the result; `in_tiff` is what libtiff takes."""
    usual = _IN_PILLOW + _RESULT / divisor**2
    is_copied = image.format == "WEBP" or (image.format == "AVIF" and has_exif(content))
    pixels = image.width * image.height * _BYTES_A_PIXEL.get(str(image.format), usual)
    return max(pixels + is_copied * len(content), in_tiff)


def _coefficient_bytes(image: Image.Image, content: bytes) -> float:
    """What the coefficients of a JPEG take a pixel: 16 bits each, kept until the last of several scans."""
    if is_jpeg_of_one_scan(content):
        return 0.0
    shares = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
    most = max((across for across, _ in shares), default=1) * max((down for _, down in shares), default=1)
    return float(2 * sum(across * down for across, down in shares) / most)
