"""The bare ONNX sessions as they answer soonest: one run at a time on all cores."""

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.rivals import Job, bare_session
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.geometry import Crop, Letterbox
from wholebody.estimation.tensors import detector_input, write_pose_input
from wholebody.poses import Floats
from wholebody.process.cores import count_cores

BATCHES = (1, 2, 4, 8)
TRIALS = 5


class Bare:
    """Both sessions, and what goes into them.

    Attributes:
        estimator: Ours, which says where people are.
    """

    def __init__(self, job: Job) -> None:
        cores = count_cores()
        self._weights = job.weights
        self._detector, self._pose = bare_session(job.detector, cores), bare_session(job.pose, cores)
        self.estimator: Estimator = load_estimator(job.settings(), self._weights, threads=0, concurrency=1)

    def whole(self, bgr: Any) -> Callable[[], object]:
        """Detector and crops of an image."""
        letterbox = Letterbox.fit((bgr.shape[1], bgr.shape[0]), self._weights.detector_wh)
        pixels = detector_input(letterbox.scaled(bgr), self._weights.detector_wh)
        pose = self.crops(bgr, self.estimator.detect(bgr).xyxy)
        return lambda: (self._detector(pixels), pose())

    def crops(self, bgr: Any, boxes: Floats) -> Callable[[], object]:
        """The crops of some boxes, in batches of the size that is soonest done."""
        size = self._weights.pose_wh
        crops = np.empty((len(boxes), 3, *size[::-1]), np.float32)
        for crop, planes in zip(Crop.around(boxes, size), crops, strict=True):
            write_pose_input(crop.cut(bgr), planes)
        ways = [self._batched(crops, batch) for batch in BATCHES if batch < 2 or batch <= len(crops)]
        return min(ways, key=_soonest)

    def _batched(self, crops: Floats, batch: int) -> Callable[[], object]:
        return lambda: [self._pose(crops[i : i + batch]) for i in range(0, len(crops), batch)]


def _soonest(way: Callable[[], object]) -> float:
    from benchmarks.table import seconds

    return statistics.median(seconds(way) for _ in range(TRIALS + 1))
