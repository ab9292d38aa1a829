"""An AVIF without its EXIF, by which nobody turns it and for whose damage decoders refuse it."""

import io
import re
from typing import BinaryIO

from wholebody.images.pieces import joined

AVIF_STARTS = (b"ftypavif", b"ftypavis", b"ftypmif1")
_EXIF_ITEM = re.compile(rb"infe(?:\x02.{7}|\x03.{9})(?=Exif)", re.DOTALL)
_UNKNOWN = b"free"


def is_avif(content: bytes) -> bool:
    """Whether a file begins as an AVIF does."""
    return content[4:12] in AVIF_STARTS


def has_exif(content: bytes) -> bool:
    """Whether an AVIF has an item of EXIF."""
    return _EXIF_ITEM.search(content) is not None


def without_exif(content: bytes) -> BinaryIO:
    """An AVIF as a file whose item of EXIF has a type that decoders pass over.

    Its rotation and mirroring stand in boxes of their own.
    """
    found = _EXIF_ITEM.search(content)
    if found is None:
        return io.BytesIO(content)
    view = memoryview(content)
    return joined([view[: found.end()], _UNKNOWN, view[found.end() + len(_UNKNOWN) :]])
