"""What a file says of itself, read before a decoder is let loose on it: how much memory it would make it take."""

import struct

from wholebody.errors import ImageError
from wholebody.images.jpeg_files import JPEG_START, START_OF_SCAN, jpeg_segments

MAX_METADATA_BYTES = 16_000_000
"""Profiles, EXIF, XMP with depth maps: a decoder keeps several copies of them."""

MAX_STRIPS = 100_000
"""Strips or tiles of a TIFF; Pillow makes objects of some 300 bytes for each."""

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

MAX_SCANS = 500
"""Of a progressive JPEG, each of which a decoder goes through all pixels for; programs write about ten."""

_WIDTH, _LENGTH, _BITS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP = 256, 257, 258, 274, 277, 278
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_OFFSETS_AND_COUNTS = (273, 279, 324, 325)
_NUMBERS = {3: "H", 4: "I", 16: "Q"}


def check_metadata(content: bytes) -> None:
    """Refuse a JPEG that consists of metadata, segments beside the pixels, or is drawn too many times over.

    Raises:
        ImageError: There is too much of it.
    """
    if not content.startswith(JPEG_START):
        return
    size = scans = 0
    for marker, _, length in jpeg_segments(content):
        size += length
        scans += marker == START_OF_SCAN
    if size > MAX_METADATA_BYTES:
        raise ImageError(
            f"holds {size} bytes of metadata, over the limit of {MAX_METADATA_BYTES}; save it without them",
            cause="image_too_large",
        )
    if scans > MAX_SCANS:
        raise ImageError(f"is a JPEG of {scans} scans, over the limit of {MAX_SCANS}", cause="image_too_large")


def tiff_decoder_bytes(content: bytes) -> int:
    """What libtiff takes at its peak for the first picture of a TIFF; 0 for what is no TIFF.

    Raises:
        ImageError: It is cut into too many strips or tiles.
    """
    if not content.startswith(_TIFF_STARTS):
        return 0
    try:
        tags = _first_directory(content)
    except struct.error:  # cut off: Pillow says it better
        return 0
    strips = max(tags.get(tag, (0, 0))[0] for tag in _OFFSETS_AND_COUNTS)
    if strips > MAX_STRIPS:
        raise ImageError(f"is cut into {strips} strips, over the limit of {MAX_STRIPS}", cause="image_too_large")
    value = {tag: number for tag, (_, number) in tags.items()}
    width, height = value.get(_WIDTH, 0), value.get(_LENGTH, 0)
    chunk = width * min(value.get(_ROWS_PER_STRIP, height), height)
    if _TILE_WIDTH in value:
        chunk = value[_TILE_WIDTH] * value.get(_TILE_LENGTH, 0)
    deep = max(4, value.get(_SAMPLES, 1) * -(-value.get(_BITS, 8) // 8))
    turned = 4 if value.get(_ORIENTATION, 1) > 1 else 0  # Pillow turns it into a copy
    return width * height * 4 + max(chunk * deep, width * height * turned)


def _first_directory(content: bytes) -> dict[int, tuple[int, int]]:
    """Tag -> count of its values, and the largest first value: where a tag comes twice, readers differ."""
    order = "<" if content[:1] == b"I" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), content, at)
    at += 8 if big else 2
    tags: dict[int, tuple[int, int]] = {}
    for _ in range(min(entries, 65_535)):
        tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), content, at)
        number = _first_number(content, order, kind, count, at + (12 if big else 8), 8 if big else 4)
        known = tags.get(tag, (0, 0))
        tags[tag] = (max(count, known[0]), max(number, known[1]))
        at += 20 if big else 12
    return tags


def _first_number(content: bytes, order: str, kind: int, count: int, at: int, room: int) -> int:
    form = _NUMBERS.get(kind)
    if form is None:
        return 0
    if count * struct.calcsize(form) > room:
        (at,) = struct.unpack_from(order + ("Q" if room == 8 else "I"), content, at)
    try:
        return int(struct.unpack_from(order + form, content, at)[0])
    except struct.error:
        return 0
