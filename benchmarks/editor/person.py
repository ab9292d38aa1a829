"""One person who fills a picture's height, and pictures made of them: of any size, far away, or in a crowd."""

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.inputs import testdata_folder, true_people
from wholebody.figures.drawing import draw_figures
from wholebody.images.decoding import BGR
from wholebody.poses import Poses

MARGIN = 0.03
FIGURE_WH, SEED = (960, 640), 4


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with the true poses of who is in it.

    Attributes:
        bgr: `(h, w, 3)` uint8.
        poses: In its pixels.
    """

    bgr: BGR
    poses: Poses


def standing_person() -> Picture:
    """A skier of the test data, whose 112 known points are labelled by hand; without the test data, a drawn figure."""
    testdata = testdata_folder()
    if testdata is None:
        drawing = draw_figures(1, SEED, FIGURE_WH)
        return _filled(drawing.bgr, drawing.xyxy[0], drawing.keypoints[0], np.ones(133, np.bool_))
    skier = next(true_people(testdata))
    return _filled(skier.bgr, skier.xyxy, skier.keypoints, skier.labelled)


def of_size(person: Picture, size_wh: tuple[int, int], heights: float = 1.0) -> Picture:
    """The person in the middle of a picture, filling a part of its height; what is missing repeats the edge."""
    width, height = size_wh
    scale = height * heights / person.bgr.shape[0]
    bgr = cv2.resize(
        person.bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    cut = max(0, bgr.shape[1] - width) // 2
    bgr = bgr[:height, cut : cut + width]
    left, top = (width - bgr.shape[1]) // 2, (height - bgr.shape[0]) // 2
    right, bottom = width - bgr.shape[1] - left, height - bgr.shape[0] - top
    padded = cv2.copyMakeBorder(bgr, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return Picture(padded, _moved(person.poses, scale, (left - cut, top), size_wh))


def crowd(person: Picture, count: int, size_wh: tuple[int, int]) -> Picture:
    """So many of them in rows, the first one twice as large as the others."""
    width, height = size_wh
    columns = 1 if count == 1 else int(np.ceil(np.sqrt(2 * count + 6)))
    cell = width / columns
    bgr = np.full((height, width, 3), 235, np.uint8)
    poses = []
    places = [(column, row) for row in range(columns) for column in range(columns) if column > 1 or row > 1]
    for column, row, cells in [(0, 0, min(2, columns)), *((*place, 1) for place in places[: count - 1])]:
        edge = int(cell * cells)
        one = of_size(person, (edge, int(edge * 0.66)))
        left, top = int(column * cell), int(row * cell * 0.66)
        part = bgr[top : top + one.bgr.shape[0], left : left + edge]
        part[:] = one.bgr[: part.shape[0], : part.shape[1]]
        poses.append(_moved(one.poses, 1.0, (left, top), size_wh))
    return Picture(bgr, _together(poses, size_wh))


def _filled(bgr: BGR, xyxy: np.ndarray, keypoints: np.ndarray, known: np.ndarray) -> Picture:
    """Cut a picture to the rows that a person fills."""
    margin = MARGIN * (xyxy[3] - xyxy[1])
    top, bottom = max(0, round(xyxy[1] - margin)), round(xyxy[3] + margin)
    bgr = bgr[top:bottom]
    poses = Poses(
        (bgr.shape[1], bgr.shape[0]),
        xyxy[None].astype(np.float32),
        np.ones(1, np.float32),
        keypoints[None].astype(np.float32),
        known[None].astype(np.float32),
    )
    return Picture(bgr, _moved(poses, 1.0, (0, -top), poses.size_wh))


def _moved(poses: Poses, scale: float, by: tuple[int, int], size_wh: tuple[int, int]) -> Poses:
    offset = np.array(by, np.float32)
    boxes = (poses.xyxy.reshape(-1, 2, 2) * scale + offset).clip(0, size_wh).reshape(-1, 4)
    keypoints = poses.keypoints * scale + offset
    return Poses(size_wh, boxes.astype(np.float32), poses.box_scores, keypoints.astype(np.float32), poses.scores)


def _together(people: list[Poses], size_wh: tuple[int, int]) -> Poses:
    arrays = (
        np.concatenate([getattr(poses, name) for poses in people])
        for name in ("xyxy", "box_scores", "keypoints", "scores")
    )
    return Poses(size_wh, *arrays)
