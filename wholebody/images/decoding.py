"""Image file -> upright 8-bit BGR pixels. Knows nothing of where the file came from."""

import io
import warnings

import cv2
import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from wholebody.errors import ImageError
from wholebody.images.headers import check_metadata, is_jpeg_of_one_scan, tiff_decoder_bytes
from wholebody.images.pixels import BGR, Picture, read_pixels, upright_size

__all__ = ["BGR", "FORMATS", "Picture", "decode_image"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What browsers show, and what scanners and cameras write; Pillow's rarer parsers stay closed."""

_JPEG_END = b"\xff\xd9"
BYTES_A_PIXEL = 7
"""What decoding takes at its peak: 4 in Pillow and 3 in the result. Formats that take more may have fewer pixels."""

_BYTES_A_PIXEL = {"WEBP": 16.5, "AVIF": 16}

_REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
"""What a JPEG's width and height may be divided by while it is decoded, at a fraction of time and memory."""

# Pillow's own limit is a process-wide warning; ours is per call and an error.
Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_MEMORY = 8 << 20


def decode_image(content: bytes, max_pixels: int) -> Picture:
    """Decode the first frame of an image file.

    Args:
        content: The whole file.
        max_pixels: Largest width x height decoded; checked on the header, before any pixel. It stands for memory:
            files whose decoders take more of it a pixel may have fewer pixels. Larger JPEGs are decoded at half
            or a quarter of their size.

    Returns:
        The picture, upright by its EXIF orientation. Transparent pixels lie on white, as the labeling editor
        shows them; 16-bit channels keep their upper 8 bits.

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


def _decode(content: bytes, max_pixels: int) -> Picture:
    check_metadata(content)
    in_tiff = tiff_decoder_bytes(content)
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if not _is_plain_jpeg(image, content):
            _check_size(image, max_pixels, max(in_tiff, _decoder_bytes(image, content)))
            return Picture.whole(read_pixels(image))
        divisor = _divisor(image, content, max_pixels)
        size_wh = upright_size(image)
    del image  # and what it holds of the file's metadata
    bgr = _decode_plain_jpeg(content, divisor)
    return Picture.whole(bgr) if divisor == 1 else Picture(bgr, size_wh)


def _divisor(image: Image.Image, content: bytes, max_pixels: int) -> int:
    """What width and height are divided by, so that decoding takes no more memory than it may."""
    for divisor in _REDUCED:
        decoder_bytes = _jpeg_bytes(image, content, 3 / divisor**2)
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
    if image.format in ("JPEG", "MPO"):
        return _jpeg_bytes(image, content, 4)
    copied = len(content) if image.format == "WEBP" else 0
    return image.width * image.height * _BYTES_A_PIXEL.get(str(image.format), 0) + copied


def _jpeg_bytes(image: Image.Image, content: bytes, a_pixel: float) -> float:
    """What a JPEG takes whose decoded pixels take `a_pixel` bytes each."""
    coefficients = 0.0
    if not is_jpeg_of_one_scan(content):  # as progressive ones: kept as 16-bit coefficients until the last scan
        shares = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
        most = max((across for across, _ in shares), default=1) * max((down for _, down in shares), default=1)
        coefficients = 2 * sum(across * down for across, down in shares) / most
    return float(image.width * image.height * (coefficients + a_pixel))


def _is_plain_jpeg(image: Image.Image, content: bytes) -> bool:
    # OpenCV decodes a JPEG three times as fast as Pillow, to the same pixels, but fills a file that was cut
    # off with gray and says nothing. A file that ends as a JPEG must was not cut; all others go to Pillow.
    complete = content.rstrip(b"\x00")[-2:] == _JPEG_END
    return image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L") and complete


def _decode_plain_jpeg(content: bytes, divisor: int) -> BGR:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), _REDUCED[divisor])
    if pixels is None:
        raise ImageError("damaged: not a JPEG that can be decoded", cause="image_unreadable")
    return np.asarray(pixels, np.uint8)
