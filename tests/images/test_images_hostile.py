"""Hostile images from a real server, at the default limits: pixels or an error that names the cause, within bounds."""

import base64
import gzip
import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests import hostile_images as make
from tests.http_server import Answer, ScriptedServer
from tests.images.test_decoding_refused import HOSTILE
from tests.peak_memory import CLEAR, Outcome, measure
from tests.raw_server import RawServer
from wholebody.images.headers import MAX_METADATA_BYTES, MAX_SCANS, MAX_STRIPS
from wholebody.images.png_files import MAX_PIECES
from wholebody.settings import Settings

BESIDE_MB = 20.0
"""What decoding may take beside what it counts for in IMAGE_MEMORY_BYTES."""
HEADER_MB = 200.0
"""What reading a file and its header may take, before anything is counted: Pillow copies a WebP of 64 MB twice."""
LONGEST_S = 60.0
"""On a machine with much else to do; none takes more than a few seconds alone."""

pytestmark = pytest.mark.skipif(not CLEAR.exists(), reason="the peak of memory is read from Linux's /proc")

KNOWN = r"not an image of a known format \(.*\)"
OVER = r"takes \d+ bytes of memory to decode, over the limit of 1000000000; raise IMAGE_MEMORY_BYTES or scale it"
TOO_MANY = "over the limit of 480000000 pixels; scale it"
TOO_LONG = r"is over the limit of 64000000 bytes; raise IMAGE_MAX_BYTES or scale it"

Expected = tuple[int, int] | str
"""Width and height, or what the error's end is like."""

Maker = Callable[[], bytes]

AS_LARGE_AS_ALLOWED: list[tuple[str, Maker, Expected]] = [
    ("jpeg", make.largest("JPEG", "RGB", 6000, 5000), (6000, 5000)),
    ("jpeg turned", make.largest("JPEG", "RGB", 6000, 5000, exif=make.turned()), (5000, 6000)),
    ("jpeg progressive", make.largest("JPEG", "RGB", 6000, 5000, progressive=True), (6000, 5000)),
    ("jpeg 4:4:4", make.largest("JPEG", "RGB", 6000, 5000, subsampling=0), (6000, 5000)),
    ("jpeg progressive 4:4:4", make.largest("JPEG", "RGB", 6000, 3880, progressive=True, subsampling=0), (6000, 3880)),
    ("jpeg at half its size", make.largest("JPEG", "RGB", 12_000, 10_000, subsampling=0), (12_000, 10_000)),
    ("jpeg at half its size turned", make.largest("JPEG", "RGB", 9504, 6336, exif=make.turned()), (6336, 9504)),
    ("jpeg at a quarter", make.largest("JPEG", "RGB", 9504, 6336, progressive=True), (9504, 6336)),
    ("jpeg without an end", lambda: make.jpeg_without_an_end(6000, 3000), (6000, 3000)),
    ("jpeg without an end at half its size", lambda: make.jpeg_without_an_end(8000, 6000), (8000, 6000)),
    ("jpeg filled up with zeros", lambda: make.padded(make.jpeg_without_an_end(4000, 2000)), (4000, 2000)),
    ("jpeg cmyk at half its size", make.largest("JPEG", "CMYK", 8160, 5420, subsampling=0), (8160, 5420)),
    ("jpeg cmyk", make.largest("JPEG", "CMYK", 5000, 3490, progressive=True, subsampling=0), (5000, 3490)),
    ("png", make.largest("PNG", "RGB", 6000, 5000, compress_level=1), (6000, 5000)),
    ("png alpha turned", make.largest("PNG", "RGBA", 6000, 5000, compress_level=1, exif=make.turned()), (5000, 6000)),
    ("png transverse", make.largest("PNG", "RGB", 6000, 5000, compress_level=1, exif=make.turned(7)), (5000, 6000)),
    ("png 16 bits", make.sixteen_bits("PNG", 6000, 5000, compress_level=1), (6000, 5000)),
    ("png palette alpha", lambda: make.palette_with_alpha(6000, 5000), (6000, 5000)),
    ("gif", make.largest("GIF", "L", 6000, 5000), (6000, 5000)),
    ("tiff", make.largest("TIFF", "RGBA", 6000, 4370, compression="tiff_lzw"), (6000, 4370)),
    ("tiff turned", make.largest("TIFF", "RGB", 6000, 4370, compression="tiff_lzw", exif=make.turned()), (4370, 6000)),
    ("tiff 16 bits", make.sixteen_bits("TIFF", 6000, 4370, compression="tiff_lzw"), (6000, 4370)),
    ("bmp", make.largest("BMP", "RGB", 5000, 4200), (5000, 4200)),
    ("ppm", make.largest("PPM", "RGB", 5000, 4200), (5000, 4200)),
    ("webp", make.largest("WEBP", "RGBA", 4000, 2200, lossless=True, quality=0, method=0), (4000, 2200)),
    ("webp lossy, not turned", make.largest("WEBP", "RGB", 4000, 2200, method=0, exif=make.turned()), (4000, 2200)),
    ("webp 12 MP", lambda: make.encoded(make.blocks("RGB", 4032, 3024), "WEBP", method=0), (4032, 3024)),
    ("avif turned", make.largest("AVIF", "RGB", 3000, 3000, speed=10, exif=make.turned()), (3000, 3000)),
    ("avif", make.largest("AVIF", "RGBA", 4000, 3280, speed=10), (4000, 3280)),
    # the largest that phones make
    ("png 108 MP", make.large("PNG", "RGB", compress_level=1), make.LARGE_WH),
    ("png alpha 108 MP turned", make.large("PNG", "RGBA", compress_level=1, exif=make.turned()), make.LARGE_WH[::-1]),
    ("webp 108 MP", make.large("WEBP", "RGB", method=0), make.LARGE_WH),
    ("webp alpha 108 MP", make.large("WEBP", "RGBA", lossless=True, quality=0, method=0), make.LARGE_WH),
    ("jpeg 108 MP", make.large("JPEG", "RGB"), make.LARGE_WH),
    ("jpeg 108 MP progressive 4:4:4", make.large("JPEG", "RGB", progressive=True, subsampling=0), make.LARGE_WH),
    ("png of zeros", lambda: make.png_of(12_000, 12_000), (12_000, 12_000)),
]

TOO_LARGE: list[tuple[str, Maker, Expected]] = [
    ("png bomb", lambda: make.png_of(30_000, 30_000), rf"is 30000 x 30000, {TOO_MANY}"),
    ("png over", lambda: make.png_of(20_000, 12_000), rf"is 20000 x 12000 and {OVER}"),
    ("webp over", lambda: make.webp_that_says(16_383, 16_383), rf"is 16383 x 16383 and {OVER}"),
    (
        "jpeg 4:4:4 over",
        lambda: make.jpeg_that_says(20_000, 9_000, progressive=True, subsampling=0),
        rf"is 20000 x 9000 and {OVER}",
    ),
    ("jpeg bomb", lambda: make.jpeg_that_says(60_000, 60_000), rf"is 60000 x 60000, {TOO_MANY}"),
    ("tiff tile", lambda: make.tiff_with_a_huge_tile(20_000), rf"is 64 x 64 and {OVER}"),
    (
        "tiff strips",
        lambda: make.tiff_of_strips(3_000_000),
        f"is cut into 3000000 strips, over the limit of {MAX_STRIPS}",
    ),
]

METADATA = rf"holds \d+ bytes of metadata, over the limit of {MAX_METADATA_BYTES}; save it without them"

STRANGE: list[tuple[str, Maker, Expected]] = [
    ("empty", lambda: b"", "is an empty file"),
    ("one row", lambda: make.png_of(100_000, 1), (100_000, 1)),
    ("one column", lambda: make.png_of(1, 100_000), (1, 100_000)),
    ("one row jpeg", lambda: make.encoded(Image.new("RGB", (65_500, 1)), "JPEG"), (65_500, 1)),
    ("one column gif", lambda: make.encoded(Image.new("L", (1, 65_000)), "GIF"), (1, 65_000)),
    ("one row tiff", lambda: make.encoded(Image.new("RGB", (100_000, 1)), "TIFF"), (100_000, 1)),
    # texts and profiles that unpack to a lot
    ("png zTXt", lambda: make.compressed_text(1, 300), (8, 8)),
    ("png many zTXt", lambda: make.compressed_text(500, 1), (8, 8)),
    ("png many iTXt", lambda: make.compressed_international_text(500), (8, 8)),
    ("png iCCP", make.compressed_profile, (8, 8)),
    # ... and that are a lot
    ("png iTXt", lambda: make.png_with(make.png_chunk(b"iTXt", b"k\0\0\0\0\0" + bytes(60_000_000))), (8, 8)),
    ("png eXIf", lambda: make.png_with(make.png_chunk(b"eXIf", make.many_values(9, 3, 60_000_000))), (8, 8)),
    ("png eXIf 15 MB", lambda: make.png_with(make.png_chunk(b"eXIf", make.many_values(9, 3, 15_000_000))), (8, 8)),
    (
        "png private",
        lambda: make.png_with(*[make.png_chunk(b"prVt", bytes(3_000_000))] * 20, behind_pixels=True),
        (8, 8),
    ),
    (
        "png in pieces",
        lambda: make.png_with(*[make.png_chunk(b"IDAT", b"") + make.png_chunk(b"prVt", b"")] * 2_000_000),
        f"is cut into more than {MAX_PIECES} pieces; save it anew",
    ),
    ("jpeg APP2", lambda: make.jpeg_with(make.segments(0xE2, *[bytes(65_000)] * 900)), METADATA),
    ("jpeg EXIF", lambda: make.jpeg_with(make.segments(0xE1, *[b"Exif\0\0" + bytes(65_000)] * 900)), METADATA),
    ("jpeg EXIF 15 MB", lambda: make.jpeg_with(make.segments(0xE1, *[b"Exif\0\0" + bytes(65_000)] * 230)), (16, 16)),
    (
        "jpeg of scans",
        lambda: make.jpeg_of_scans(1_000_000),
        f"is a JPEG of 100000[0-9] scans, over the limit of {MAX_SCANS}",
    ),
    ("jpeg tiny segments", lambda: make.jpeg_with(make.segments(0xE5, *[b"1234"] * 300_000)), (16, 16)),
    ("jpeg comments", lambda: make.jpeg_with(make.segments(0xFE, *[bytes(65_000)] * 230)), (16, 16)),
    (
        "jpeg EXIF of entries",
        lambda: make.jpeg_with(make.segments(0xE1, b"Exif\0\0" + make.many_values(5300, 7, 65_000))),
        (16, 16),
    ),
    (
        "jpeg MPF of entries",
        lambda: make.jpeg_with(make.segments(0xE2, b"MPF\0" + make.many_values(5300, 3, 65_000))),
        (16, 16),
    ),
    ("tiff of entries", lambda: make.many_values(60_000, 7, 50_000_000), KNOWN),
    ("tiff of pages", lambda: make.tiff_of_pages(500), (1, 1)),
    ("tiff in a circle", make.tiff_whose_pages_are_a_circle, (8, 8)),
    # animations
    ("gif frames", lambda: make.frames("GIF", 2000), (32, 32)),
    ("webp frames", lambda: make.frames("WEBP", 1000), (32, 32)),
    ("apng frames", lambda: make.frames("PNG", 1000), (32, 32)),
    ("large apng", lambda: make.frames("PNG", 2, (5000, 4000), compress_level=1), (5000, 4000)),
    ("large gif", lambda: make.frames("GIF", 2, (5000, 4000)), (5000, 4000)),
    # of two kinds
    ("jpeg and zip", lambda: make.with_zip(make.encoded(Image.new("RGB", (8, 8)), "JPEG")), (8, 8)),
    ("png and zip", lambda: make.with_zip(make.png_of(8, 8)), (8, 8)),
    ("gif and script", make.gif_and_script, (0x2A2F, 8)),
    ("zip", lambda: make.with_zip(b""), KNOWN),
    ("svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', KNOWN),
    (
        "svg entities",
        lambda: b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
        r".* sends a web page .*",
    ),
    ("pdf", lambda: b"%PDF-1.7\n" + bytes(1000) + b"%%EOF", KNOWN),
    ("postscript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run", KNOWN),
    ("script", lambda: b"#!/bin/sh\nid\n", KNOWN),
    ("zeros", lambda: bytes(make.FILE_LIMIT), KNOWN),
    ("too long", lambda: bytes(make.FILE_LIMIT + 1), TOO_LONG),
]


def check(outcome: Outcome, expected: Expected) -> None:
    if isinstance(expected, str):
        assert outcome.is_error, outcome
        assert re.search(f": (?:{expected})$", outcome.text), outcome
        assert len(outcome.text) < 500
    else:
        assert outcome.text == f"{expected[0]} x {expected[1]}"
    assert outcome.peak_mb < max(HEADER_MB, outcome.counted_mb + BESIDE_MB), outcome
    assert outcome.seconds < LONGEST_S, outcome


LONG = pytest.mark.thorough


@pytest.mark.parametrize(
    ("maker", "expected"),
    [
        *[pytest.param(maker, expected, id=name, marks=LONG) for name, maker, expected in AS_LARGE_AS_ALLOWED],
        *[pytest.param(maker, expected, id=name) for name, maker, expected in TOO_LARGE + STRANGE],
    ],
)
def test_pixels_or_an_error_within_bounds(server: ScriptedServer, maker: Maker, expected: Expected) -> None:
    # Neither the name nor the type tells the truth.
    server.on("GET", "/picture.bmp", Answer(body=maker(), headers={"Content-Type": "text/html"}))
    check(measure(server.url + "/picture.bmp"), expected)


def test_the_limits_are_those_of_this_table() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert (defaults["image_memory_bytes"], defaults["image_max_bytes"]) == (1_000_000_000, make.FILE_LIMIT)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_hostile_folder(server: ScriptedServer, testdata: Path, name: str) -> None:
    server.on("GET", "/a", Answer(body=(testdata / "hostile" / name).read_bytes()))
    check(measure(server.url + "/a"), HOSTILE[name])


def zeros_packed(pack: Callable[[bytes], bytes], finish: Callable[[], bytes], megabytes: int) -> bytes:
    return b"".join(pack(bytes(1 << 20)) for _ in range(megabytes)) + finish()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip", "gzip, gzip, gzip"])
def test_an_answer_that_unpacks_to_a_lot(server: ScriptedServer, encoding: str) -> None:
    packer = zlib.compressobj(1, wbits=31 if encoding.startswith("gzip") else 15)
    body = zeros_packed(packer.compress, packer.flush, 400)
    for _ in range(encoding.count(",")):
        body = gzip.compress(body, 1)
    server.on("GET", "/a", Answer(body=body, headers={"Content-Encoding": encoding}))
    check(measure(server.url + "/a"), TOO_LONG)


def ask(line: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += line.recv(4096)


def endless(head: bytes, piece: bytes, pause_s: float = 0.0) -> Callable[[socket.socket, threading.Event], None]:
    def behave(line: socket.socket, ended: threading.Event) -> None:
        ask(line)
        line.sendall(head)
        while not ended.wait(pause_s):
            line.sendall(piece)

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
LATE = r"timed out \(IMAGE_TIMEOUT_SECONDS=2\)"


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        pytest.param(endless(OK + b"\r\n", bytes(1 << 16)), TOO_LONG, id="bytes"),
        pytest.param(
            endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(1 << 16) + b"\r\n"),
            TOO_LONG,
            id="chunks",
        ),
        pytest.param(
            endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 60_000 + b"\r\n0\r\n", 0.001),
            LATE,
            id="chunk extensions",
        ),
        pytest.param(endless(OK + b"Content-Length: 1000000\r\n\r\n", b"\0", 0.05), LATE, id="slow bytes"),
        pytest.param(endless(OK, b"X-Filling: 1\r\n", 0.001), "connection dropped", id="headers"),
        pytest.param(endless(OK + b"X-Filling: ", b"x" * 1000), "connection dropped", id="a header"),
        pytest.param(endless(b"HTTP/1.1 200 ", b"x" * 1000), "connection dropped", id="a status line"),
        pytest.param(endless(b"", bytes(1000)), "connection dropped", id="zeros"),
    ],
)
def test_streams_without_end(behave: Callable[[socket.socket, threading.Event], None], expected: str) -> None:
    limit = {"IMAGE_TIMEOUT_SECONDS": "2"} if expected == LATE else {}
    with RawServer(behave) as server:
        check(measure(server.url + "/a", **limit), expected)


@pytest.fixture(scope="module")
def noise() -> Iterator[bytes]:
    yield make.padded(make.png_of(6000, 5000))[: make.FILE_LIMIT - 100]


@pytest.mark.parametrize("encode", ["base64", "percent"])
def test_a_data_uri_as_large_as_allowed(noise: bytes, encode: str) -> None:
    if encode == "base64":
        reference = "data:image/png;base64," + base64.b64encode(noise).decode()
    else:
        sound = make.png_of(6000, 5000)
        rest = "%00" * 16_000_000  # in pieces of equal size: more takes longer, not more
        reference = "data:image/png," + "".join(f"%{byte:02x}" for byte in sound) + rest
    check(measure(reference), (6000, 5000))
