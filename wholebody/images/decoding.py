"""Image file -> upright 8-bit BGR pixels. Knows nothing of where the file came from."""

import io
import warnings
import zlib
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from wholebody.errors import ImageError
from wholebody.images.avif_files import has_exif, is_avif, without_exif
from wholebody.images.headers import check_metadata, tiff_decoder_bytes
from wholebody.images.jpeg_files import is_jpeg_of_one_scan, jpeg_end, with_endings
from wholebody.images.orientation import SIDEWAYS, read_orientation
from wholebody.images.pixels import BGR, Picture, read_pixels, turned
from wholebody.images.png_files import PNG_START, without_metadata

__all__ = ["BGR", "FORMATS", "Picture", "decode_image"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What browsers show, and what scanners and cameras write; Pillow's rarer parsers stay closed."""

BYTES_A_PIXEL = 7
"""What decoding takes at its peak: 4 in Pillow and 3 in the result. Formats that take more may have fewer pixels."""

_BYTES_A_PIXEL = {"WEBP": 16.5, "AVIF": 16}

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
"""What a JPEG's width and height may be divided by while it is decoded, at a fraction of time and memory."""

# Pillow's own limit is a process-wide warning; ours is per call and an error.
Image.MAX_IMAGE_PIXELS = None


def decode_image(content: bytes, max_pixels: int) -> Picture:
    """Decode the first frame of an image file.

    Args:
        content: The whole file.
        max_pixels: Largest width x height decoded; checked on the header, before any pixel. It stands for memory:
            files whose decoders take more of it a pixel may have fewer pixels. Larger JPEGs are decoded at half
            or a quarter of their size.

    Returns:
        The picture, turned as browsers turn it (`orientation.py`). Transparent pixels lie on white, as the labeling
        editor shows them. Of 16-bit channels the upper 8 bits are kept; gray values of a TIFF or PGM are read by the
        range that they have (`gray_ranges.py`).

    Raises:
        ImageError: Not an image, damaged, cut off, or too large. What lacks no pixel is read: a JPEG or PNG without
            its end, a PNG with damaged texts, whatever stands behind an image's end.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is no reason to refuse sound pixels
            return _decode(content, max_pixels)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"not an image of a known format ({', '.join(FORMATS)})", cause="image_unreadable") from None
    except MemoryError:
        raise ImageError("too large for this machine's memory", cause="image_too_large") from None
    except Exception as error:  # Pillow's parsers raise whatever a damaged file leads them to
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"damaged or cut off: {reason}", cause="image_unreadable") from None


def _decode(content: bytes, max_pixels: int) -> Picture:
    check_metadata(content)
    in_tiff = tiff_decoder_bytes(content)
    with Image.open(_without_what_may_be_damaged(content), formats=FORMATS) as image:
        image.info.pop("xmp", None)  # by which Pillow, and nobody else, would turn an AVIF or TIFF
        orientation = read_orientation(image, content)
        if image.format not in ("JPEG", "MPO"):
            _check_size(image, max_pixels, max(in_tiff, _decoder_bytes(image, content)))
            return Picture.whole(read_pixels(image, orientation))
        end = jpeg_end(content)
        divisor = _divisor(image, content, max_pixels, end)
        width, height = image.size
    del image  # and what it holds of the file's metadata
    if end:
        bgr = _decode_jpeg(content, end, divisor, orientation)
    else:
        bgr = _decode_jpeg_without_end(content, divisor, orientation)
    if divisor == 1:
        return Picture.whole(bgr)
    return Picture(bgr, (height, width) if orientation in SIDEWAYS else (width, height))


def _without_what_may_be_damaged(content: bytes) -> BinaryIO:
    """A file without metadata for which Pillow refuses sound pixels, and by which no pixel is told."""
    if content.startswith(PNG_START):
        return without_metadata(content)
    return without_exif(content) if is_avif(content) else io.BytesIO(content)


def _divisor(image: Image.Image, content: bytes, max_pixels: int, end: int) -> int:
    """What width and height are divided by, so that decoding takes no more memory than it may."""
    for divisor in _REDUCED:
        # Without an end it goes to Pillow, with one: as a copy.
        decoder_bytes = _jpeg_bytes(image, content, (3 if end else 4) / divisor**2) + (0 if end else len(content))
        if _is_within(image, max_pixels, divisor, decoder_bytes):
            return divisor
    raise _too_large(image, max_pixels, divisor, decoder_bytes)


def _check_size(image: Image.Image, max_pixels: int, decoder_bytes: float) -> None:
    if not _is_within(image, max_pixels, 1, decoder_bytes):
        raise _too_large(image, max_pixels, 1, decoder_bytes)


def _is_within(image: Image.Image, max_pixels: int, divisor: int, decoder_bytes: float) -> bool:
    decoded = image.width * image.height / divisor**2
    return decoded <= max_pixels and decoder_bytes <= max_pixels * BYTES_A_PIXEL


def _too_large(image: Image.Image, max_pixels: int, divisor: int, decoder_bytes: float) -> ImageError:
    limit, such = max_pixels * divisor**2, ""
    a_pixel = decoder_bytes / (image.width * image.height)
    if a_pixel * limit > max_pixels * BYTES_A_PIXEL:
        limit = int(max_pixels * BYTES_A_PIXEL / a_pixel)
        such = f" for such a {image.format}, which takes {a_pixel:.0f} bytes each"
    return ImageError(
        f"is {image.width} x {image.height}, over the limit of {limit} pixels{such}; "
        "raise IMAGE_MAX_PIXELS or scale it",
        cause="image_too_large",
    )


def _decoder_bytes(image: Image.Image, content: bytes) -> float:
    """What decoding takes at its peak, as measured."""
    is_copied = image.format == "WEBP" or (image.format == "AVIF" and has_exif(content))
    return image.width * image.height * _BYTES_A_PIXEL.get(str(image.format), 0) + is_copied * len(content)


def _jpeg_bytes(image: Image.Image, content: bytes, a_pixel: float) -> float:
    """What a JPEG takes whose decoded pixels take `a_pixel` bytes each."""
    coefficients = 0.0
    if not is_jpeg_of_one_scan(content):  # as progressive ones: kept as 16-bit coefficients until the last scan
        shares = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
        most = max((across for across, _ in shares), default=1) * max((down for _, down in shares), default=1)
        coefficients = 2 * sum(across * down for across, down in shares) / most
    return float(image.width * image.height * (coefficients + a_pixel))


def _decode_jpeg(content: bytes, end: int, divisor: int, orientation: int) -> BGR:
    # OpenCV decodes a JPEG three times as fast as Pillow, to the same pixels; but where a file was cut off it fills
    # up with gray.
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8, end), _REDUCED[divisor] | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ImageError("damaged: not a JPEG that can be decoded", cause="image_unreadable")
    return turned(np.asarray(pixels, np.uint8), orientation)


def _decode_jpeg_without_end(content: bytes, divisor: int, orientation: int) -> BGR:
    checksums, pixels = set(), None
    for ended in with_endings(content):
        pixels = None  # never two at once
        with Image.open(io.BytesIO(ended), formats=("JPEG",)) as image:  # OpenCV would write warnings into the log
            image.draft(image.mode, (image.width // divisor, image.height // divisor))
            pixels = read_pixels(image, orientation)
        checksums.add(zlib.crc32(pixels.data))
    if pixels is None or len(checksums) > 1:
        raise ImageError("damaged or cut off: a JPEG without its last pixels", cause="image_unreadable")
    return pixels
