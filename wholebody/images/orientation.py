"""How a picture must be turned to stand as the labeling editor shows it: as browsers turn it, and no other way.

One reader for both decoders. Each has its own idea of a tag of another type, of a second EXIF or of XMP, and neither
has the browsers'.
"""

import struct

from PIL import Image

from wholebody.images.jpeg_files import APP1, JPEG_START, START_OF_SCAN, jpeg_segments
from wholebody.images.png_files import PNG_START, is_sound, png_chunks

UPRIGHT = 1
SIDEWAYS = (5, 6, 7, 8)

_EXIF_START, _PADDING = b"Exif\0", 1
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION, _EXIF_DIRECTORY = 0x0112, 0x8769
_SHORT, _LONG = 3, 4
_ENTRY_BYTES = 12


def read_orientation(image: Image.Image, content: bytes) -> int:
    """The EXIF orientation, 1 to 8, by which browsers turn a file; 1 where they leave it as it is stored.

    They heed the first EXIF of a JPEG and of a PNG, if it stands before the pixels, and the rotation and mirroring
    of an AVIF's own boxes. They do not turn WebP, and heed neither XMP nor EXIF in texts of a PNG. A TIFF, which
    they do not show, is turned by Pillow.

    Args:
        image: The file, opened; without XMP, and an AVIF without its EXIF.
        content: The whole file.
    """
    if content.startswith(JPEG_START):
        return exif_orientation(_exif_of_jpeg(content))
    if content.startswith(PNG_START):
        return exif_orientation(_exif_of_png(content))
    if image.format == "AVIF":
        return _orientation_of_avif(image)
    return UPRIGHT


def exif_orientation(tiff: bytes | memoryview) -> int:
    """The first orientation in EXIF data that is one number of the type SHORT, 1 to 8; else 1.

    Args:
        tiff: What follows `Exif` and its two bytes of padding.
    """
    order = _BYTE_ORDERS.get(bytes(tiff[:4]))
    if order is None or len(tiff) < 8:
        return UPRIGHT
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    return _in_directory(tiff, order, at, may_lead_on=True) or UPRIGHT


def _in_directory(tiff: bytes | memoryview, order: str, at: int, *, may_lead_on: bool) -> int:
    if at + 2 > len(tiff):
        return 0
    (entries,) = struct.unpack_from(order + "H", tiff, at)
    end = min(at + 2 + _ENTRY_BYTES * entries, len(tiff) - _ENTRY_BYTES + 1)
    found = 0
    for entry in range(at + 2, end, _ENTRY_BYTES):
        head = struct.unpack_from(order + "HHI", tiff, entry)
        if head == (_ORIENTATION, _SHORT, 1):
            (value,) = struct.unpack_from(order + "H", tiff, entry + 8)
            found = value if 1 <= value <= 8 else 0
        elif may_lead_on and head == (_EXIF_DIRECTORY, _LONG, 1):
            (inner,) = struct.unpack_from(order + "I", tiff, entry + 8)
            found = _in_directory(tiff, order, inner, may_lead_on=False)
        if found:
            break
    return found


def _exif_of_jpeg(content: bytes) -> memoryview:
    view = memoryview(content)
    for marker, at, length in jpeg_segments(content):
        if marker == START_OF_SCAN:
            break
        start = at + 4
        data = view[start + len(_EXIF_START) + _PADDING : at + 2 + length]
        if marker == APP1 and data and content.startswith(_EXIF_START, start):
            return data
    return view[:0]


def _exif_of_png(content: bytes) -> memoryview:
    view = memoryview(content)
    for name, at, length in png_chunks(content):
        if name == b"IDAT":
            break
        if name == b"eXIf" and is_sound(content, at, length):
            return view[at + 8 : at + 8 + length]
    return view[:0]


def _orientation_of_avif(image: Image.Image) -> int:
    return int(image.getexif().get(_ORIENTATION, UPRIGHT))  # of its boxes: Pillow puts it there
