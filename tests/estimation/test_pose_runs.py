"""Which crops go into which run of the pose network; whatever the way, each person gets its own keypoints."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gunicorn_server import until
from wholebody.errors import ModelError
from wholebody.estimation import estimator
from wholebody.estimation.estimator import SIDE_BY_SIDE_BYTES, load_estimator
from wholebody.estimation.geometry import Crop
from wholebody.estimation.lone_crops import LoneCrops, LoneCropsWaiting
from wholebody.estimation.pose_runs import PoseRuns, SideBySide
from wholebody.estimation.tensors import MEAN, STD
from wholebody.estimation.weights import find_weights
from wholebody.images.decoding import BGR
from wholebody.serving.calls import Call, Priority
from wholebody.serving.turns import Place, Turns
from wholebody.settings import Settings

CROP_WH = (48, 64)
GRAYS = 10
"""Steps of gray from one person to the next, by which the network below tells them apart."""


class GrayNetwork:
    """Puts all keypoints of a crop into the bin that its gray level says.

    Args:
        together: So many runs must go on at a time.

    Attributes:
        runs: How many crops each run had.
    """

    device = "stub"

    batch: int | None = None

    def __init__(self, together: int = 1) -> None:
        self.runs: list[int] = []
        self._together = threading.Barrier(together)

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        batch = batch.copy()  # as it is now, whatever is written there later
        self._together.wait(timeout=10)  # breaks, where fewer come
        self.runs.append(len(batch))
        outputs = [np.zeros((len(batch), 133, 2 * edge), np.float32) for edge in CROP_WH]
        for index, planes in enumerate(batch):
            person = round(float(planes[0, CROP_WH[1] // 2, CROP_WH[0] // 2] * STD[0] + MEAN[0]) / GRAYS)
            for output in outputs:
                output[index, :, person] = 0.5
        return outputs


class WatchedTurns(Turns):
    """One turn at a time, counted; `wanted` says that somebody as urgent always waits for the next."""

    def __init__(self, *, wanted: bool = False) -> None:
        super().__init__(1)
        self.taken = 0
        self._wanted = wanted

    def wanted_by(self, priority: Priority) -> bool:
        return self._wanted

    def wait(self, place: Place) -> bool:
        assert self._free, "taken twice"
        self.taken += 1
        return super().wait(place)

    @property
    def held(self) -> bool:
        return not self._free


def row_of(people: int) -> tuple[BGR, list[Crop]]:
    """A picture of people of different gray beside each other, and their crops."""
    bgr = np.repeat(np.arange(people, dtype=np.uint8) * GRAYS, 100)[None, :, None].repeat(100, 0).repeat(3, 2)
    boxes = np.array([[100 * i + 30, 10, 100 * i + 70, 90] for i in range(people)], np.float32)
    return np.ascontiguousarray(bgr), Crop.around(boxes, CROP_WH)


def assert_each_its_own(found: tuple[Any, Any], crops: list[Crop]) -> None:
    keypoints, scores = found
    assert keypoints.shape == (len(crops), 133, 2)
    assert (scores == 0.5).all()
    for person, (crop, points) in enumerate(zip(crops, keypoints, strict=True)):
        np.testing.assert_allclose(points, np.tile(crop.to_image(np.full(2, person / 2, np.float32)), (133, 1)))


@pytest.mark.parametrize(
    ("people", "batch", "expected"),
    [(1, 4, [1]), (3, 4, [3]), (4, 4, [4]), (6, 4, [3, 3]), (9, 4, [3, 3, 3]), (3, 1, [1, 1, 1]), (33, 32, [17, 16])],
)
def test_shared_runs_are_few_and_even(people: int, batch: int, expected: list[int]) -> None:
    network, turns = GrayNetwork(), WatchedTurns()
    bgr, crops = row_of(min(people, 20))
    crops = crops * 2 if people > 20 else crops
    runs = PoseRuns(network, CROP_WH, batch, turns)
    runs.keypoints(bgr, crops[:people])
    assert network.runs == expected
    assert turns.taken == len(expected)


@pytest.mark.parametrize(
    ("people", "cores", "shared", "taken", "taken_if_wanted"),
    [
        (1, 2, [1], 1, 1),
        (2, 2, [], 1, 1),
        (3, 2, [1], 2, 2),
        (4, 2, [], 1, 1),
        (9, 2, [1], 2, 3),  # alone, then eight, or four and four
        (13, 2, [1], 2, 4),
        (3, 4, [3], 1, 1),
        (7, 4, [3], 2, 2),
        (8, 4, [], 1, 2),
        (15, 8, [4, 3], 3, 3),
    ],
)
@pytest.mark.parametrize("wanted", [False, True])
def test_crops_that_fill_all_cores_go_side_by_side(
    people: int, cores: int, shared: list[int], taken: int, taken_if_wanted: int, *, wanted: bool
) -> None:
    network, single, turns = GrayNetwork(), GrayNetwork(together=cores), WatchedTurns(wanted=wanted)
    bgr, crops = row_of(people)
    found = PoseRuns(network, CROP_WH, 4, turns, SideBySide(single, cores)).keypoints(bgr, crops)
    assert network.runs == shared
    assert single.runs == [1] * (people - sum(shared))
    assert turns.taken == (taken_if_wanted if wanted else taken)
    assert_each_its_own(found, crops)


class Callers:
    """Calls that come while the only turn is taken, one after the other, and then all have theirs.

    Attributes:
        network: Whose runs all threads share.
        single: Whose runs go side by side.
    """

    def __init__(self, cores: int = 2, single: GrayNetwork | None = None) -> None:
        self.network, self.single = GrayNetwork(), single or GrayNetwork()
        self._turns = Turns(1)
        self._runs = PoseRuns(self.network, CROP_WH, 4, self._turns, SideBySide(self.single, cores))

    def ask(self, *calls: tuple[int, Priority]) -> list[Any]:
        """How many people the picture of each call shows; what comes of it, in order of the calls."""
        with ThreadPoolExecutor(len(calls)) as threads:
            with self._turns:
                futures = []
                for number, (people, priority) in enumerate(calls):
                    futures.append(threads.submit(self._ask, people, priority))
                    until(lambda waiting=number + 1: len(self._turns._waiting) == waiting)
            results = [future.exception(10) or future.result() for future in futures]
        assert (self._turns._free, self._turns._waiting, self._runs._waiting._waiting) == (1, [], [])
        return results

    def _ask(self, people: int, priority: Priority) -> Any:
        bgr, crops = row_of(people)
        with Call(priority).current():
            found = self._runs.keypoints(bgr, crops)
        assert_each_its_own(found, crops)
        return len(found[0])


PROMPT, OPENING, SELECTION = Priority


@pytest.mark.parametrize(
    ("cores", "calls", "shared", "single"),
    [
        (2, [(1, OPENING)], [1], 0),
        (2, [(1, OPENING), (1, OPENING)], [], 2),
        (2, [(1, OPENING)] * 3, [1], 2),
        (2, [(1, OPENING)] * 4, [], 4),
        (2, [(3, OPENING), (1, OPENING)], [], 4),
        (2, [(2, OPENING), (1, OPENING)], [1], 2),
        # whoever is less urgent is not taken along, for it makes the run longer
        (2, [(1, PROMPT), (1, OPENING)], [1, 1], 0),
        (2, [(1, SELECTION), (1, PROMPT), (1, PROMPT), (1, SELECTION)], [], 4),
        # those that together fill all threads, or nobody
        (4, [(1, OPENING), (3, OPENING)], [], 4),
        (4, [(2, OPENING), (3, OPENING), (1, OPENING), (1, OPENING)], [3], 4),
        (4, [(1, OPENING), (1, OPENING)], [1, 1], 0),
    ],
)
def test_lone_crops_of_callers_that_wait_go_side_by_side(
    cores: int, calls: list[tuple[int, Priority]], shared: list[int], single: int
) -> None:
    callers = Callers(cores, GrayNetwork(together=cores))
    assert callers.ask(*calls) == [people for people, _ in calls]
    assert (callers.network.runs, callers.single.runs) == (shared, [1] * single)


def test_an_error_reaches_whose_crop_it_was_and_nobody_else() -> None:
    begun = itertools.count()

    class BrokenForTwo(GrayNetwork):
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            if next(begun) in (1, 2):
                raise ModelError("cannot")
            return super().run(batch)

    results = Callers(single=BrokenForTwo()).ask(*[(1, OPENING)] * 6)
    assert sorted(map(str, results)) == ["1", "1", "1", "1", "cannot", "cannot"]


def test_an_error_at_one_crop_moves_nobody_elses() -> None:
    class BrokenForTheFirst(GrayNetwork):
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            with lock:
                self.runs.append(0)
                is_first = len(self.runs) == 1
            if is_first:
                raise ModelError("cannot")
            return super().run(batch)

    lock = threading.Lock()
    results = Callers(4, BrokenForTheFirst()).ask((2, OPENING), (2, OPENING))
    assert sorted(map(str, results)) == ["2", "cannot"]


def test_nobody_waits_for_ever_when_no_crop_can_be_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    callers = Callers()
    callers._runs._side_by_side.threads.shutdown()  # type: ignore[union-attr]
    assert all("cannot schedule" in str(error) for error in callers.ask((1, OPENING), (1, OPENING)))


def test_what_fails_side_by_side_is_told_and_the_turn_given_back() -> None:
    class Broken(GrayNetwork):
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            raise ModelError("cannot")

    turns = WatchedTurns()
    runs = PoseRuns(GrayNetwork(), CROP_WH, 4, turns, SideBySide(Broken(), 2))
    bgr, crops = row_of(4)
    with pytest.raises(ModelError, match="cannot"):
        runs.keypoints(bgr, crops)
    assert not turns.held
    assert_each_its_own(runs.keypoints(bgr, crops[:1]), crops[:1])


@pytest.mark.parametrize("people", [4, 2])
def test_nothing_goes_on_beside_the_next_turn_when_a_crop_fails(people: int) -> None:
    """Of one caller, or of two that have half as many crops as there are cores."""
    begun, ended = threading.Semaphore(0), []

    class FailsWhileOthersRun(GrayNetwork):
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            with lock:
                self.runs.append(len(batch))
                is_first = len(self.runs) == 1
            if is_first:
                begun.acquire(timeout=10)  # until the other has begun
                raise ModelError("cannot")
            begun.release()
            time.sleep(0.2)
            ended.append(not turns._free)
            return [np.zeros((len(batch), 133, 2 * edge), np.float32) for edge in CROP_WH]

    lock, turns = threading.Lock(), Turns(1)
    runs = PoseRuns(GrayNetwork(), CROP_WH, 4, turns, SideBySide(FailsWhileOthersRun(), 4))
    bgr, crops = row_of(people)
    with ThreadPoolExecutor(2) as callers:
        with turns:
            asked = [callers.submit(runs.keypoints, bgr, crops) for _ in range(4 // people)]
            until(lambda: len(turns._waiting) == len(asked))
        errors = [future.exception(10) for future in asked]
    assert "cannot" in map(str, errors)
    assert turns._free == 1
    assert ended and all(ended)


def test_the_most_urgent_of_those_that_wait_are_taken_along() -> None:
    waiting = LoneCropsWaiting()
    bgr, crops = row_of(1)
    selection, opening, prompt = (LoneCrops(bgr, crops, priority) for priority in (SELECTION, OPENING, PROMPT))
    for one in (selection, opening, prompt):
        waiting.add(one)
    assert waiting.take_along(SELECTION, 2) == [prompt, opening]
    assert waiting.take_along(OPENING, 1) == []
    assert waiting.take_along(SELECTION, 1) == [selection]


def test_each_network_is_warmed_up_with_what_it_will_get() -> None:
    alone = GrayNetwork()
    PoseRuns(alone, CROP_WH, 4, WatchedTurns()).warm_up()
    assert alone.runs == [4]
    for cores, most in ((2, 1), (3, 2), (16, 4)):
        network, single = GrayNetwork(), GrayNetwork(together=cores)
        PoseRuns(network, CROP_WH, 4, WatchedTurns(), SideBySide(single, cores)).warm_up()
        assert (network.runs, single.runs) == ([most], [1] * cores)  # each in a thread of its own


@pytest.mark.parametrize(
    ("changes", "cores", "given", "expected"),
    [
        ({}, 2, {"threads": 0, "concurrency": 1}, True),
        ({"backend_type": "openvino"}, 2, {"threads": 0, "concurrency": 1}, True),
        ({"backend_type": "opencv"}, 2, {"threads": 0, "concurrency": 1}, False),
        ({}, 1, {"threads": 0, "concurrency": 1}, False),
        # more cores than there may be people in a picture
        ({"max_people": 3}, 3, {"threads": 0, "concurrency": 1}, True),
        ({"max_people": 3}, 4, {"threads": 0, "concurrency": 1}, False),
        ({}, 2, {"threads": 1, "concurrency": 1}, False),
        ({}, 2, {"threads": 1, "concurrency": 2}, False),
    ],
)
def test_when_the_pose_network_is_opened_for_runs_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
    pretend_cores: Callable[[int], None],
    changes: dict[str, Any],
    cores: int,
    given: dict[str, int],
    expected: bool,
) -> None:
    opened: list[tuple[str, int, int]] = []
    really = estimator.open_network

    def spy(path: Path, backend: Any, device: str, threads: int, runs: int, **rest: Any) -> Any:
        opened.append((path.name, threads, runs))
        return really(path, backend, device, threads, runs, **rest)

    monkeypatch.setattr(estimator, "open_network", spy)
    pretend_cores(cores)
    settings = Settings(mode="figures", **changes)
    weights = find_weights(settings)
    load_estimator(settings, weights, **given)
    assert opened[2:] == ([(weights.pose.name, 1, cores)] if expected else [])
    monkeypatch.setattr(estimator, "SIDE_BY_SIDE_BYTES", weights.pose.stat().st_size - 1)
    opened.clear()
    load_estimator(settings, weights, **given)
    assert len(opened) == 2
    assert weights.pose.stat().st_size < SIDE_BY_SIDE_BYTES
