"""Pixels -> Poses: a person detector, then a pose network on a crop of each person."""

import logging
from pathlib import Path

import numpy as np

from wholebody.errors import ModelError
from wholebody.estimation.calibration import AS_THEY_ARE, load_calibration
from wholebody.estimation.detections import Detections, decode_detections, distinct
from wholebody.estimation.geometry import Crop, Letterbox
from wholebody.estimation.networks import Network, open_network
from wholebody.estimation.pose_runs import PoseRuns
from wholebody.estimation.precision import choose_precision, runtimes
from wholebody.estimation.reference_person import cut_person
from wholebody.estimation.tensors import detector_input
from wholebody.estimation.weights import SizeWH, Traits, Weights, pose_colors
from wholebody.images.decoding import BGR
from wholebody.poses import Floats, Poses
from wholebody.process.memory import give_back_freed
from wholebody.process.observing import people_found, stage
from wholebody.process.turns import Turns
from wholebody.settings import Precision, Settings

log = logging.getLogger(__name__)

DETECTOR_WH, POSE_WH = (640, 640), (192, 256)
"""Width and height of an input where neither file nor settings say it: those of most files."""

MAX_BATCH = 32
"""Crops in one run at most, so that a crowd does not take the machine's memory."""
MAX_BATCH_CPU = 4
"""On a processor more gain nothing, and hold up who waits."""


def load_estimator(settings: Settings, weights: Weights, *, threads: int, concurrency: int) -> "Estimator":
    """Open both networks and run them once.

    Args:
        settings: Runtime, device, thresholds, calibration of the scores.
        weights: The files.
        threads: Threads inside one run of a network; 0 for all cores. All cores and one run at a time give
            the lowest latency, one thread and as many runs as cores the highest throughput.
        concurrency: Runs at a time.

    Raises:
        ModelError: A file or the device cannot be used, or the calibration is of other weights.
    """
    precision = choose_precision(settings)
    detector, pose = (
        open_network(path, runtime.backend, settings.device, threads, concurrency, runtime.numbers)
        for path, runtime in zip(
            (weights.detector, weights.pose), runtimes(settings.backend_type, precision), strict=True
        )
    )
    estimator = Estimator(detector, pose, settings, weights, concurrency, precision)
    estimator.warm_up()
    estimator.calibration = load_calibration(settings.score_calibration, weights, estimator.traits)
    give_back_freed()
    traits, unit = estimator.traits, estimator.unit_in_words
    log.info("%s on %s, %s on %s", weights.detector.name, detector.device, weights.pose.name, pose.device)
    log.info("%s: colors in the order %s, score unit %s", weights.pose.name, traits.colors.upper(), unit)
    if settings.score_calibration:
        log.info("%s", estimator.calibration.in_words)
    return estimator


class Estimator:
    """Finds people and their keypoints. Thread-safe; at most `concurrency` runs of the networks at a time.

    Attributes:
        calibration: What becomes of the scores of people who are given to a user. The scores of `pose` are the
            network's own, by which a box may be looked at once more.
    """

    def __init__(
        self,
        detector: Network,
        pose: Network,
        settings: Settings,
        weights: Weights,
        concurrency: int,
        precision: Precision = "full",
    ) -> None:
        self.calibration = AS_THEY_ARE
        self._detector = detector
        self._precision = precision
        self._pose = pose
        self._weights = weights
        self._threshold = settings.detection_threshold
        self._max_people = settings.max_people
        given_wh = settings.det_input_size if settings.det_model else None
        usual_wh = weights.detector_wh or DETECTOR_WH
        self._detector_wh = _input_wh("DET_INPUT_SIZE", given_wh, detector, weights.detector, usual_wh)
        given_wh = settings.pose_input_size if settings.pose_model else None
        usual_wh = weights.pose_wh or POSE_WH
        self._pose_wh = _input_wh("POSE_INPUT_SIZE", given_wh, pose, weights.pose, usual_wh)
        self._turns = Turns(concurrency)
        batch = MAX_BATCH_CPU if settings.device == "cpu" else MAX_BATCH
        self._colors = pose_colors(settings, weights)
        self._pose_runs = PoseRuns(pose, self._pose_wh, batch, self._turns, self._colors, settings.pose_score_unit)

    @property
    def devices(self) -> dict[str, str]:
        """What each network runs on, as its runtime says."""
        return {"detector": self._detector.device, "pose": self._pose.device}

    @property
    def traits(self) -> Traits:
        """What is known of the networks, after `warm_up`."""
        unit, digest = self._pose_runs.score_unit, self.calibration.digest
        return Traits(self._detector_wh, self._pose_wh, self._colors, unit, self._precision, digest)

    @property
    def unit_in_words(self) -> str:
        """The unit of the pose network's scores and how it was found, after `warm_up`."""
        return self._pose_runs.unit_in_words

    def estimate(self, bgr: BGR) -> Poses:
        """The people in a `(h, w, 3)` uint8 BGR image and their keypoints, best-scored first."""
        found = self.detect(bgr)
        return self.pose(bgr, found.xyxy, found.scores)

    @stage("detect")
    def detect(self, bgr: BGR) -> Detections:
        """The people in a `(h, w, 3)` uint8 BGR image, best-scored first.

        At most `MAX_PEOPLE`, each with a score of `DETECTION_THRESHOLD` at least.
        """
        letterbox = Letterbox.fit((bgr.shape[1], bgr.shape[0]), self._detector_wh)
        pixels = detector_input(letterbox.scaled(bgr), self._detector_wh)
        with self._turns:
            outputs = self._detector.run(pixels)
        found = decode_detections(outputs, self._detector_wh, self._threshold)
        xyxy = letterbox.to_image(found.xyxy)
        order = distinct(xyxy, found.scores, (bgr.shape[1], bgr.shape[0]))
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
        crops = Crop.around(xyxy, self._pose_wh)
        keypoints, scores = self._pose_runs.keypoints(bgr, crops)
        return Poses(size_wh, xyxy, box_scores.clip(0, 1), keypoints, scores)

    def warm_up(self) -> None:
        """Run both networks once: the first request finds them ready, and a wrong file is told at start.

        Raises:
            ModelError: A network does not run, or its outputs are not those of its kind.
        """
        width, height = self._detector_wh
        try:
            with self._turns:
                found = self._detector.run(np.zeros((1, 3, height, width), np.float32))
            decode_detections(found, self._detector_wh, self._threshold)
        except Exception as error:
            path, kind = self._weights.detector, "person detector"
            raise ModelError(f"{path}: does not run as a {kind}: {_line(error)}") from None
        person = cut_person(self._pose_wh)
        try:
            self._pose_runs.warm_up(person)
        except Exception as error:
            path, kind = self._weights.pose, "pose network"
            raise ModelError(f"{path}: does not run as a {kind}: {_line(error)}") from None


def _input_wh(setting: str, given: SizeWH | None, network: Network, path: Path, usual: SizeWH) -> SizeWH:
    """Width and height of a network's input: the file's own; where it leaves them open, as given, or as usual.

    Raises:
        ModelError: What is given contradicts the file.
    """
    if network.input_wh is None:
        return given or usual
    if given not in (None, network.input_wh):
        raise ModelError(
            f"{setting}={','.join(map(str, given or ()))}: {path} takes {','.join(map(str, network.input_wh))} and "
            f"nothing else; leave {setting} away"
        )
    return network.input_wh


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
