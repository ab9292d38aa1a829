"""Image file -> upright 8-bit BGR pixels. Knows nothing of where the file came from."""

import io
import warnings

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from wholebody.errors import ImageError

BGR = npt.NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What browsers show, and what scanners and cameras write; Pillow's rarer parsers stay closed."""

_JPEG_END = b"\xff\xd9"
_WHITE = (255, 255, 255, 255)

# Pillow's own limit is a process-wide warning; ours is per call and an error.
Image.MAX_IMAGE_PIXELS = None


def decode_image(content: bytes, max_pixels: int) -> BGR:
    """Decode the first frame of an image file.

    Args:
        content: The whole file.
        max_pixels: Largest width x height decoded; checked on the header, before any pixel.

    Returns:
        `(height, width, 3)` uint8, BGR, upright by its EXIF orientation. Transparent pixels lie on white, as
        the labeling editor shows them; 16-bit channels keep their upper 8 bits.

    Raises:
        ImageError: Not an image, damaged, cut off, or too large.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            warnings.simplefilter("ignore")  # damaged metadata is no reason to refuse sound pixels
            _check_size(image.size, max_pixels)
            if _is_plain_jpeg(image, content):
                return _decode_plain_jpeg(content)
            return _to_bgr(_upright(image))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"not an image of a known format ({', '.join(FORMATS)})") from None
    except MemoryError:
        raise ImageError("too large for this machine's memory") from None
    except Exception as error:  # Pillow's parsers raise whatever a damaged file leads them to
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"damaged or cut off: {reason}") from None


def _check_size(size_wh: tuple[int, int], max_pixels: int) -> None:
    width, height = size_wh
    if width * height > max_pixels:
        raise ImageError(
            f"is {width} x {height}, over the limit of {max_pixels} pixels; raise IMAGE_MAX_PIXELS or scale it"
        )


def _is_plain_jpeg(image: Image.Image, content: bytes) -> bool:
    # OpenCV decodes a JPEG three times as fast as Pillow, to the same pixels, but fills a file that was cut
    # off with gray and says nothing. A file that ends as a JPEG must was not cut; all others go to Pillow.
    complete = content.rstrip(b"\x00")[-2:] == _JPEG_END
    return image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L") and complete


def _decode_plain_jpeg(content: bytes) -> BGR:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ImageError("damaged: not a JPEG that can be decoded")
    return np.asarray(pixels, np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    for xmp in ("xmp", "XML:com.adobe.xmp"):  # Pillow would turn by it; browsers and OpenCV heed EXIF alone
        image.info.pop(xmp, None)
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # unreadable EXIF: browsers show such a picture as it is stored
        return image


def _to_bgr(image: Image.Image) -> BGR:
    if image.mode.startswith("I;16") or image.mode == "I":
        deep = np.asarray(image).astype(np.int32)
        return np.asarray(cv2.cvtColor((deep >> 8).clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)
    if image.mode == "F":
        raise ImageError("holds floating-point pixels; save it with 8 or 16 bits a channel")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, _WHITE)
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    rgb = np.asarray(image.convert("RGB"))
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)
