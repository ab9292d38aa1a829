"""Image file -> upright 8-bit BGR pixels. Knows nothing of where the file came from."""

import io
import warnings

import cv2
import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from wholebody.errors import ImageError
from wholebody.headers import check_metadata, tiff_decoder_bytes
from wholebody.pixels import BGR, read_pixels

__all__ = ["BGR", "FORMATS", "decode_image"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What browsers show, and what scanners and cameras write; Pillow's rarer parsers stay closed."""

_JPEG_END = b"\xff\xd9"
BYTES_A_PIXEL = 7
"""What decoding takes at its peak: 4 in Pillow and 3 in the result. Formats that take more may have fewer pixels."""

_BYTES_A_PIXEL = {"WEBP": 16.5, "AVIF": 16}

# Pillow's own limit is a process-wide warning; ours is per call and an error.
Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_MEMORY = 8 << 20


def decode_image(content: bytes, max_pixels: int) -> BGR:
    """Decode the first frame of an image file.

    Args:
        content: The whole file.
        max_pixels: Largest width x height decoded; checked on the header, before any pixel. It stands for memory:
            files whose decoders take more of it a pixel may have fewer pixels.

    Returns:
        `(height, width, 3)` uint8, BGR, upright by its EXIF orientation. Transparent pixels lie on white, as
        the labeling editor shows them; 16-bit channels keep their upper 8 bits.

    Raises:
        ImageError: Not an image, damaged, cut off, or too large.
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


def _decode(content: bytes, max_pixels: int) -> BGR:
    check_metadata(content)
    in_tiff = tiff_decoder_bytes(content)
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        plain = _is_plain_jpeg(image, content)
        _check_size(image, max_pixels, max(in_tiff, _decoder_bytes(image, content, plain)))
        if not plain:
            return read_pixels(image)
    del image  # and what it holds of the file's metadata
    return _decode_plain_jpeg(content)


def _check_size(image: Image.Image, max_pixels: int, decoder_bytes: float) -> None:
    pixels = image.width * image.height
    a_pixel = max(BYTES_A_PIXEL, decoder_bytes / max(1, pixels))
    limit = int(max_pixels * BYTES_A_PIXEL / a_pixel)
    if pixels > limit:
        such = "" if limit == max_pixels else f" for such a {image.format}, which takes {a_pixel:.0f} bytes each"
        raise ImageError(
            f"is {image.width} x {image.height}, over the limit of {limit} pixels{such}; "
            "raise IMAGE_MAX_PIXELS or scale it",
            cause="image_too_large",
        )


def _decoder_bytes(image: Image.Image, content: bytes, plain: bool) -> float:
    """What decoding takes at its peak, as measured."""
    pixels = image.width * image.height
    if image.format not in ("JPEG", "MPO"):
        copied = len(content) if image.format == "WEBP" else 0
        return pixels * _BYTES_A_PIXEL.get(str(image.format), 0) + copied
    # A JPEG in several scans, which progressive ones are, is kept as 16-bit coefficients until the last.
    shares = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
    most = max((across for across, _ in shares), default=1) * max((down for _, down in shares), default=1)
    coefficients = 2 * sum(across * down for across, down in shares) / most
    return float(pixels * (coefficients + (3 if plain else 4)))


def _is_plain_jpeg(image: Image.Image, content: bytes) -> bool:
    # OpenCV decodes a JPEG three times as fast as Pillow, to the same pixels, but fills a file that was cut
    # off with gray and says nothing. A file that ends as a JPEG must was not cut; all others go to Pillow.
    complete = content.rstrip(b"\x00")[-2:] == _JPEG_END
    return image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L") and complete


def _decode_plain_jpeg(content: bytes) -> BGR:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ImageError("damaged: not a JPEG that can be decoded", cause="image_unreadable")
    return np.asarray(pixels, np.uint8)
