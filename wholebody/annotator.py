"""One task -> its images -> poses -> regions: one prediction. Both ways in go through here."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from statistics import fmean
from typing import Any

import cv2
import numpy as np

from wholebody.errors import ImageError, WholebodyError
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.image_source import ImageSource, KeptImages, PassingImages
from wholebody.estimation.prompted import estimate_people, estimate_prompted
from wholebody.estimation.seen_images import ImageCache, SeenImage
from wholebody.estimation.weights import find_weights, model_version
from wholebody.images.decoding import decode_image
from wholebody.images.loader import ImageLoader
from wholebody.keypoints import Part
from wholebody.label_studio.patience import Patience
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.crowds import spare_editor
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.labeling.places_taken import take_places
from wholebody.labeling.prompts import Prompts
from wholebody.labeling.regions import mean_score, write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.task_boxes import no_task_boxes, read_task_boxes
from wholebody.labeling.task_images import TaskImage, image_of_page, images_of_task
from wholebody.predictions import Prediction, Region
from wholebody.process.calls import current_call
from wholebody.process.cores import count_cores
from wholebody.process.memory import give_back_large
from wholebody.process.memory_budget import MemoryBudget
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

WARM_UP_BYTES = 20_000_000

MOST_REGIONS_OF_A_TASK = 250_000
"""Regions of one task, some 250 MB while they are written; Label Studio takes bodies of up to 250 MB."""

GPU_WORKERS = 4
"""Images decoded, cut and written at a time beside a device that runs the networks one after the other."""


class Annotator:
    """The loaded model with everything it needs to predict a task. Thread-safe.

    Args:
        settings: All settings.
        bulk: Tuned for throughput (several images at a time, none looked at twice) rather than for latency; waits for
            images that Label Studio cannot serve for now.
        stop: In bulk, ends such a wait.
        cores: How many cores it may keep busy; `None` for all that this process may use.

    Attributes:
        model_version: Name, mode and digest; the same wherever the same predictions come out.
        workers: Tasks worth predicting at a time; more are worth having in hand, whose images are fetched meanwhile.
        devices: What each network runs on.
        hear_address: Remembers under which address a Label Studio knows itself; see `OwnAddresses.hear`.

    Raises:
        ModelError: Weights or device cannot be used.
    """

    def __init__(
        self, settings: Settings, *, bulk: bool = False, stop: Stop | None = None, cores: int | None = None
    ) -> None:
        give_back_large()
        cores, on_cpu = cores or count_cores(), settings.device == "cpu"
        weights = find_weights(settings)
        runs = cores if bulk and on_cpu else 1
        threads = 1 if bulk and on_cpu else 0
        self._estimator = load_estimator(settings, weights, threads=threads, concurrency=runs)
        self.model_version = model_version(settings, weights, self._estimator.traits)
        self.workers = 1 if not bulk else cores if on_cpu else min(cores, GPU_WORKERS)
        self.devices = self._estimator.devices
        self._threshold = settings.confidence_threshold
        loader = ImageLoader(settings)
        self.hear_address = loader.hear_address
        self._images = self._open_source(settings, loader, Patience(settings, stop or Stop()) if bulk else None)
        read_boxes = read_task_boxes if settings.task_boxes else no_task_boxes
        self._boxes_of = partial(read_boxes, max_people=settings.max_people)
        self._spare_editor = partial(spare_editor, max_regions=settings.max_regions)

    def close(self) -> None:
        """Give up the images that wait for a worker: who waits for them gets an error."""
        self._images.close()

    def annotate(self, task: dict[str, Any], config: LabelingConfig) -> Prediction:
        """Predict everybody on all images of a task.

        Args:
            task: A task as Label Studio sends it; `id` and `data` are read.
            config: What to fill.

        Raises:
            ImageError: An image of the task cannot be had; this task alone has failed.
            LabelingConfigError: The labels or pages that the task names make nothing that can be filled.
            ModelError: The network cannot run on this image.
            DeadlineError, ClientGoneError: Nobody waits for the rest of its images.
        """
        data = task.get("data")
        regions: list[Region] = []
        scores: list[float] = []
        for image in images_of_task(config.for_task(data), data):
            current_call().check()
            with self._open(image, task) as seen:
                boxes = self._boxes_of(task, image.target, item_index=image.item_index)
                poses = estimate_people(seen, boxes, self._estimator)
                everything = Shown.of(poses, image.target, self._threshold)
                shown = self._spare_editor(everything, poses, place=_place(image, task))
                regions += write_regions(poses, image.target, shown, image.item_index)
                scores.append(mean_score(poses, image.target))
            del seen  # which would be there beside the next one
            if len(regions) > MOST_REGIONS_OF_A_TASK:
                raise ImageError(
                    f"the task's people have more than {MOST_REGIONS_OF_A_TASK} points; split it, lower MAX_PEOPLE, or "
                    "take a labeling config with fewer keypoints",
                    cause="image_too_large",
                )
        return Prediction(result=regions, score=round(fmean(scores), 4), model_version=self.model_version)

    def annotate_prompted(self, task: dict[str, Any], prompts: Sequence[Prompts]) -> Prediction:
        """Predict the people that an annotator means, with all their regions: MAX_REGIONS does not hold here.

        Args:
            task: A task as Label Studio sends it; `id`, `data` and `predictions` are read.
            prompts: What was drawn, on each page.

        Raises:
            ImageError: The image cannot be had.
            PromptError: There is nobody where the annotator says.
            ModelError: The network cannot run on this image.
        """
        regions: list[Region] = []
        scores: list[float] = []
        for drawn in prompts:
            image = image_of_page(drawn.target, task.get("data"), drawn.item_index)
            with self._open(image, task) as seen:
                poses = estimate_prompted(seen, drawn, self._estimator)
                shown = Shown.of(poses, drawn.target, self._threshold)
                written = write_regions(poses, drawn.target, shown, image.item_index)
                regions += take_places(written, task, drawn.target, image.item_index)
                scores.append(mean_score(poses, drawn.target))
            del seen  # which would be there beside the next one
        return Prediction(result=regions, score=round(fmean(scores), 4), model_version=self.model_version)

    def fingerprint(self, task: dict[str, Any], config: LabelingConfig) -> bytes:
        """A digest of what `annotate` reads of a task but its id: where its images are, and the boxes that it carries.

        Another picture under the same id, as after a change of the task or from another Label Studio, is another task.
        """
        digest = hashlib.sha256()
        data = task.get("data")
        with suppress(WholebodyError):  # `annotate` says what is wrong
            for image in images_of_task(config.for_task(data), data):
                named = image.reference if isinstance(image.reference, str) else ""
                # A digest of each, so that none runs into the next.
                for part in (image.target.name, str(image.item_index), named):
                    digest.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
                if boxes := self._boxes_of(task, image.target, item_index=image.item_index):
                    digest.update(boxes.fractions.tobytes() + boxes.scores.tobytes() + bytes([boxes.are_drawn]))
        return digest.digest()

    @contextmanager
    def _open(self, image: TaskImage, task: dict[str, Any]) -> Iterator[SeenImage]:
        """An image of a task, for as long as it is looked at; errors name its page."""
        try:
            with self._images.open(image.reference, task.get("id")) as seen:
                yield seen
        except ImageError as error:
            if not image.place:
                raise
            raise error.about(f"{image.place}, {error.reference}" if error.reference else image.place) from None

    def warm_up(self) -> None:
        """Take a picture the whole way once, so that the first request does not pay for what is loaded late.

        Raises:
            ModelError: The network does not run.
        """
        config = parse_labeling_config(write_config(list(Part)))
        seen = SeenImage(
            decode_image(_warm_up_picture(), MemoryBudget(WARM_UP_BYTES))
        )  # whatever limits are set for others
        height, width, _ = seen.bgr.shape
        seen.detections(self._estimator.detect)
        everything = np.array([[0, 0, width, height]], np.float32)  # nobody is found in noise
        poses = self._estimator.pose(seen.bgr, everything, np.ones(1, np.float32))
        (target,) = config.targets
        write_regions(poses, target, Shown.of(poses, target, self._threshold))

    def _open_source(self, settings: Settings, loader: ImageLoader, patience: Patience | None) -> ImageSource:
        if patience:
            return PassingImages(loader, self.workers, patience)
        return KeptImages(loader, ImageCache(settings.image_cache_bytes, settings.image_cache_seconds))


def _place(image: TaskImage, task: dict[str, Any]) -> str:
    """An image of a task, for the log."""
    return ", ".join(filter(None, (f"task {task.get('id')}", image.place)))


def _warm_up_picture() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()
