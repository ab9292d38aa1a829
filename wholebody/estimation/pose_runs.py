"""Crops of an image -> keypoints: which of them go into which run of the pose network."""

import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from wholebody.estimation.crop_network import CropNetwork
from wholebody.estimation.geometry import Crop
from wholebody.estimation.lone_crops import LoneCrops, LoneCropsWaiting
from wholebody.estimation.networks import Network
from wholebody.estimation.outputs import Peaks, decode_peaks
from wholebody.images.decoding import BGR
from wholebody.poses import Floats
from wholebody.serving.turns import Turns


class SideBySide:
    """The pose network opened a second time, for runs of one crop in one thread.

    Args:
        network: Takes one crop in a run.
        runs: How many such runs there are at a time.
    """

    def __init__(self, network: Network, runs: int) -> None:
        self.network = network
        self.runs = runs
        self.threads = ThreadPoolExecutor(runs, "crop")


class PoseRuns:
    """Runs the pose network on the crops of an image. Thread-safe.

    Two threads that take a crop each are done sooner than two that share every layer of both, where layers are small
    and many. So as many crops as fill all threads go side by side; the rest too, with that of others who wait, and
    where there are none it goes into shared runs.

    Args:
        network: Takes several crops in a run, each of whose layers all threads work on.
        crop_wh: Width and height of its input in pixels.
        batch: The most crops in a run; about so many are done in a turn before somebody else may have the next.
        turns: One is held while networks run.
        side_by_side: `None` where every crop goes into a shared run.
    """

    def __init__(
        self,
        network: Network,
        crop_wh: tuple[int, int],
        batch: int,
        turns: Turns,
        side_by_side: SideBySide | None = None,
    ) -> None:
        self._shared = CropNetwork(network, crop_wh, batch)
        self._single = CropNetwork(side_by_side.network, crop_wh, 1) if side_by_side else self._shared
        self._batch = batch
        self._turns = turns
        self._side_by_side = side_by_side
        self._waiting = LoneCropsWaiting()

    def keypoints(self, bgr: BGR, crops: Sequence[Crop]) -> tuple[Floats, Floats]:
        """The keypoints on each of at least one crop of a `(h, w, 3)` uint8 BGR image.

        Returns:
            `(n, 133, 2)` float32 image pixels and `(n, 133)` float32 scores, 0..1.
        """
        beside = self._side_by_side
        if not beside:
            found = self._shared_runs(self._turns, bgr, crops)
        else:
            done = len(crops) % beside.runs
            found = self._lone(beside, bgr, crops[:done]) if done else []
            while done < len(crops):
                more = self._turn_side_by_side(beside, bgr, crops[done:])
                found += more
                done += len(more)
        # All at once: a few numbers for each run, between two runs, would take several times as long.
        in_crop, scores = decode_peaks(Peaks.joined(found))
        return np.stack([crop.to_image(xy) for crop, xy in zip(crops, in_crop, strict=True)]), scores

    def warm_up(self) -> None:
        """Run each network once, with as many crops as a run may have.

        Raises:
            ModelError: The outputs are not those of a 133-keypoint network.
            Exception: Whatever a network that does not run raises.
        """
        beside = self._side_by_side
        with self._turns:
            self._shared.warm_up(min(self._batch, beside.runs - 1) if beside else self._batch)
            if beside:  # in each of the threads, so that the C library gives each a heap of its own
                list(beside.threads.map(self._single.warm_up, [1] * beside.runs))

    def _shared_runs(self, turn: AbstractContextManager[None], bgr: BGR, crops: Sequence[Crop]) -> list[Peaks]:
        """As few runs as there may be, of much the same length: 3 and 3, not 4 and 2."""
        step = math.ceil(len(crops) / math.ceil(len(crops) / self._batch)) if crops else 1
        return [self._shared.find_peaks(bgr, crops[i : i + step], turn) for i in range(0, len(crops), step)]

    def _lone(self, beside: SideBySide, bgr: BGR, crops: Sequence[Crop]) -> list[Peaks]:
        """Crops too few to fill all threads: with those of others that do, or in shared runs."""
        lone = LoneCrops(bgr, crops)
        self._waiting.add(lone)
        try:
            has_turn = self._turns.wait(lone.place)
        except BaseException:
            self._waiting.discard(lone)
            raise
        if not has_turn:
            return lone.found.result()  # others have taken them along
        try:
            self._waiting.discard(lone)
            others = self._waiting.take_along(lone.priority, beside.runs - len(crops))
            if not others:
                return self._shared_runs(nullcontext(), bgr, crops)
            for other in others:
                self._turns.dismiss(other.place)
            self._run_together(beside, [lone, *others])
            return lone.found.result()
        finally:
            self._turns.end()

    def _run_together(self, beside: SideBySide, callers: Sequence[LoneCrops]) -> None:
        """Tell each caller what is found on its crops, or the error: nobody else will."""
        try:
            under_way = [[self._begin(beside, lone.bgr, crop) for crop in lone.crops] for lone in callers]
        except BaseException as error:
            for lone in callers:
                lone.found.set_exception(error)
            return
        for lone, futures in zip(callers, under_way, strict=True):
            try:
                lone.found.set_result([future.result() for future in futures])
            except BaseException as error:
                lone.found.set_exception(error)

    def _turn_side_by_side(self, beside: SideBySide, bgr: BGR, crops: Sequence[Crop]) -> list[Peaks]:
        """The first crops, in one turn: all of them, as long as nobody else wants it."""
        at_a_time = beside.runs * max(1, self._batch // beside.runs)
        found: list[Peaks] = []
        under_way: deque[Future[Peaks]] = deque()
        with self._turns:
            for begun, crop in enumerate(crops):
                if begun >= at_a_time:
                    found.append(under_way.popleft().result())
                    if self._turns.wanted and begun % beside.runs == 0:
                        break
                under_way.append(self._begin(beside, bgr, crop))
            return found + [future.result() for future in under_way]

    def _begin(self, beside: SideBySide, bgr: BGR, crop: Crop) -> Future[Peaks]:
        return beside.threads.submit(self._single.find_peaks, bgr, [crop], nullcontext())
