"""Pixels -> Poses: a person detector, then a pose network on a crop of each person."""

import logging
from functools import partial

import numpy as np

from wholebody.cores import count_cores
from wholebody.errors import ModelError
from wholebody.estimation.geometry import Crop, Letterbox
from wholebody.estimation.networks import Network, open_network
from wholebody.estimation.outputs import Detections, decode_detections
from wholebody.estimation.pose_runs import PoseRuns, SideBySide
from wholebody.estimation.tensors import InputArrays, write_detector_input
from wholebody.estimation.weights import Weights
from wholebody.images.decoding import BGR
from wholebody.memory import give_back_freed
from wholebody.poses import Floats, Poses
from wholebody.serving.observing import people_found, stage
from wholebody.serving.turns import Turns
from wholebody.settings import Settings

log = logging.getLogger(__name__)

MAX_BATCH = 32
"""Crops in one run at most, so that a crowd does not take the machine's memory."""
MAX_BATCH_CPU = 4
"""More gain nothing on a processor (one run on two cores: 27 ms a crop by 4 and by 8, 37 one by one), and hold up who
waits.

ONNX Runtime with one thread a run has no layer to share, and a core keeps a single crop in its cache: two runs at a
time took 49 ms a crop one by one, 53 by 4 and 57 by 8 (OpenVINO: 60, 55, 56).
"""

SIDE_BY_SIDE_BYTES = 32_000_000
"""A larger pose network is not opened twice. One of 21 MB takes 38 MB more, and its batches 64 MB less; in large
networks threads share a layer well, and nothing would be gained."""


def load_estimator(settings: Settings, weights: Weights, *, threads: int, concurrency: int) -> "Estimator":
    """Open both networks and run them once.

    Args:
        settings: Runtime, device, thresholds.
        weights: The files.
        threads: Threads inside one run of a network; 0 for all cores. All cores and one run at a time give
            the lowest latency, one thread and as many runs as cores the highest throughput.
        concurrency: Runs at a time. Where that is one, on all cores, small pose networks are opened once more, to
            take a crop on each core in place of it.

    Raises:
        ModelError: A file or the device cannot be used.
    """
    opened = partial(open_network, backend=settings.backend_type, device=settings.device)
    detector = opened(weights.detector, threads=threads, runs=concurrency)
    pose = opened(weights.pose, threads=threads, runs=concurrency, steady=True)
    side_by_side = None
    if not threads and concurrency == 1 and _gains_side_by_side(settings, weights, pose):
        cores = count_cores()
        network = opened(weights.pose, threads=1, runs=cores, steady=True)
        side_by_side = SideBySide(network, cores)
    batch = _crops_in_a_run(settings, threads)
    estimator = Estimator(detector, pose, settings, weights, concurrency, batch, side_by_side)
    estimator.warm_up()
    give_back_freed()
    log.info("%s on %s, %s on %s", weights.detector.name, detector.device, weights.pose.name, pose.device)
    return estimator


class Estimator:
    """Finds people and their keypoints. Thread-safe; at most `concurrency` turns at the networks at a time.

    A pose network takes `batch` crops in a run, or what its file says.
    """

    def __init__(
        self,
        detector: Network,
        pose: Network,
        settings: Settings,
        weights: Weights,
        concurrency: int,
        batch: int = MAX_BATCH_CPU,
        side_by_side: SideBySide | None = None,
    ) -> None:
        self._detector = detector
        self._pose = pose
        self._weights = weights
        self._threshold = settings.detection_threshold
        self._max_people = settings.max_people
        self._turns = Turns(concurrency)
        width, height = weights.detector_wh
        self._detector_inputs = InputArrays((1, 3, height, width), kept=concurrency)
        self._pose_runs = PoseRuns(pose, weights.pose_wh, pose.batch or batch, self._turns, side_by_side)

    @property
    def devices(self) -> dict[str, str]:
        """What each network runs on, as its runtime says."""
        return {"detector": self._detector.device, "pose": self._pose.device}

    def estimate(self, bgr: BGR) -> Poses:
        """The people in a `(h, w, 3)` uint8 BGR image and their keypoints, best-scored first."""
        found = self.detect(bgr)
        return self.pose(bgr, found.xyxy, found.scores)

    @stage("detect")
    def detect(self, bgr: BGR) -> Detections:
        """The people in a `(h, w, 3)` uint8 BGR image, best-scored first.

        At most `MAX_PEOPLE`, each with a score of `DETECTION_THRESHOLD` at least.
        """
        letterbox = Letterbox.fit((bgr.shape[1], bgr.shape[0]), self._weights.detector_wh)
        outputs = self._run_detector(letterbox.scaled(bgr))
        found = decode_detections(outputs, self._weights.detector_wh, self._threshold)
        xyxy = letterbox.to_image(found.xyxy)
        sound = np.isfinite(xyxy).all(axis=1) & ((xyxy[:, 2:] - xyxy[:, :2]) >= 1).all(axis=1)
        order = np.flatnonzero(sound)[np.argsort(-found.scores[sound], kind="stable")]
        if len(order) > self._max_people:
            log.warning("%d people found, the best %d kept (MAX_PEOPLE)", len(order), self._max_people)
        order = order[: self._max_people]
        people_found(len(order))
        return Detections(xyxy[order], found.scores[order])

    @stage("pose")
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
        crops = Crop.around(xyxy, self._weights.pose_wh)
        keypoints, scores = self._pose_runs.keypoints(bgr, crops)
        return Poses(size_wh, xyxy, box_scores.clip(0, 1), keypoints, scores)

    def warm_up(self) -> None:
        """Run both networks once: the first request finds them ready, and a wrong file is told at start.

        Raises:
            ModelError: A network does not run, or its outputs are not those of its kind.
        """
        width, height = self._weights.detector_wh
        try:
            found = self._run_detector(np.zeros((height, width, 3), np.uint8))
            decode_detections(found, self._weights.detector_wh, self._threshold)
        except Exception as error:
            path, kind = self._weights.detector, "person detector"
            raise ModelError(f"{path}: does not run as a {kind}: {_line(error)}") from None
        try:
            self._pose_runs.warm_up()
        except Exception as error:
            path, kind = self._weights.pose, "pose network"
            raise ModelError(f"{path}: does not run as a {kind}: {_line(error)}") from None

    def _run_detector(self, scaled: BGR) -> list[Floats]:
        with self._turns, self._detector_inputs.lent() as pixels:
            write_detector_input(scaled, pixels)
            return self._detector.run(pixels)


def _crops_in_a_run(settings: Settings, threads: int) -> int:
    if settings.device != "cpu":
        return MAX_BATCH
    one_by_one = settings.backend_type == "onnxruntime" and (threads or count_cores()) == 1
    return 1 if one_by_one else MAX_BATCH_CPU


def _gains_side_by_side(settings: Settings, weights: Weights, pose: Network) -> bool:
    """Whether crops are to be taken side by side, a thread each, for the sake of latency."""
    return (
        settings.device == "cpu"
        and 1 < count_cores() <= settings.max_people  # with more, no picture would fill them
        and settings.backend_type != "opencv"  # whose threads are one for all
        and pose.batch in (None, 1)
        and weights.pose.stat().st_size <= SIDE_BY_SIDE_BYTES
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
