"""A picture of one plainly visible person, on which a pose network shows its scale: where it is, and what is in it.

Eileen Collins, photographed by NASA: in the public domain.
"""

from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from wholebody.errors import ModelError
from wholebody.estimation.geometry import Crop
from wholebody.images.decoding import BGR
from wholebody.poses import Floats

PICTURE: Final = Path(__file__).with_suffix(".jpg")
PERSON_XYXY: Final = (12.0, 20.0, 370.0, 507.0)
"""Left, top, right, bottom of the person in pixels of the picture."""


@cache
def read_picture() -> BGR:
    """The `(512, 512, 3)` uint8 BGR picture.

    Raises:
        ModelError: It is not where the package has it.
    """
    bgr = cv2.imread(str(PICTURE), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ModelError(f"{PICTURE}: cannot be read; install the project anew")
    return np.asarray(bgr, np.uint8)


def cut_person(crop_wh: tuple[int, int]) -> BGR:
    """The person as a pose network of this input size sees them: `(h, w, 3)` uint8 BGR."""
    box: Floats = np.array([PERSON_XYXY], np.float32)
    return Crop.around(box, crop_wh)[0].cut(read_picture())
