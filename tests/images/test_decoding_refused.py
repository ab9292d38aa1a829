"""Files that are no sound image: an error in one line, at once and without the pixels."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.images.decoded import PLENTY, decode
from wholebody.errors import ImageError
from wholebody.images.decoder_memory import MOST_PIXELS
from wholebody.images.decoding import decode_image
from wholebody.process.memory_budget import MemoryBudget


def encode(kind: str, size: tuple[int, int] = (160, 120), mode: str = "RGB", **options: object) -> bytes:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def refusal(content: bytes, most_bytes: int = PLENTY) -> str:
    with pytest.raises(ImageError) as raised:
        decode(content, most_bytes)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 300
    return text


@pytest.mark.parametrize("percent", [0.4, 5, 20, 50, 90, 99])
@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_file_that_was_cut_off_is_refused(kind: str, percent: float) -> None:
    options = {"progressive": True} if kind.startswith("progressive") else {}
    content = encode(kind.split()[-1], **options)
    text = refusal(content[: max(4, int(len(content) * percent / 100))])
    assert text.startswith(("damaged or cut off: ", "not an image of a known format "))


def test_a_jpeg_cut_off_behind_its_thumbnail_is_refused() -> None:
    """What is left ends as a whole JPEG does: with the end of the thumbnail in the EXIF header."""
    thumbnail = encode("JPEG", (16, 16))
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail
    content = encode("JPEG")
    whole = content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]
    assert decode(whole).bgr.shape == (120, 160, 3)
    refusal(whole[: whole.index(thumbnail) + len(thumbnail)])


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_damaged_png_is_refused(place: float) -> None:
    """Lossy formats have no checksum: there damage is a wrong picture, to everybody."""
    content = bytearray(encode("PNG"))
    content[int(len(content) * place)] ^= 0xFF
    assert refusal(bytes(content)).startswith("damaged or cut off: ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_whatever_is_damaged_ends_in_a_picture_or_an_image_error(kind: str) -> None:
    rng = np.random.default_rng(5)
    content = np.frombuffer(encode(kind, (40, 30)), np.uint8)
    for _ in range(60):
        damaged = content.copy()
        places = rng.integers(0, len(damaged), rng.integers(1, 20))
        damaged[places] = rng.integers(0, 256, len(places))
        try:
            bgr = decode(damaged.tobytes()).bgr
        except ImageError as error:
            assert "\n" not in str(error)
        else:
            assert (bgr.ndim, bgr.shape[2], bgr.dtype) == (3, 3, np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0" * 1000, id="zeros"),
        pytest.param(b"<html><body>Log in</body></html>", id="web page"),
        pytest.param(b'{"detail": "not found"}', id="JSON"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', id="SVG"),
        pytest.param(b"%PDF-1.7\n%%EOF", id="PDF"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="EPS, which starts Ghostscript"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", id="HEIC"),
        pytest.param(encode("ICO", (16, 16)), id="a format that stays closed"),
    ],
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    known = "JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, PPM"
    assert refusal(content) == f"not an image of a known format ({known})"


def with_jpeg_size(content: bytes, width: int, height: int) -> bytes:
    frame = content.index(b"\xff\xc0") + 5
    return content[:frame] + struct.pack(">HH", height, width) + content[frame + 4 :]


def with_png_size(content: bytes, width: int, height: int) -> bytes:
    header = struct.pack(">II", width, height) + content[24:29]
    return content[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(with_jpeg_size(encode("JPEG"), 60000, 60000), id="JPEG"),
        pytest.param(with_png_size(encode("PNG"), 60000, 60000), id="PNG"),
        pytest.param(b"GIF89a" + struct.pack("<HH", 60000, 60000) + encode("GIF")[10:], id="GIF"),
        pytest.param(b"P6 60000 60000 255\n", id="PPM"),
    ],
)
def test_a_bomb_is_refused_by_its_header(content: bytes) -> None:
    assert refusal(content) == f"is 60000 x 60000, over the limit of {MOST_PIXELS} pixels; scale it"


def test_a_bomb_that_memory_is_too_little_for_is_refused_with_both_figures() -> None:
    """At a quarter of its size: 4 bytes a pixel in the decoder, 3 in the result."""
    content = with_png_size(encode("PNG"), 20_000, 16_000)
    assert refusal(content) == (
        f"is 20000 x 16000 and takes {len(content) + 320_000_000 * 4 + 60_000_000} bytes of memory to decode, over the "
        "limit of 1000000000; raise IMAGE_MEMORY_BYTES or scale it"
    )


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_a_picture_without_pixels_is_refused(size: tuple[int, int]) -> None:
    refusal(with_png_size(encode("PNG"), *size))
    refusal(with_jpeg_size(encode("JPEG"), *size))
    refusal(b"GIF89a" + struct.pack("<HH", *size) + encode("GIF")[10:13])


def test_what_needs_more_memory_than_there_is_is_refused() -> None:
    content = encode("PNG", (40, 30))
    reduced = len(content) + 40 * 30 * 4 + 10 * 8 * 3  # at a quarter
    assert decode(content, len(content) + 1200 * 7).bgr.shape == (30, 40, 3)
    assert decode(content, reduced).bgr.shape == (8, 10, 3)
    assert refusal(content, reduced - 100).startswith("is 40 x 30 and takes ")


@pytest.mark.parametrize("content", [encode("PNG")[:-60], encode("WEBP")[:-60], encode("JPEG")[:2000]])
def test_what_is_refused_holds_no_memory(content: bytes) -> None:
    """Neither counted, nor in the frames of the error's traceback."""
    budget = MemoryBudget(PLENTY)
    with pytest.raises(ImageError) as raised:
        decode_image(content, budget)
    assert budget.free_bytes == PLENTY
    assert raised.value.__context__ is None
    assert [entry.name for entry in raised.traceback][-1] == "decode_image"


def test_floating_point_pixels_are_refused() -> None:
    file = io.BytesIO()
    Image.new("F", (4, 4)).save(file, "TIFF")
    assert refusal(file.getvalue()) == "holds floating-point pixels; save it with 8 or 16 bits a channel"


HOSTILE = {
    "derived_000000000785.webp": (640, 425),
    "derived_000000000785_cmyk.jpg": (640, 425),
    "derived_000000000785_exif6.jpg": (640, 425),
    "derived_000000000785_gray.jpg": (640, 425),
    "derived_000000000785_truncated50pct.jpg": "damaged or cut off: a JPEG without its last pixels",
    "derived_1x1.png": (1, 1),
    "pillow_broken.png": r"not an image of a known format \(.*\)",
    "pillow_broken_data_stream.png": r"damaged or cut off: .*",
    "pillow_decompression_bomb.gif": r"is \d+ x \d+, over the limit of 480000000 pixels; scale it",
    "pillow_hopper.avif": (128, 128),
    "pillow_hopper.gif": (128, 128),
    "pillow_mode_16bit.png": (128, 64),
    "pillow_transparent.png": (200, 150),
    "pillow_zero_width.gif": r"not an image of a known format \(.*\)",
}


def test_every_hostile_file_is_decoded_or_refused_as_it_should(testdata: Path) -> None:
    files = sorted((testdata / "hostile").iterdir())
    assert {file.name for file in files} == set(HOSTILE)
    for file in files:
        expected = HOSTILE[file.name]
        if isinstance(expected, str):
            with pytest.raises(ImageError, match=f"^{expected}$"):
                decode(file.read_bytes())
        else:
            assert decode(file.read_bytes()).bgr.shape == (expected[1], expected[0], 3), file.name


@pytest.mark.parametrize(
    ("variant", "tolerance"),
    [("exif6.jpg", 12), ("cmyk.jpg", 25), ("gray.jpg", 4), (".webp", 12)],
)
def test_the_variants_of_a_photograph_show_the_same(testdata: Path, variant: str, tolerance: float) -> None:
    photograph = decode((testdata / "images/000000000785.jpg").read_bytes()).bgr
    separator = "" if variant.startswith(".") else "_"
    other = decode((testdata / f"hostile/derived_000000000785{separator}{variant}").read_bytes()).bgr
    if variant == "gray.jpg":
        photograph = cv2.cvtColor(cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert np.abs(photograph.astype(int) - other).mean() < tolerance
