"""Files that are not as they should be: read if they lack no pixel, as browsers show them, else refused."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.images.browser_pictures import drawn
from tests.images.decoded import decode
from tests.images.oriented_files import chunk, encode, png, segment, turn
from wholebody.errors import ImageError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SMOOTH = np.random.default_rng(4).integers(0, 256, (6, 8, 3), np.uint8)
PICTURE = Image.fromarray(cv2.resize(SMOOTH, (96, 72), interpolation=cv2.INTER_CUBIC))
PROFILE = b"icc\0\0" + zlib.compress(bytes(400))

PNG_CHUNKS = {
    "tEXt": b"Comment\0text",
    "zTXt": b"Comment\0\0" + zlib.compress(b"text"),
    "iTXt": b"Comment\0\0\0\0\0text",
    "iCCP": PROFILE,
    "eXIf": turn(1),
    "gAMA": struct.pack(">I", 45455),
    "cHRM": struct.pack(">8I", *[31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000]),
    "sRGB": b"\0",
    "pHYs": struct.pack(">IIB", 2835, 2835, 1),
    "tIME": struct.pack(">HBBBBB", 2024, 1, 2, 3, 4, 5),
    "bKGD": struct.pack(">HHH", 1, 2, 3),
    "sBIT": b"\10\10\10",
    "prVt": b"private",
}


def damaged_pngs() -> Iterator[tuple[str, bytes]]:
    whole = encode(PICTURE, "PNG")
    for name, content in PNG_CHUNKS.items():
        kind = name.encode()
        places = (b"IDAT",) if name in ("iCCP", "gAMA", "cHRM", "sRGB", "bKGD", "sBIT") else (b"IDAT", b"IEND")
        for place in places:
            where = f"{name} before {place.decode()}"
            yield f"{where}, checksum", png(chunk(kind, content, 1), before=place, content=whole)
            yield f"{where}, too short", png(chunk(kind, content[:1]), before=place, content=whole)
            yield f"{where}, empty", png(chunk(kind, b""), before=place, content=whole)
            yield f"{where}, twice", png(chunk(kind, content) * 2, before=place, content=whole)
    yield "zTXt, not compressed", png(chunk(b"zTXt", b"Comment\0\0nonsense"), content=whole)
    yield "iCCP, not compressed", png(chunk(b"iCCP", b"icc\0\0nonsense"), content=whole)
    yield "tRNS, checksum", png(chunk(b"tRNS", bytes(6), 1), content=whole)
    yield "without IEND", whole[:-12]
    yield "half an IEND", whole[:-6]
    yield "checksum of IEND", whole[:-1] + b"x"
    yield "bytes behind it", whole + b"trailing bytes"
    yield "a picture behind it", whole + encode(PICTURE.rotate(180), "PNG")


def jpegs() -> Iterator[tuple[str, bytes]]:
    other = encode(PICTURE.rotate(180), "JPEG", quality=90)
    for form, options in {
        "baseline": {},
        "progressive": {"progressive": True},
        "rows": {"restart_marker_rows": 1},
    }.items():
        for mode in ("RGB", "L", "CMYK"):
            whole = encode(PICTURE.convert(mode), "JPEG", quality=90, **options)
            for name, tail in {
                "newline": b"\r\n",
                "zeros": bytes(1000),
                "a film": b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40,
                "half a marker": b"\xff",
                "a picture": other,
                "half a picture": other[: len(other) // 2],
                "an end": b"\xff\xd9",
            }.items():
                yield f"{form} {mode} with {name} behind it", whole + tail
            yield f"{form} {mode} padded before its end", whole[:-2] + b"\xff\xff\xff" + whole[-2:]
            yield f"{form} {mode} with a comment before its end", whole[:-2] + segment(0xFE, b"text") + whole[-2:]


def others() -> Iterator[tuple[str, bytes]]:
    for kind, options in {"GIF": {}, "WEBP": {"lossless": True}, "BMP": {}}.items():
        yield f"{kind} with bytes behind it", encode(PICTURE, kind, **options) + b"trailing bytes"
    gif = encode(PICTURE, "GIF")
    yield "GIF without its end", gif[:-1]


FILES = {**dict(damaged_pngs()), **dict(jpegs()), **dict(others())}


def test_the_browser_and_this_show_the_same(chromium: Browser) -> None:
    page = chromium.new_page()
    unlike = {}
    try:
        for name, content in FILES.items():
            shown = drawn(page, content)
            assert shown is not None, name
            ours = decode(content).bgr[:, :, ::-1]
            unlike[name] = np.abs(ours.astype(int) - shown).mean() if ours.shape == shown.shape else ours.shape
    finally:
        page.close()
    # Gamma and colour profiles, which the browser heeds and networks were never trained on.
    coloured = {name for name in FILES if name[:4] in ("gAMA", "cHRM", "iCCP")}
    assert {name: by for name, by in unlike.items() if by > 2 and name not in coloured} == {}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_missing(name: str) -> None:
    bgr = decode(FILES[name]).bgr
    expected = np.asarray(PICTURE.convert("L" if " L " in name else "RGB").convert("RGB"))[:, :, ::-1]
    tolerance = 12 if "JPEG" in name or name.split()[0] in ("baseline", "progressive", "rows", "GIF") else 0
    assert np.abs(bgr.astype(int) - expected).mean() <= tolerance


FORMS = [
    {},
    {"progressive": True},
    {"subsampling": 0},
    {"optimize": True},
    {"restart_marker_blocks": 1},
    {"progressive": True, "restart_marker_rows": 1},
]


def decoded(content: bytes) -> np.ndarray | None:
    try:
        return decode(content).bgr
    except ImageError as error:
        assert str(error).startswith(("damaged or cut off: ", "not an image of a known format"))
        return None


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", FORMS, ids=str)
@pytest.mark.parametrize("picture", ["photograph", "flat"])
def test_a_jpeg_cut_off_anywhere_is_whole_or_refused(mode: str, options: dict[str, object], picture: str) -> None:
    shown = PICTURE if picture == "photograph" else Image.new("RGB", PICTURE.size, (250, 250, 250))
    content = encode(shown.convert(mode), "JPEG", quality=85, **options)
    whole = decode(content).bgr.astype(int)
    rounding = 1 if mode == "CMYK" else 0
    for cut in (1, 2):
        without_end = decoded(content[:-cut])
        assert without_end is not None
        assert np.abs(without_end - whole).max() <= rounding
    for cut in range(3, 200):
        rest = decoded(content[:-cut])
        assert rest is None or np.abs(rest - whole).max() <= rounding, cut
        rest = decoded(content[:-cut] + bytes(5000))
        assert rest is None or np.abs(rest - whole).max() <= rounding, cut


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    content = encode(PICTURE, "JPEG", progressive=True)
    scans = [at for at in range(len(content)) if content.startswith(b"\xff\xda", at)]
    assert len(scans) > 5
    for scan in scans[1:]:
        assert decoded(content[:scan]) is None
        tables = content.rfind(b"\xff\xc4", 0, scan)
        if tables > scans[0]:
            assert decoded(content[:tables]) is None


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "AVIF", "BMP", "PPM", "TIFF"])
def test_other_files_cut_off_anywhere_are_whole_or_refused(kind: str) -> None:
    content = encode(PICTURE, kind)
    whole = decode(content).bgr
    for cut in range(1, 200):
        try:
            assert np.array_equal(decode(content[:-cut]).bgr, whole), cut
        except ImageError as error:
            assert str(error).startswith(("damaged or cut off: ", "not an image of a known format"))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("tail", [b"\r\n", bytes(100), b"\0\0\0\x18ftypmp42" + bytes(range(256))])
@pytest.mark.parametrize("divisor", [2, 4])
def test_what_is_too_large_is_reduced_whatever_follows_it(mode: str, tail: bytes, divisor: int) -> None:
    large = PICTURE.resize((480, 360))
    content = encode(large.convert(mode), "JPEG", quality=90) + tail
    picture = decode(content, full_pixels=480 * 360 // divisor**2)
    assert picture.size_wh == (480, 360)
    expected = np.asarray(
        large.resize((480 // divisor, 360 // divisor)).convert(mode if mode == "L" else "RGB").convert("RGB")
    )
    assert picture.bgr.shape == expected.shape
    assert np.abs(picture.bgr[:, :, ::-1].astype(int) - expected).mean() < 8


def test_a_ycck_jpeg_has_the_colours_of_the_browser(chromium: Browser) -> None:
    cmyk = encode(PICTURE.convert("CMYK"), "JPEG", quality=95, subsampling=0)
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0")
    start = cmyk.index(b"\xff\xee")
    ycck = cmyk[:start] + adobe + b"\2" + cmyk[start + 16 :]
    page = chromium.new_page()
    try:
        shown = drawn(page, ycck)
    finally:
        page.close()
    assert shown is not None
    assert np.abs(decode(ycck).bgr[:, :, ::-1].astype(int) - shown).mean() < 3


def test_pictures_of_the_field(testdata: Path) -> None:
    cases = testdata / "cases"
    webp = (cases / "3-webp-orientation" / "orientation6.webp").read_bytes()
    assert decode(webp).size_wh == (212, 320)
    endless = (cases / "14-jpeg-without-end" / "person-no-eoi.jpg").read_bytes()
    expected = cv2.imdecode(np.frombuffer(endless + b"\xff\xd9", np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decode(endless).bgr, expected)
    text = (cases / "29-png-with-a-bad-text-chunk" / "text-crc.png").read_bytes()
    expected = cv2.imdecode(np.frombuffer(text, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decode(text).bgr, expected)


def test_a_large_jpeg_with_bytes_behind_it_and_a_large_cmyk_one() -> None:
    large = PICTURE.resize((8160, 5420))
    file = io.BytesIO()
    large.save(file, "JPEG", quality=60)
    assert decode(file.getvalue() + b"\r\n").size_wh == (8160, 5420)
    cmyk = encode(large.convert("CMYK"), "JPEG", quality=60)
    assert decode(cmyk).bgr.shape == (2710, 4080, 3)
