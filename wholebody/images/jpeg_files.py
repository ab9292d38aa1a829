"""How a JPEG is built: its segments, its end, and whether all of its pixels are there."""

import re
from collections.abc import Iterator

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
APP1, START_OF_SCAN, END_OF_IMAGE = 0xE1, 0xDA, 0xD9

_BASELINE, _PROGRESSIVE = (0xC0, 0xC1), (0xC2, 0xCA)
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
_RESTARTS = range(0xD0, 0xD8)
_STANDALONE = frozenset({0x01, *_RESTARTS})
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_COEFFICIENTS = range(64)

_NOISES = [bytes((first + at * 167 + at * at * 59) % 251 for at in range(256)) for first in (0x2B, 0x6C, 0x93, 0xD4)]
"""What a decoder would take for pixels. None of it is 255, with which markers begin; the first two bits of each are
others, because a few bits may say "no more of this block", as a decoder fills up what is missing."""

_ZEROS_OF_PIXELS = 8
"""So many zeros may be the last pixels; more are what a broken copy was filled up with."""


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, position and length of the segments up to the end of the image, which has the length 0.

    The pixels behind the head of a scan are passed over.
    """
    at = 2
    while at + 2 <= len(content):
        if content[at] != 0xFF:
            at += 1
            continue
        marker = content[at + 1]
        if marker == END_OF_IMAGE:
            yield marker, at, 0
            return
        if marker == 0xFF or marker in _STANDALONE or marker == 0:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield marker, at, length
        at += 2 + length
        if marker == START_OF_SCAN:
            found = _MARKER_IN_SCAN.search(content, at)
            at = found.start() if found else len(content)


def jpeg_end(content: bytes) -> int:
    """Position behind the end of the image, whatever follows it there; 0 if a JPEG has none."""
    return next((at + 2 for marker, at, _ in jpeg_segments(content) if marker == END_OF_IMAGE), 0)


def is_jpeg_of_one_scan(content: bytes) -> bool:
    """Whether a JPEG has all its colours in its first scan, so that it is decoded row by row."""
    colours = -1
    for marker, at, _ in jpeg_segments(content):
        if marker in _BASELINE and at + 10 <= len(content):
            colours = content[at + 9]
        if marker == START_OF_SCAN and at + 5 <= len(content):
            return content[at + 4] == colours
    return False


def with_endings(content: bytes) -> Iterator[bytes]:
    """A JPEG that has no end, with some. If all of its pixels are there, all of these give the same picture.

    Most of them go on with bytes that a decoder takes for pixels, if pixels are missing, the last one with nothing.
    No rule tells as much without decoding: where the last pixel ends is known to a decoder alone, and that one fills up
    and says nothing. Nothing is given if the file ends elsewhere than in its last scan.
    """
    scan = _last_scan(content)
    if not scan:
        return
    end = len(content.rstrip(b"\0"))
    if len(content) - end <= _ZEROS_OF_PIXELS:
        end = len(content)
    end = len(content[:end].rstrip(b"\xff"))  # half of an end marker
    restarts = [content.rfind(bytes([0xFF, marker]), scan, end) for marker in _RESTARTS]
    restart = (restarts.index(max(restarts)) + 1) % len(_RESTARTS) if max(restarts) >= 0 else 0
    pixels = memoryview(content)[:end]
    for noise in _NOISES:
        yield b"".join((pixels, noise, bytes([0xFF, _RESTARTS[restart]]), noise, JPEG_END))
    yield b"".join((pixels, JPEG_END))


def _last_scan(content: bytes) -> int:
    """Where the scan stands in which a file ends; 0 if it ends elsewhere, or if further scans would have to follow."""
    scan, progressive = 0, False
    missing: dict[int, set[int]] = {}
    for marker, at, length in jpeg_segments(content):
        end = at + 2 + length
        if end > len(content) or length < 2:
            return 0
        if marker in _FRAMES:
            progressive = marker in _PROGRESSIVE
            missing = {component: set(_COEFFICIENTS) for component in content[at + 10 : end : 3]}
        scan = at if marker == START_OF_SCAN else 0
        if scan:
            first, last, bits = content[end - 3 : end] if progressive else (0, 63, 0)
            for component in content[at + 5 : end - 3 : 2]:
                if bits & 15 == 0:  # no lower bits are left for a later scan
                    missing.get(component, set()).difference_update(range(first, last + 1))
    return 0 if any(missing.values()) else scan
