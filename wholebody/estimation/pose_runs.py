"""Crops of an image -> keypoints: which of them go into which run of the pose network."""

import math
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from wholebody.estimation.crop_network import CropNetwork
from wholebody.estimation.geometry import Crop
from wholebody.estimation.lone_crops import LoneCrops, LoneCropsWaiting
from wholebody.estimation.networks import Network
from wholebody.estimation.outputs import Peaks, decode_peaks
from wholebody.images.decoding import BGR
from wholebody.poses import Floats
from wholebody.serving.calls import current_call
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
        network: For shared runs: its threads all work on each layer of them.
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
        self._shared = CropNetwork(network, crop_wh, batch, kept=turns.count + 1)
        self._single = self._shared
        if side_by_side:
            self._single = CropNetwork(side_by_side.network, crop_wh, 1, kept=side_by_side.runs)
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
        step = self._step(len(crops))
        return [self._shared.find_peaks(bgr, crops[i : i + step], turn) for i in range(0, len(crops), step)]

    def _step(self, crops: int) -> int:
        return math.ceil(crops / math.ceil(crops / self._batch)) if crops else 1

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
            if others:
                for other in others:
                    self._turns.dismiss(other.place)
                self._run_together(beside, [lone, *others])
                return lone.found.result()
            first = self._step(len(crops))
            found = [self._shared.find_peaks(bgr, crops[:first], nullcontext())]
        finally:
            self._turns.end()
        return found + self._shared_runs(self._turns, bgr, crops[first:])

    def _run_together(self, beside: SideBySide, callers: Sequence[LoneCrops]) -> None:
        """Tell each caller what is found on its crops, or the error: nobody else will."""
        under_way: list[list[Future[Peaks]]] = [[] for _ in callers]
        try:
            for lone, begun in zip(callers, under_way, strict=True):
                for crop in lone.crops:
                    begun.append(self._begin(beside, lone.bgr, crop))
            for lone, begun in zip(callers, under_way, strict=True):
                try:
                    lone.found.set_result([future.result() for future in begun])
                except Exception as error:
                    lone.found.set_exception(error)
        except Exception as error:
            for lone in callers:
                lone.found.set_exception(error)
        finally:
            _end([future for begun in under_way for future in begun])
            for lone in callers:
                lone.found.cancel()  # where it is not told yet

    def _turn_side_by_side(self, beside: SideBySide, bgr: BGR, crops: Sequence[Crop]) -> list[Peaks]:
        """The first crops, in one turn: all of them, as long as nobody else wants it."""
        at_a_time = beside.runs * max(1, self._batch // beside.runs)
        found: list[Peaks] = []
        under_way: deque[Future[Peaks]] = deque()
        priority = current_call().priority
        with self._turns:
            try:
                for begun, crop in enumerate(crops):
                    if begun >= at_a_time:
                        found.append(under_way.popleft().result())
                        if begun % beside.runs == 0 and self._turns.wanted_by(priority):
                            break
                    under_way.append(self._begin(beside, bgr, crop))
                return found + [future.result() for future in under_way]
            finally:
                _end(under_way)

    def _begin(self, beside: SideBySide, bgr: BGR, crop: Crop) -> Future[Peaks]:
        return beside.threads.submit(self._single.find_peaks, bgr, [crop], nullcontext())


def _end(under_way: Collection[Future[Peaks]]) -> None:
    """Nothing of a turn goes on beside the next one, whatever has ended it."""
    for future in under_way:
        future.cancel()
    wait(under_way)
