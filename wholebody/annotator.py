"""One task -> one prediction: images, estimator and regions put together. Both ways in go through here."""

import logging
import os
from typing import Any

from wholebody.estimator import load_estimator
from wholebody.images import ImageLoader
from wholebody.labeling_config import LabelingConfig
from wholebody.regions import Prediction, Region, mean_score, write_regions
from wholebody.settings import Settings
from wholebody.weights import find_weights, model_version

log = logging.getLogger(__name__)


class Annotator:
    """The loaded model with everything it needs to predict a task. Thread-safe.

    Args:
        settings: All settings.
        bulk: Tuned for throughput (many tasks at a time, a thread each) rather than for latency.

    Attributes:
        model_version: Name, mode and digest; the same wherever the same predictions come out.
        workers: Tasks worth predicting at a time.

    Raises:
        ModelError: Weights or device cannot be used.
    """

    def __init__(self, settings: Settings, *, bulk: bool = False) -> None:
        cores = os.cpu_count() or 1
        on_cpu = settings.device == "cpu"
        weights = find_weights(settings)
        self.model_version = model_version(settings, weights)
        self.workers = cores if bulk and on_cpu else 1
        self._threshold = settings.confidence_threshold
        self._images = ImageLoader(settings)
        self._estimator = load_estimator(
            settings, weights, threads=1 if bulk and on_cpu else 0, concurrency=self.workers
        )

    def annotate(self, task: dict[str, Any], config: LabelingConfig) -> Prediction:
        """Predict a task.

        Args:
            task: A task as Label Studio sends it; `id` and `data` are read.
            config: What to fill.

        Raises:
            ImageError: An image of the task cannot be had; this task alone has failed.
            ModelError: The network cannot run on this image.
        """
        result: list[Region] = []
        scores = []
        for target in config.targets:
            bgr = self._images.load(target.reference(task.get("data")), task.get("id"))
            poses = self._estimator.estimate(bgr)
            result += write_regions(poses, target, self._threshold)
            scores.append(mean_score(poses, target))
        return Prediction(result=result, score=round(sum(scores) / len(scores), 4), model_version=self.model_version)
