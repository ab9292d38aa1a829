"""What a browser makes of an image file: the pixels that it draws. No test of its own."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # tests are skipped where it is not installed
    from playwright.sync_api import Page

_DRAW = """async (address) => {
    const image = new Image();
    image.src = address;
    try { await image.decode(); } catch (error) { return null; }
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.fillStyle = 'white';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return [canvas.width, canvas.height, btoa(Array.from(pixels, (byte) => String.fromCharCode(byte)).join(''))];
}"""


def drawn(page: Page, content: bytes) -> npt.NDArray[np.uint8] | None:
    """The `(h, w, 3)` RGB pixels of a file on white, at its natural size; None if the browser shows none."""
    answer = page.evaluate(_DRAW, f"data:image/unknown;base64,{base64.b64encode(content).decode()}")
    if answer is None:
        return None
    width, height, pixels = answer
    return np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[:, :, :3]
