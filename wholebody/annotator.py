"""One task -> one prediction: images, estimator and regions put together. Both ways in go through here."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.prompted import estimate_boxed, estimate_prompted
from wholebody.estimation.seen_images import ImageCache, SeenImage
from wholebody.estimation.weights import find_weights, model_version
from wholebody.images.decoding import decode_image
from wholebody.images.loader import ImageLoader
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import ImageTarget, LabelingConfig, parse_labeling_config
from wholebody.labeling.prompts import Prompts
from wholebody.labeling.regions import mean_score, write_regions
from wholebody.labeling.task_boxes import read_task_boxes
from wholebody.predictions import Prediction, Region
from wholebody.process.cores import count_cores
from wholebody.settings import Settings

WARM_UP_PIXELS = 640 * 480

GPU_WORKERS = 4
"""Images decoded, cut and written at a time beside a device that runs the networks one after the other."""


class Annotator:
    """The loaded model with everything it needs to predict a task. Thread-safe.

    Args:
        settings: All settings.
        bulk: Tuned for throughput (several images at a time, a thread each from their decoding on, none looked at
            twice) rather than for latency.

    Attributes:
        model_version: Name, mode and digest; the same wherever the same predictions come out.
        workers: Tasks worth predicting at a time; more are worth having in hand, whose images are fetched meanwhile.
        devices: What each network runs on.

    Raises:
        ModelError: Weights or device cannot be used.
    """

    def __init__(self, settings: Settings, *, bulk: bool = False) -> None:
        cores = count_cores()
        on_cpu = settings.device == "cpu"
        weights = find_weights(settings)
        self.model_version = model_version(settings, weights)
        self.workers = 1 if not bulk else cores if on_cpu else min(cores, GPU_WORKERS)
        self._threshold = settings.confidence_threshold
        self._takes_boxes, self._max_people = settings.task_boxes, settings.max_people
        self._images = ImageLoader(settings)
        self._cache = ImageCache(settings.image_cache_bytes, settings.image_cache_seconds)
        # More threads at work than there are cores would take the caches from each other.
        self._pool = ThreadPoolExecutor(self.workers, "estimate") if bulk else None
        runs = cores if bulk and on_cpu else 1
        self._estimator = load_estimator(settings, weights, threads=1 if runs > 1 else 0, concurrency=runs)
        self.devices = self._estimator.devices

    def close(self) -> None:
        """Give up the images that wait for a worker: who waits for them gets an error."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def annotate(self, task: dict[str, Any], config: LabelingConfig) -> Prediction:
        """Predict everybody on all images of a task.

        Args:
            task: A task as Label Studio sends it; `id` and `data` are read.
            config: What to fill.

        Raises:
            ImageError: An image of the task cannot be had; this task alone has failed.
            ModelError: The network cannot run on this image.
        """
        results, scores = zip(*(self._annotate_image(task, target) for target in config.targets), strict=True)
        return Prediction(
            result=[region for regions in results for region in regions],
            score=round(sum(scores) / len(scores), 4),
            model_version=self.model_version,
        )

    def annotate_prompted(self, task: dict[str, Any], prompts: Prompts) -> Prediction:
        """Predict the people that an annotator means.

        Args:
            task: A task as Label Studio sends it; `id` and `data` are read.
            prompts: What was drawn.

        Raises:
            ImageError: The image cannot be had.
            PromptError: There is nobody where the annotator says.
            ModelError: The network cannot run on this image.
        """
        seen = self._see(task, prompts.target)
        poses = estimate_prompted(seen, prompts, self._estimator).scaled_to(seen.size_wh)
        return Prediction(
            result=write_regions(poses, prompts.target, self._threshold),
            score=mean_score(poses, prompts.target),
            model_version=self.model_version,
        )

    def warm_up(self) -> None:
        """Take a picture the whole way once, so that the first request does not pay for what is loaded late.

        Raises:
            ModelError: The network does not run.
        """
        config = parse_labeling_config(write_config(list(Part)))
        seen = SeenImage(decode_image(_warm_up_picture(), WARM_UP_PIXELS))  # whatever limits are set for others
        height, width, _ = seen.bgr.shape
        seen.detections(self._estimator.detect)
        everything = np.array([[0, 0, width, height]], np.float32)  # nobody is found in noise
        poses = self._estimator.pose(seen.bgr, everything, np.ones(1, np.float32))
        write_regions(poses, config.targets[0], self._threshold)

    def _annotate_image(self, task: dict[str, Any], target: ImageTarget) -> tuple[list[Region], float]:
        """The regions on one image of a task, and their score."""
        if self._pool is None:
            return self._predict(task, self._see(task, target), target)
        reference = target.reference(task.get("data"))
        content = self._images.fetch(reference, task.get("id"))
        return self._pool.submit(self._decode_and_predict, task, content, target).result()

    def _decode_and_predict(
        self, task: dict[str, Any], content: bytes, target: ImageTarget
    ) -> tuple[list[Region], float]:
        picture = self._images.decode(content, target.reference(task.get("data")))
        return self._predict(task, SeenImage(picture), target)

    def _predict(self, task: dict[str, Any], seen: SeenImage, target: ImageTarget) -> tuple[list[Region], float]:
        boxes = read_task_boxes(task, target, self._max_people) if self._takes_boxes else None
        if boxes:
            poses = estimate_boxed(seen.bgr, boxes.fractions, boxes.scores, self._estimator, look_again=boxes.are_drawn)
        else:
            found = seen.detections(self._estimator.detect)
            poses = self._estimator.pose(seen.bgr, found.xyxy, found.scores)
        poses = poses.scaled_to(seen.size_wh)
        return write_regions(poses, target, self._threshold), mean_score(poses, target)

    def _see(self, task: dict[str, Any], target: ImageTarget) -> SeenImage:
        reference = target.reference(task.get("data"))
        if not isinstance(reference, str):  # which is refused, and need not even be hashable
            return SeenImage(self._images.load(reference, task.get("id")))
        # A digest: a data URI may be larger than its picture.
        key = (str(task.get("id")), hashlib.sha256(reference.encode("utf-8", "surrogatepass")).digest())
        return self._cache.get(key, lambda: self._images.load(reference, task.get("id")))


def _warm_up_picture() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()
