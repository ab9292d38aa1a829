"""Gray values whose range is not that of their type: read by their range, never as black."""

import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest

from tests.hostile_images import tiff
from tests.images.decoded import decode
from tests.images.oriented_files import chunk
from wholebody.errors import ImageError

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
RAMP = np.linspace(0, 1, 64 * 48).reshape(48, 64)
Ints = npt.NDArray[np.integer]


def stored(pixels: npt.NDArray[np.generic], photometric: int = 1, *more: tuple[int, int, int, int]) -> bytes:
    """A TIFF of one strip, without compression."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}[pixels.dtype.kind]
    bits = pixels.dtype.itemsize * 8
    at = 400 if samples == 1 else 420
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, samples, bits if samples == 1 else 400),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, at),
        (277, 3, 1, samples),
        (278, 4, 1, height),
        (279, 4, 1, pixels.nbytes),
        (339, 3, samples, kind if samples == 1 else 410),
        *more,
    ]
    beside = b"" if samples == 1 else (struct.pack("<3H", *[bits] * 3).ljust(10) + struct.pack("<3H", *[kind] * 3))
    return tiff(tags, beside.ljust(at - 400) + pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())


def ramp(dtype: str, largest: int, least: int = 0) -> Ints:
    return (least + RAMP * (largest - least)).round().astype(dtype)


def pgm(largest: int, pixels: Ints) -> bytes:
    return b"P5 64 48 %d\n" % largest + pixels.astype(">u2").tobytes()


def gray(content: bytes) -> Ints:
    bgr = decode(content).bgr.astype(int)
    assert np.ptp(bgr, axis=2).max() == 0
    return bgr[:, :, 0]


@pytest.mark.parametrize(
    "content",
    [
        *[pytest.param(stored(ramp("i4", most)), id=f"i4 to {most}") for most in (255, 1023, 4095, 65535, 2**31 - 1)],
        *[pytest.param(stored(ramp("u4", most)), id=f"u4 to {most}") for most in (255, 4095, 65535, 2**32 - 1)],
        *[pytest.param(stored(ramp("u2", most)), id=f"u2 to {most}") for most in (255, 1023, 4095, 16383, 65535)],
        *[pytest.param(stored(ramp("i2", most)), id=f"i2 to {most}") for most in (511, 4095, 32767)],
        pytest.param(stored(ramp("i2", 3095, -1000)), id="i2 from -1000"),
        pytest.param(stored(ramp("i2", 32767, -32768)), id="i2, all of it"),
        pytest.param(stored(ramp("i4", 127, -128)), id="i4 from -128"),
        pytest.param(stored(ramp("i1", 127, -128)), id="i1"),
        pytest.param(stored(ramp("u2", 65535)[:, ::-1][::-1], 0), id="u2, white is zero"),
        pytest.param(stored(ramp("u2", 4095)[:, ::-1][::-1], 0), id="u2 to 4095, white is zero"),
        pytest.param(stored(ramp("u1", 255)[:, ::-1][::-1], 0), id="u1, white is zero"),
        *[pytest.param(pgm(most, ramp("u2", most)), id=f"PGM to {most}") for most in (1023, 4095, 65535)],
        pytest.param(pgm(65535, ramp("u2", 4095)), id="PGM that says 65535 and means 4095"),
    ],
)
def test_gray_values_from_black_to_white_are_black_to_white(content: bytes) -> None:
    assert np.abs(gray(content) - RAMP * 255).max() <= 1


def test_the_largest_value_that_a_tiff_names_is_white() -> None:
    dark = ramp("u2", 255)
    assert np.array_equal(gray(stored(dark)), dark)
    assert np.array_equal(gray(stored(dark, 1, (281, 3, 1, 4095))), dark >> 4)
    assert np.array_equal(gray(stored(dark, 1, (281, 3, 1, 200))), dark)


def test_a_picture_that_is_black_stays_black() -> None:
    assert gray(stored(ramp("u2", 0))).max() == 0


def test_a_png_keeps_its_upper_8_bits_as_browsers_show_it() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in ramp("u2", 4095).astype(">u2"))
    head = struct.pack(">IIBBBBB", 64, 48, 16, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")
    assert np.array_equal(gray(content), ramp("u2", 4095) >> 8)


def test_colors_of_16_bits() -> None:
    sound = np.dstack([ramp("u2", 65535)] * 3)
    assert np.array_equal(decode(stored(sound, 2)).bgr, sound >> 8)
    for largest in (1023, 4095, 16383):
        with pytest.raises(ImageError, match="holds colors of 16 bits that use 14 of them or fewer"):
            decode(stored(np.dstack([ramp("u2", largest)] * 3), 2))
