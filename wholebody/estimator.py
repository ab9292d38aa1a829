"""Pixels -> Poses: a person detector, then a pose network on a crop of each person."""

import logging
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wholebody.decoding import BGR
from wholebody.errors import ModelError
from wholebody.geometry import Crop, Letterbox
from wholebody.keypoints import NAMES
from wholebody.networks import Network, open_network
from wholebody.poses import Floats, Poses
from wholebody.settings import Settings
from wholebody.weights import Weights

log = logging.getLogger(__name__)

# RTMPose's normalisation, which rtmlib applies to BGR pixels as they are.
MEAN = np.array((123.675, 116.28, 103.53), np.float32)
STD = np.array((58.395, 57.12, 57.375), np.float32)

SIMCC_SPLIT = 2.0
"""SimCC bins per crop pixel."""

NMS_IOU = 0.45
STRIDES = (8, 16, 32)
PERSON_CLASS = 0
MAX_BATCH = 32
"""Crops in one run at most, so that a crowd does not take the machine's memory."""


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes of `n` people.

    Attributes:
        xyxy: `(n, 4)` float32, left, top, right, bottom in pixels of the image (or the network's input).
        scores: `(n,)` float32, 0..1.
    """

    xyxy: Floats
    scores: Floats


def load_estimator(settings: Settings, weights: Weights, *, threads: int, concurrency: int) -> "Estimator":
    """Open both networks and run them once.

    Args:
        settings: Runtime, device, thresholds.
        weights: The files.
        threads: Threads inside one run of a network; 0 for all cores. All cores and one run at a time give
            the lowest latency, one thread and as many runs as cores the highest throughput.
        concurrency: Runs at a time.

    Raises:
        ModelError: A file or the device cannot be used.
    """
    detector = open_network(weights.detector, settings.backend_type, settings.device, threads)
    pose = open_network(weights.pose, settings.backend_type, settings.device, threads)
    estimator = Estimator(detector, pose, settings, weights, concurrency)
    estimator.warm_up()
    log.info("%s on %s, %s on %s", weights.detector.name, detector.device, weights.pose.name, pose.device)
    return estimator


class Estimator:
    """Finds people and their keypoints. Thread-safe; at most `concurrency` runs of the networks at a time."""

    def __init__(
        self, detector: Network, pose: Network, settings: Settings, weights: Weights, concurrency: int
    ) -> None:
        self._detector = detector
        self._pose = pose
        self._weights = weights
        self._threshold = settings.detection_threshold
        self._max_people = settings.max_people
        self._slots = threading.BoundedSemaphore(concurrency)

    def estimate(self, bgr: BGR) -> Poses:
        """The people in a `(h, w, 3)` uint8 BGR image and their keypoints, best-scored first."""
        found = self.detect(bgr)
        return self.pose(bgr, found.xyxy, found.scores)

    def detect(self, bgr: BGR) -> Detections:
        """The people in a `(h, w, 3)` uint8 BGR image, best-scored first.

        At most `MAX_PEOPLE`, each with a score of `DETECTION_THRESHOLD` at least.
        """
        letterbox = Letterbox.fit((bgr.shape[1], bgr.shape[0]), self._weights.detector_wh)
        pixels = letterbox.cut(bgr).transpose(2, 0, 1)[None].astype(np.float32)
        with self._slots:
            outputs = self._detector.run(pixels)
        found = decode_detections(outputs, self._weights.detector_wh, self._threshold)
        xyxy = letterbox.to_image(found.xyxy)
        sound = np.isfinite(xyxy).all(axis=1) & ((xyxy[:, 2:] - xyxy[:, :2]) >= 1).all(axis=1)
        order = np.flatnonzero(sound)[np.argsort(-found.scores[sound], kind="stable")]
        if len(order) > self._max_people:
            log.warning("%d people found, the best %d kept (MAX_PEOPLE)", len(order), self._max_people)
        order = order[: self._max_people]
        return Detections(xyxy[order], found.scores[order])

    def pose(self, bgr: BGR, xyxy: Floats, box_scores: Floats) -> Poses:
        """The keypoints of the people in given boxes.

        Args:
            bgr: `(h, w, 3)` uint8 BGR image.
            xyxy: `(n, 4)` float32 person boxes in pixels, each at least a pixel wide and high.
            box_scores: `(n,)` float32, handed through.
        """
        size_wh = (bgr.shape[1], bgr.shape[0])
        if not len(xyxy):
            return Poses.nobody(size_wh)  # rtmlib would pose the whole image here
        crops = [Crop.around(box, self._weights.pose_wh) for box in xyxy]
        pixels = np.stack([_normalise(crop.cut(bgr)) for crop in crops])
        simcc_x, simcc_y = self._run_pose(pixels)
        in_crop, scores = decode_simcc(simcc_x, simcc_y)
        keypoints = np.stack([crop.to_image(xy) for crop, xy in zip(crops, in_crop, strict=True)])
        return Poses(size_wh, xyxy, box_scores.clip(0, 1), keypoints, scores)

    def warm_up(self) -> None:
        """Run both networks once: the first request finds them ready, and a wrong file is told at start.

        Raises:
            ModelError: A network does not run, or its outputs are not those of its kind.
        """
        width, height = self._weights.detector_wh
        crop_wh = self._weights.pose_wh
        try:
            with self._slots:
                found = self._detector.run(np.zeros((1, 3, height, width), np.float32))
            decode_detections(found, self._weights.detector_wh, self._threshold)
        except Exception as error:
            path, kind = self._weights.detector, "person detector"
            raise ModelError(f"{path}: does not run as a {kind}: {_line(error)}") from None
        try:
            simcc_x, simcc_y = self._run_pose(np.zeros((2, 3, crop_wh[1], crop_wh[0]), np.float32))
            _check_simcc(simcc_x, simcc_y, crop_wh)
        except Exception as error:
            path, kind = self._weights.pose, "pose network"
            raise ModelError(f"{path}: does not run as a {kind}: {_line(error)}") from None

    def _run_pose(self, pixels: Floats) -> tuple[Floats, Floats]:
        """`(n, 3, h, w)` -> SimCC x `(n, 133, 2w)` and y `(n, 133, 2h)`, in as few runs as the file allows."""
        step = min(self._pose.batch or MAX_BATCH, MAX_BATCH)
        runs = []
        for start in range(0, len(pixels), step):
            with self._slots:
                runs.append(self._pose.run(pixels[start : start + step])[:2])
        return np.concatenate([run[0] for run in runs]), np.concatenate([run[1] for run in runs])


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


def decode_simcc(simcc_x: Floats, simcc_y: Floats) -> tuple[Floats, Floats]:
    """SimCC peaks -> `(n, 133, 2)` crop pixels and `(n, 133)` scores, finite and clipped to 0..1.

    SimCC: Li et al., ECCV 2022, arXiv:2107.03332; the peak and its score are rtmlib's.
    """
    from rtmlib.tools.pose_estimation.post_processings import get_simcc_maximum

    # Within half of float32's range, so that the mean of two peaks cannot overflow.
    x, y = (np.nan_to_num(simcc, posinf=1e38, neginf=-1e38) for simcc in (simcc_x, simcc_y))
    bins, scores = get_simcc_maximum(x, y)
    return (bins / SIMCC_SPLIT).astype(np.float32), scores.clip(0, 1).astype(np.float32)


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


def _normalise(crop: BGR) -> Floats:
    """`(h, w, 3)` uint8 -> `(3, h, w)` float32 as RTMPose expects it."""
    return np.asarray(((crop - MEAN) / STD).transpose(2, 0, 1), np.float32)


def _check_simcc(simcc_x: Floats, simcc_y: Floats, crop_wh: tuple[int, int]) -> None:
    expected = [(len(NAMES), int(edge * SIMCC_SPLIT)) for edge in crop_wh]
    found = [simcc_x.shape[1:], simcc_y.shape[1:]]
    if found != expected:
        raise ModelError(f"SimCC outputs have shapes {found}, not {expected}; is it a 133-keypoint network?")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
