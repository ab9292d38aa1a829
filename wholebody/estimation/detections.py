"""A detector's raw outputs -> boxes of people, in the pixels of its input. The arithmetic is rtmlib's."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wholebody.errors import ModelError
from wholebody.poses import Floats

NMS_IOU = 0.45
SAME_PERSON_IOU = 0.7
"""Boxes that overlap more are of one person, whatever the detector says. Detectors with NMS in their graph keep to .6
(RTMDet) or .65 (YOLOX, as rtmlib has it), so this touches only what does not.
"""
STRIDES = (8, 16, 32)
PERSON_CLASS = 0


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes of `n` people.

    Attributes:
        xyxy: `(n, 4)` float32, left, top, right, bottom in pixels of the image (or the network's input).
        scores: `(n,)` float32, 0..1.
    """

    xyxy: Floats
    scores: Floats


def decode_detections(outputs: list[Floats], size_wh: tuple[int, int], threshold: float) -> Detections:
    """A detector's raw outputs -> people, in input pixels, unsorted.

    Three forms of file are known: NMS in the graph (`dets (1, n, 5)` x1, y1, x2, y2, score, and perhaps
    `labels (1, n)`), and YOLOX's raw head `(1, n, 5 + classes)` with one class or COCO's 80, of which only
    people are kept. YOLOX: Ge et al., 2021, arXiv:2107.08430; the decoding is rtmlib's.

    Raises:
        ModelError: The outputs have none of these forms.
    """
    first = outputs[0]
    if first.ndim != 3 or first.shape[-1] < 5:
        raise ModelError(f"detector output of shape {first.shape}; known are (1, n, 5) and (1, n, 5 + classes)")
    if first.shape[-1] == 5:
        xyxy, scores = first[0, :, :4], first[0, :, 4]
        keep = scores >= threshold
        if len(outputs) > 1 and outputs[1].shape == first.shape[:2]:
            keep &= outputs[1][0] == PERSON_CLASS
        return Detections(xyxy[keep], scores[keep])
    return _decode_yolox(first[0], size_wh, threshold)


def distinct(xyxy: Floats, scores: Floats, size_wh: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Which boxes show somebody, best-scored first: not those without a pixel inside the image, and nobody twice.

    Args:
        xyxy: `(n, 4)` boxes in pixels of the image; they may reach beyond it, and need not be finite.
        scores: `(n,)` their scores.
        size_wh: Width and height of the image.
    """
    inside = xyxy.clip(0, np.tile(np.array(size_wh, np.float32), 2))
    sound = np.isfinite(xyxy).all(axis=1) & ((inside[:, 2:] - inside[:, :2]) >= 1).all(axis=1)
    best: list[int] = []
    for box in np.flatnonzero(sound)[np.argsort(-scores[sound], kind="stable")].tolist():
        if (ious(inside[best], inside[box]) <= SAME_PERSON_IOU).all():
            best.append(box)
    return np.array(best, np.intp)


def ious(boxes: Floats, other: Floats) -> Floats:
    """`(n,)` intersections over union of `(n, 4)` xyxy boxes and another, `(4,)`."""
    inner = (np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])).clip(0).prod(axis=1)
    both = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (other[2:] - other[:2]).prod()
    return np.asarray(inner / (both - inner))


def _decode_yolox(rows: Floats, size_wh: tuple[int, int], threshold: float) -> Detections:
    from rtmlib.tools.object_detection.post_processings import nms

    cells, strides = _yolox_grid(size_wh)
    if len(rows) != len(cells):
        raise ModelError(f"detector output has {len(rows)} rows, not {len(cells)}; check DET_INPUT_SIZE")
    scores = rows[:, 4] * rows[:, 5 + PERSON_CLASS]
    keep = scores >= threshold
    rows, scores, cells, strides = rows[keep], scores[keep], cells[keep], strides[keep]
    center = (rows[:, :2] + cells) * strides
    half = np.exp(rows[:, 2:4]) * strides / 2
    xyxy = np.concatenate([center - half, center + half], axis=1).astype(np.float32)
    best = nms(xyxy, scores, NMS_IOU)
    return Detections(xyxy[best], scores[best].astype(np.float32))


def _yolox_grid(size_wh: tuple[int, int]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """`(n, 2)` cell x, y of each row of YOLOX's head, and `(n, 1)` the stride of its level."""
    cells, strides = [], []
    for stride in STRIDES:
        columns, rows = size_wh[0] // stride, size_wh[1] // stride
        y, x = np.divmod(np.arange(columns * rows), columns)
        cells.append(np.stack([x, y], axis=1))
        strides.append(np.full((columns * rows, 1), stride))
    return np.concatenate(cells), np.concatenate(strides)
