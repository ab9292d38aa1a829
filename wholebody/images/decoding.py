"""Image file -> upright 8-bit BGR pixels. Knows nothing of where the file came from."""

import io
import warnings
import zlib
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from wholebody.errors import DeadlineError, ImageError, StoppedError
from wholebody.images.avif_files import is_avif, without_exif
from wholebody.images.decoder_memory import (
    opencv_jpeg_bytes,
    opencv_webp_bytes,
    pillow_bytes,
    pillow_jpeg_bytes,
    plan,
)
from wholebody.images.headers import check_metadata, tiff_decoder_bytes
from wholebody.images.jpeg_files import jpeg_end, with_endings
from wholebody.images.orientation import SIDEWAYS, read_orientation
from wholebody.images.pixels import BGR, Picture, lay_on_white, read_pixels, turned
from wholebody.images.png_files import PNG_START, without_metadata
from wholebody.process.memory_budget import MemoryBudget, Share

__all__ = ["BGR", "FORMATS", "Picture", "decode_image"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What browsers show, and what scanners and cameras write; Pillow's rarer parsers stay closed."""

Decode = Callable[[bytes, int, int], BGR]
"""A whole file, the divisor of its width and height, its EXIF orientation -> upright pixels."""

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}

# Pillow's own limit is a process-wide warning; ours is per call and an error.
Image.MAX_IMAGE_PIXELS = None


def decode_image(content: bytes, budget: MemoryBudget, file: Share | None = None) -> Picture:
    """Decode the first frame of an image file, once there is memory for it.

    Args:
        content: The whole file.
        budget: Where its memory is taken from: as much as decoding takes at its peak, by what the header says; then
            as much as the pixels take, until the picture's `share` is let go of.
        file: What is counted for `content` already; it is empty once there is memory for all.

    Returns:
        The picture, turned as browsers turn it (`orientation.py`), with no more than `decoder_memory.FULL_PIXELS`.
        Transparent pixels lie on white, as the labeling editor shows them. Of 16-bit channels the upper 8 bits are
        kept; gray values of a TIFF or PGM are read by the range that they have (`gray_ranges.py`).

    Raises:
        ImageError: Not an image, damaged, cut off, or too large. What lacks no pixel is read: a JPEG or PNG without
            its end, a PNG with damaged texts, whatever stands behind an image's end.
        DeadlineError: There was no memory for it until the deadline of the call.
        StoppedError: The budget was closed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is no reason to refuse sound pixels
            return _decode(content, budget, file)
    except (DeadlineError, StoppedError):
        raise
    except ImageError as error:
        failure = ImageError(error.reason, cause=error.cause)
    except UnidentifiedImageError:
        failure = ImageError(f"not an image of a known format ({', '.join(FORMATS)})", cause="image_unreadable")
    except MemoryError:
        failure = ImageError("too large for this machine's memory", cause="image_too_large")
    except Exception as error:  # Pillow's parsers raise whatever a damaged file leads them to
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        failure = ImageError(f"damaged or cut off: {reason}", cause="image_unreadable")
    raise failure  # out here, so that no traceback keeps the decoder's pixels


def _decode(content: bytes, budget: MemoryBudget, file: Share | None) -> Picture:
    check_metadata(content)
    in_tiff = tiff_decoder_bytes(content)
    with Image.open(_without_what_may_be_damaged(content), formats=FORMATS) as image:
        image.info.pop("xmp", None)  # by which Pillow, and nobody else, would turn an AVIF or TIFF
        orientation = read_orientation(image, content)
        decode, peak = _way(image, content, in_tiff)
        divisor, needed = plan(image, content, budget.total_bytes, peak)
        if decode is None:
            with budget.taken(needed, file) as share:
                bgr = read_pixels(image, orientation, divisor)
                return _picture(bgr, image.size, orientation, share)
        size_wh = image.size
    del image, peak  # and what they hold of the file
    with budget.taken(needed, file) as share:
        return _picture(decode(content, divisor, orientation), size_wh, orientation, share)


def _without_what_may_be_damaged(content: bytes) -> BinaryIO:
    """A file without metadata for which Pillow refuses sound pixels, and by which no pixel is told."""
    if content.startswith(PNG_START):
        return without_metadata(content)
    return without_exif(content) if is_avif(content) else io.BytesIO(content)


def _way(image: Image.Image, content: bytes, in_tiff: int) -> tuple[Decode | None, Callable[[int], float]]:
    """How a file is decoded, if not as Pillow has opened it; and what that takes, by the divisor."""
    if image.format in ("JPEG", "MPO"):
        end = jpeg_end(content)
        if end:
            return partial(_decode_jpeg, end), partial(opencv_jpeg_bytes, image, content)
        return _decode_jpeg_without_end, partial(pillow_jpeg_bytes, image, content)
    if image.format == "WEBP" and getattr(image, "n_frames", 1) == 1:
        return _decode_still_webp, lambda _: opencv_webp_bytes(image)
    return None, partial(pillow_bytes, image, content, in_tiff)


def _picture(bgr: BGR, stored_wh: tuple[int, int], orientation: int, share: Share) -> Picture:
    """The picture, which counts for its pixels alone from now on."""
    share.shrink(bgr.nbytes)
    return Picture(bgr, stored_wh[::-1] if orientation in SIDEWAYS else stored_wh, share)


def _decode_jpeg(end: int, content: bytes, divisor: int, orientation: int) -> BGR:
    # OpenCV decodes a JPEG three times as fast as Pillow, to the same pixels; but where a file was cut off it fills
    # up with gray.
    pixels = np.frombuffer(content, np.uint8, end)
    return turned(_decoded(pixels, _REDUCED[divisor] | cv2.IMREAD_IGNORE_ORIENTATION), orientation)


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


def _decode_still_webp(content: bytes, divisor: int, orientation: int) -> BGR:
    # Pillow takes every WebP for an animation and has four copies of it; OpenCV gives the same pixels.
    bgr = lay_on_white(_decoded(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED), divisor)
    return turned(bgr, orientation)


def _decoded(content: npt.NDArray[np.uint8], flags: int) -> BGR:
    pixels = cv2.imdecode(content, flags)
    if pixels is None:
        raise ImageError("damaged or cut off: its pixels cannot be decoded", cause="image_unreadable")
    return np.asarray(pixels, np.uint8)
