import io
import math
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, TiffImagePlugin, features

from tests.images.decoded import PLENTY, decode
from tests.images.oriented_files import XMP
from wholebody.errors import ImageError
from wholebody.images import decoding
from wholebody.process.memory_budget import MemoryBudget

Array = npt.NDArray[np.uint8]

# Four colours in a 24 x 16 picture, so that every turn and mirroring of it is another picture.
QUADRANTS = np.kron(
    np.array([[(0, 0, 255), (0, 255, 0)], [(255, 0, 0), (255, 255, 255)]], np.uint8), np.ones((8, 12, 1), np.uint8)
)

# How a camera stores an upright picture under each EXIF orientation.
STORED = {
    1: lambda bgr: bgr,
    2: lambda bgr: bgr[:, ::-1],
    3: lambda bgr: bgr[::-1, ::-1],
    4: lambda bgr: bgr[::-1],
    5: lambda bgr: bgr.transpose(1, 0, 2),
    6: lambda bgr: np.rot90(bgr, 1),
    7: lambda bgr: np.rot90(bgr, 2).transpose(1, 0, 2),
    8: lambda bgr: np.rot90(bgr, -1),
}


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def from_bgr(bgr: Array) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(bgr[:, :, ::-1]))


def orientation_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def noise(width: int, height: int) -> Array:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


LOSSLESS = ("PNG", "TIFF")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "AVIF"])
def test_pictures_come_out_upright(kind: str, orientation: int) -> None:
    options = {} if kind in LOSSLESS else {"quality": 95, "subsampling": "4:4:4"}
    stored = from_bgr(STORED[orientation](QUADRANTS))
    bgr = decode(encode(stored, kind, exif=orientation_exif(orientation), **options)).bgr
    assert (bgr.shape, bgr.dtype) == (QUADRANTS.shape, np.uint8)
    assert np.abs(bgr.astype(int) - QUADRANTS).max() <= (0 if kind in LOSSLESS else 16)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 100, "subsampling": 0},
        {"progressive": True},
        {"exif": orientation_exif(6)},
        {"exif": orientation_exif(7), "progressive": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("tail", [b"", b"\0\0\0", b"junk after the end"], ids=["", "zeros", "junk"])
def test_a_jpeg_has_the_pixels_of_cv2_imread(
    tmp_path: Path, options: dict[str, object], mode: str, tail: bytes
) -> None:
    smooth = cv2.resize(noise(20, 15), (131, 97), interpolation=cv2.INTER_CUBIC)
    file = tmp_path / "picture.jpg"
    file.write_bytes(encode(from_bgr(smooth).convert(mode), "JPEG", **options) + tail)
    bgr = decode(file.read_bytes()).bgr
    assert np.array_equal(bgr, cv2.imread(str(file)))
    assert bgr.flags.c_contiguous


def test_the_photographs_have_the_pixels_of_cv2_imread(testdata: Path) -> None:
    files = sorted((testdata / "images").glob("*.jp*g"))
    assert len(files) >= 6
    for file in files:
        assert np.array_equal(decode(file.read_bytes()).bgr, cv2.imread(str(file))), file.name


def gray_png(bits: int, samples: Array, color_type: int = 0, extra: bytes = b"") -> bytes:
    """A PNG of one row, written by hand: Pillow writes no 16-bit colour."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    header = struct.pack(">IIBBBBB", samples.size // channels, 1, bits, color_type, 0, 0, 0)
    row = b"\0" + samples.astype(">u2" if bits == 16 else "u1").tobytes()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    )


def palette_picture(transparent: object) -> bytes:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    return encode(image, "PNG", **({} if transparent is None else {"transparency": transparent}))


def picture(mode: str, *pixels: object, kind: str = "PNG", **options: object) -> bytes:
    image = Image.new(mode, (len(pixels), 1))
    image.putdata(pixels)
    return encode(image, kind, **options)


def deep(*samples: int) -> npt.NDArray[np.uint16]:
    return np.array(samples, np.uint16)


WHITE = (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # gray
        pytest.param(picture("L", 7, 200), [(7, 7, 7), (200, 200, 200)], id="gray"),
        # black and white
        pytest.param(picture("1", 0, 255), [(0, 0, 0), WHITE], id="bilevel"),
        # opaque, half and wholly transparent red on the editor's white
        pytest.param(
            picture("RGBA", (255, 0, 0, 255), (255, 0, 0, 128), (255, 0, 0, 0)),
            [(0, 0, 255), (127, 127, 255), WHITE],
            id="RGBA",
        ),
        # gray with alpha
        pytest.param(picture("LA", (0, 255), (0, 0)), [(0, 0, 0), WHITE], id="LA"),
        # a palette
        pytest.param(palette_picture(None), [(30, 20, 10), (50, 100, 200)], id="palette"),
        # ... one colour of which is transparent
        pytest.param(palette_picture(1), [(30, 20, 10), WHITE], id="palette, one transparent"),
        # ... with an alpha for each colour
        pytest.param(palette_picture(b"\x00\xff"), [WHITE, (50, 100, 200)], id="palette, alpha"),
        # one colour of an RGB picture is transparent
        pytest.param(picture("RGB", (1, 2, 3), (9, 9, 9), transparency=(1, 2, 3)), [WHITE, (9, 9, 9)], id="RGB tRNS"),
        # one gray is transparent
        pytest.param(picture("L", 5, 6, transparency=5), [WHITE, (6, 6, 6)], id="gray tRNS"),
        # 16-bit gray: the upper 8 bits
        pytest.param(
            gray_png(16, deep(0x12FF, 0xFF00, 0x00FF)), [(0x12,) * 3, (0xFF,) * 3, (0, 0, 0)], id="16-bit gray"
        ),
        # 16-bit RGB
        pytest.param(gray_png(16, deep(0x1234, 0x5678, 0x9ABC), 2), [(0x9A, 0x56, 0x12)], id="16-bit RGB"),
        # 16-bit RGBA
        pytest.param(
            gray_png(16, deep(0x1234, 0x5678, 0x9ABC, 0xFFFF, 1, 1, 1, 0), 6),
            [(0x9A, 0x56, 0x12), WHITE],
            id="16-bit RGBA",
        ),
        # 16-bit gray with alpha
        pytest.param(gray_png(16, deep(0x1234, 0xFFFF, 0x1234, 0), 4), [(0x12,) * 3, WHITE], id="16-bit LA"),
        # 16-bit gray in a TIFF
        pytest.param(picture("I;16", 0x1234, 0xFF00, kind="TIFF"), [(0x12,) * 3, (0xFF,) * 3], id="16-bit TIFF"),
        # CMYK in a TIFF
        pytest.param(picture("CMYK", (0, 0, 0, 0), (0, 255, 255, 0), kind="TIFF"), [WHITE, (0, 0, 255)], id="CMYK"),
        # a bitmap
        pytest.param(picture("RGB", (1, 2, 3), kind="BMP"), [(3, 2, 1)], id="BMP"),
        # a portable pixmap
        pytest.param(picture("RGB", (1, 2, 3), kind="PPM"), [(3, 2, 1)], id="PPM"),
        # lossless WebP with alpha
        pytest.param(
            picture("RGBA", (1, 2, 3, 255), (1, 2, 3, 0), kind="WEBP", lossless=True), [(3, 2, 1), WHITE], id="WebP"
        ),
        # GIF with a transparent colour
        pytest.param(picture("L", 5, 200, kind="GIF", transparency=5), [WHITE, (200, 200, 200)], id="GIF"),
        # the smallest picture
        pytest.param(picture("RGB", (1, 2, 3)), [(3, 2, 1)], id="1 x 1"),
    ],
)
def test_every_kind_of_pixel_becomes_8_bit_bgr_on_white(content: bytes, expected: list[tuple[int, int, int]]) -> None:
    bgr = decode(content).bgr
    assert (bgr.shape, bgr.dtype) == ((1, len(expected), 3), np.uint8)
    assert [tuple(pixel) for pixel in bgr[0].tolist()] == expected


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_is_taken(kind: str) -> None:
    first, second = from_bgr(QUADRANTS), from_bgr(QUADRANTS[::-1])
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(first, kind, save_all=True, append_images=[second], **options)
    assert np.array_equal(decode(content).bgr, QUADRANTS)


def test_a_cmyk_jpeg_has_the_colours_that_pillow_sees() -> None:
    content = encode(from_bgr(QUADRANTS).convert("CMYK"), "JPEG", quality=95, subsampling=0)
    assert np.abs(decode(content).bgr.astype(int) - QUADRANTS).max() <= 16


def test_a_colour_profile_is_left_as_it_is() -> None:
    """OpenCV and rtmlib know none either; what counts is that every way of storing gives the same numbers."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    content = encode(from_bgr(QUADRANTS), "PNG", icc_profile=profile)
    assert np.array_equal(decode(content).bgr, QUADRANTS)


def test_a_tiff_is_not_turned_by_its_xmp() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = XMP.format(6).encode()
    assert np.array_equal(decode(encode(from_bgr(QUADRANTS), "TIFF", tiffinfo=tags)).bgr, QUADRANTS)


def test_avif_is_built_in() -> None:
    assert features.check("avif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("divisor", [1, 2, 4])
def test_a_jpeg_that_needs_too_much_memory_is_decoded_at_a_reduced_size(divisor: int, orientation: int) -> None:
    stored = from_bgr(STORED[orientation](cv2.resize(QUADRANTS, (160, 120))))
    content = encode(stored, "JPEG", exif=orientation_exif(orientation), quality=95)
    picture = decode(content, len(content) + 160 * 120 * 6 // divisor**2)
    assert picture.size_wh == (160, 120)
    assert picture.bgr.shape == (120 // divisor, 160 // divisor, 3)
    expected = cv2.resize(QUADRANTS, (160 // divisor, 120 // divisor))
    assert np.median(np.abs(picture.bgr.astype(int) - expected)) <= 8


@pytest.mark.parametrize("orientation", [1, 6, 7])
@pytest.mark.parametrize("divisor", [1, 2, 4])
@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "L", {}),
        ("TIFF", "RGB", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"lossless": True, "exact": True}),
        ("JPEG", "RGB", {"quality": 95}),
        ("JPEG", "CMYK", {"quality": 95}),
    ],
)
def test_a_picture_of_very_many_pixels_is_looked_at_at_half_or_a_quarter_of_its_size(
    kind: str, mode: str, options: dict[str, object], divisor: int, orientation: int
) -> None:
    upright = cv2.resize(QUADRANTS, (163, 121))
    stored = from_bgr(STORED[1 if kind == "WEBP" else orientation](upright)).convert(mode)  # WebP is never turned
    content = encode(stored, kind, exif=orientation_exif(orientation), **options)
    picture = decode(content, full_pixels=math.ceil(163 * 121 / divisor**2))
    assert picture.size_wh == (163, 121)
    assert picture.bgr.shape == (-(-121 // divisor), -(-163 // divisor), 3)
    if mode == "L":
        upright = cv2.cvtColor(cv2.cvtColor(upright, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    expected = cv2.resize(upright, picture.bgr.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.median(np.abs(picture.bgr.astype(int) - expected)) <= 8
    assert np.abs(picture.bgr.astype(int) - expected).mean() <= 8


def test_rows_of_more_pixels_than_a_strip_are_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(70, 9)
    for strip in (16, 32, 64, 1 << 18):
        monkeypatch.setattr("wholebody.images.pixels._STRIP_PIXELS", strip)
        assert np.array_equal(decode(encode(from_bgr(pixels), "PNG")).bgr, pixels)


def test_a_webp_with_transparency_lies_on_white_as_in_pillow() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (40, 50, 4), np.uint8)
    content = encode(Image.fromarray(pixels), "WEBP", lossless=True, exact=True)
    white = Image.new("RGBA", (50, 40), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(pixels)).convert("RGB"))[:, :, ::-1]
    assert np.array_equal(decode(content).bgr, expected)


@pytest.mark.parametrize(
    ("options", "a_pixel"), [({}, 6 / 16), ({"progressive": True, "subsampling": "4:2:0"}, 3 + 3 / 16)]
)
def test_of_a_jpeg_in_several_scans_the_coefficients_count(options: dict[str, object], a_pixel: float) -> None:
    content = encode(from_bgr(QUADRANTS), "JPEG", **options)
    height, width, _ = QUADRANTS.shape
    least = len(content) + math.ceil(width * height * a_pixel)
    assert decode(content, least).size_wh == (width, height)
    with pytest.raises(ImageError, match=f"takes {least} bytes of memory to decode, over the limit of {least - 1};"):
        decode(content, least - 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_once_it_is_decoded_it_counts_for_its_pixels_alone(kind: str) -> None:
    budget = MemoryBudget(PLENTY)
    picture = decoding.decode_image(encode(from_bgr(noise(80, 60)), kind), budget)
    assert PLENTY - budget.free_bytes == 80 * 60 * 3
    picture.share.release()
    assert budget.free_bytes == PLENTY


def test_it_is_not_decoded_before_there_is_memory_for_it() -> None:
    content = encode(from_bgr(noise(80, 60)), "PNG")
    budget = MemoryBudget(len(content) + 80 * 60 * 7)
    first = decoding.decode_image(content, budget)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(decoding.decode_image, content, budget)
        with pytest.raises(TimeoutError):
            second.result(0.05)
        first.share.release()
        assert second.result(10).size_wh == (80, 60)
