"""Two pictures as data URIs."""

import base64

import cv2
import numpy as np

from wholebody.figures.drawing import draw_figures
from wholebody.images.decoding import BGR


def data_uri(bgr: BGR, extension: str) -> str:
    """A picture as Label Studio may have it in a task."""
    content = base64.b64encode(cv2.imencode(extension, bgr)[1].tobytes()).decode()
    return f"data:image/{extension[1:]};base64,{content}"


PEOPLE = data_uri(draw_figures(2, seed=1, size_wh=(640, 480)).bgr, ".png")
"""Two figures."""

NOBODY = data_uri(np.full((20, 30, 3), 255, np.uint8), ".jpg")
