"""How a PNG is built: its chunks, and the file without those that no pixel depends on."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from wholebody.errors import ImageError
from wholebody.images.pieces import joined

PNG_START = b"\x89PNG\r\n\x1a\n"
MAX_PIECES = 100_000
"""Pieces that a PNG falls into without its metadata; a file of IDAT chunks in a row is one."""

_ANCILLARY = 0x20


def png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, position and length of the content of each chunk, to the end of the picture or of the file."""
    at = len(PNG_START)
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        name = content[at + 4 : at + 8]
        yield name, at, length
        if name == b"IEND":
            return
        at += 12 + length


def is_sound(content: bytes, at: int, length: int) -> bool:
    """Whether the checksum of the chunk at this position is right."""
    end = at + 8 + length
    checksum = int.from_bytes(content[end : end + 4], "big")
    return end + 4 <= len(content) and zlib.crc32(memoryview(content)[at + 4 : end]) == checksum


def without_metadata(content: bytes) -> BinaryIO:
    """A PNG as a file of what its pixels depend on: without texts, profiles and times, sound or damaged.

    Decoders refuse a picture for a wrong checksum in a text, and unpack texts that nobody asked for. Browsers show it.

    Raises:
        ImageError: It is cut into too many pieces.
    """
    ranges = [(0, len(PNG_START))]
    for name, at, length in png_chunks(content):
        if name[0] & _ANCILLARY and not (name == b"tRNS" and is_sound(content, at, length)):
            continue
        start, end = ranges[-1]
        if end == at:
            ranges[-1] = (start, at + 12 + length)
        else:
            ranges.append((at, at + 12 + length))
        if len(ranges) > MAX_PIECES:
            raise ImageError(f"is cut into more than {MAX_PIECES} pieces; save it anew", cause="image_too_large")
    return joined([memoryview(content)[start:end] for start, end in ranges])
