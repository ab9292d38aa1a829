"""People of `worst.py` -> pictures cut out around them, as JPEG files in memory; nothing is drawn into these."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from wholebody.errors import ImageError
from wholebody.evaluation.pairing import SAME_SHAPE, Outcome
from wholebody.evaluation.worst import WorstPerson
from wholebody.images.decoding import BGR, Picture
from wholebody.poses import XYXY

Load = Callable[[str, Any], Picture]
"""A reference and the number of its task -> a picture, whose `share` the caller lets go of; raises ImageError."""

FETCHING = 8
"""Pictures fetched at a time."""

MARGIN = 0.08
"""Room around a person, as a share of the longer side of what is shown of them."""

WIDTH_OVER_HEIGHT = 0.8
"""What pictures of people are widened or heightened to, as far as the image goes."""

LONGER_SIDE_PX = 720
JPEG_QUALITY = 80

OTHER_SHAPE = "has another shape than the picture that was annotated"


@dataclass(frozen=True, slots=True)
class Cutting:
    """A piece of an image.

    Attributes:
        xyxy: Which piece: left, top, right, bottom in pixels of the upright image.
        jpeg: The file.
    """

    xyxy: XYXY
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class PersonPicture:
    """Somebody with their picture, or with the reason why there is none."""

    person: WorstPerson
    cutting: Cutting | None
    missing: str = ""


def with_pictures(people: Iterable[WorstPerson], load: Load) -> Iterator[PersonPicture]:
    """Fetch the picture of each person, several at a time; in their order. One that is gone is no error."""
    with ThreadPoolExecutor(FETCHING, "fetch") as executor:
        yield from executor.map(lambda person: _with_picture(person, load), people)


def _with_picture(person: WorstPerson, load: Load) -> PersonPicture:
    try:
        picture = load(person.reference, person.task_id)
    except ImageError as error:
        return PersonPicture(person, None, error.reason)
    try:
        if not _is_alike(picture.size_wh, person.size_wh):
            return PersonPicture(person, None, OTHER_SHAPE)
        return PersonPicture(person, cut(picture.bgr, shown(person), person.size_wh))
    finally:
        picture.share.release()


def shown(person: WorstPerson) -> XYXY:
    """Which piece of the image shows a person: box and all points of both, with room around, inside the image."""
    was_predicted = ~np.isin(person.outcomes, (Outcome.ABSENT, Outcome.ADDED))
    is_annotated = ~np.isin(person.outcomes, (Outcome.ABSENT, Outcome.DELETED))
    corners = np.reshape(person.xyxy, (2, 2))
    places = np.concatenate([corners, person.predicted[was_predicted], person.corrected[is_annotated]])
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    room = MARGIN * max(right - left, bottom - top, 1.0)
    left, top, right, bottom = left - room, top - room, right + room, bottom + room
    width, height = person.size_wh
    wider = max(0.0, (bottom - top) * WIDTH_OVER_HEIGHT - (right - left)) / 2
    higher = max(0.0, (right - left) / WIDTH_OVER_HEIGHT - (bottom - top)) / 2
    left, right = _inside(left - wider, right + wider, width)
    top, bottom = _inside(top - higher, bottom + higher, height)
    return left, top, right, bottom


def _inside(low: float, high: float, length: int) -> tuple[float, float]:
    """A range, shifted and then cut so that it lies within 0..length, in whole pixels; never empty."""
    low, high = (low - max(0.0, high - length), high) if high > length else (low, high - min(0.0, low))
    low, high = max(0.0, np.floor(low)), min(float(length), np.ceil(high))
    return (low, high) if high > low else (max(0.0, min(low, length - 1.0)), min(low, length - 1.0) + 1.0)


def _is_alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes can be of one picture, enlarged or reduced: annotations are kept in percent."""
    return abs(one[0] / other[0] / (one[1] / other[1]) - 1) <= SAME_SHAPE


def cut(bgr: BGR, xyxy: XYXY, size_wh: tuple[int, int]) -> Cutting:
    """A piece of a picture as a JPEG of bounded size.

    Args:
        bgr: The picture, which may have been decoded at a reduced size.
        xyxy: The piece, in pixels of a picture of `size_wh`.
        size_wh: Width and height of the picture that was annotated.
    """
    height, width = bgr.shape[:2]
    across, down = width / size_wh[0], height / size_wh[1]
    left, right = int(xyxy[0] * across), max(int(xyxy[2] * across), int(xyxy[0] * across) + 1)
    top, bottom = int(xyxy[1] * down), max(int(xyxy[3] * down), int(xyxy[1] * down) + 1)
    piece = bgr[top:bottom, left:right]
    scale = min(1.0, LONGER_SIDE_PX / max(piece.shape[:2]))
    if scale < 1:
        size_wh = max(1, round(piece.shape[1] * scale)), max(1, round(piece.shape[0] * scale))
        piece = np.asarray(cv2.resize(piece, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    jpeg = cv2.imencode(".jpg", piece, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return Cutting(xyxy, jpeg.tobytes())
