"""Pictures stand as the browser shows them, whatever a file says of itself and wherever it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.images.browser_pictures import drawn
from tests.images.decoded import decode
from tests.images.oriented_files import STORED, all_files, app1, encode, jpeg, turn

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FILES = all_files()

_TURNS = {
    1: lambda rgb: rgb,
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.transpose(1, 0, 2),
    6: lambda rgb: np.rot90(rgb, -1),
    7: lambda rgb: np.rot90(rgb, 2).transpose(1, 0, 2),
    8: lambda rgb: np.rot90(rgb, 1),
}

Rgb = npt.NDArray[np.uint8]


def orientation_of(shown: Rgb | None) -> object:
    """How the picture was turned; in gray, in which its four colours differ, too."""
    if shown is None:
        return "not shown"
    gray = np.asarray(Image.fromarray(np.ascontiguousarray(shown)).convert("L"), int)
    for orientation, turn_it in _TURNS.items():
        expected = np.asarray(Image.fromarray(np.ascontiguousarray(turn_it(np.asarray(STORED)))).convert("L"), int)
        if expected.shape == gray.shape and np.abs(expected - gray).mean() < 6:
            return orientation
    return shown.shape


def ours(content: bytes) -> Rgb:
    return decode(content).bgr[:, :, ::-1]


@pytest.mark.parametrize("name", FILES)
def test_it_stands_as_browsers_show_it(name: str) -> None:
    expected, content = FILES[name]
    assert orientation_of(ours(content)) == expected


def test_the_browser_shows_it_so(chromium: Browser) -> None:
    page = chromium.new_page()
    try:
        shown = {name: drawn(page, content) for name, (_, content) in FILES.items()}
    finally:
        page.close()
    assert {name: orientation_of(pixels) for name, pixels in shown.items()} == {
        name: expected for name, (expected, _) in FILES.items()
    }
    for name, (_, content) in FILES.items():
        assert np.abs(ours(content).astype(int) - shown[name]).mean() < 3, name


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_without_its_end_is_turned_and_reduced_like_others(orientation: int) -> None:
    content = jpeg(app1(turn(orientation)), content=encode(STORED.resize((480, 320)), "JPEG", quality=95))[:-2]
    whole = decode(content)
    reduced = decode(content, full_pixels=480 * 320 // 4)
    assert reduced.size_wh == whole.size_wh == ((320, 480) if orientation > 4 else (480, 320))
    assert reduced.bgr.shape == (whole.bgr.shape[0] // 2, whole.bgr.shape[1] // 2, 3)
    assert np.abs(reduced.bgr.astype(int) - whole.bgr[::2, ::2]).mean() < 6
