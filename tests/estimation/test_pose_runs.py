"""Which crops go into which run of the pose network; whatever the way, each person gets its own keypoints."""

from typing import Any

import numpy as np
import pytest

from wholebody.errors import ModelError
from wholebody.estimation.geometry import Crop
from wholebody.estimation.pose_runs import PoseRuns
from wholebody.estimation.tensors import MEAN, STD
from wholebody.images.decoding import BGR
from wholebody.process.turns import Turns

CROP_WH = (48, 64)
GRAYS = 10
"""Steps of gray from one person to the next, by which the network below tells them apart."""


class GrayNetwork:
    """Puts all keypoints of a crop into the bin that its gray level says.

    Args:
        batch: How many crops its file takes; `None` for any number.

    Attributes:
        given: What each run had.
    """

    device = "stub"
    input_wh = CROP_WH

    def __init__(self, batch: int | None = None) -> None:
        self.batch = batch
        self.given: list[np.ndarray] = []

    @property
    def runs(self) -> list[int]:
        return [len(batch) for batch in self.given]

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self.given.append(batch.copy())
        outputs = [np.zeros((len(batch), 133, 2 * edge), np.float32) for edge in CROP_WH]
        for index, planes in enumerate(batch):
            person = max(0, round(float(planes[0, CROP_WH[1] // 2, CROP_WH[0] // 2] * STD[0] + MEAN[0]) / GRAYS))
            for output in outputs:
                output[index, :, person] = 0.5
        return outputs


class WatchedTurns(Turns):
    """One turn at a time, counted."""

    def __init__(self) -> None:
        super().__init__(1)
        self.taken = 0

    def __enter__(self) -> None:
        assert self._free, "taken twice"
        self.taken += 1
        super().__enter__()


def row_of(people: int) -> tuple[BGR, list[Crop]]:
    """A picture of people of different gray beside each other, and their crops."""
    bgr = np.repeat(np.arange(people, dtype=np.uint8) * GRAYS, 100)[None, :, None].repeat(100, 0).repeat(3, 2)
    boxes = np.array([[100 * i + 30, 10, 100 * i + 70, 90] for i in range(people)], np.float32)
    return np.ascontiguousarray(bgr), Crop.around(boxes, CROP_WH)


def warm(runs: PoseRuns) -> PoseRuns:
    runs.warm_up(np.full((CROP_WH[1], CROP_WH[0], 3), GRAYS, np.uint8))
    return runs


def assert_each_its_own(found: tuple[Any, Any], crops: list[Crop]) -> None:
    keypoints, scores = found
    assert keypoints.shape == (len(crops), 133, 2)
    assert (scores == 0.5).all()
    for person, (crop, points) in enumerate(zip(crops, keypoints, strict=True)):
        np.testing.assert_allclose(points, np.tile(crop.to_image(np.full(2, person / 2, np.float32)), (133, 1)))


@pytest.mark.parametrize(
    ("people", "batch", "expected"),
    [(1, 4, [1]), (3, 4, [3]), (4, 4, [4]), (6, 4, [3, 3]), (9, 4, [3, 3, 3]), (3, 1, [1, 1, 1]), (20, 16, [10, 10])],
)
def test_runs_are_few_and_even(people: int, batch: int, expected: list[int]) -> None:
    network, turns = GrayNetwork(), WatchedTurns()
    bgr, crops = row_of(people)
    runs = warm(PoseRuns(network, CROP_WH, batch, turns, score_unit=1.0))
    assert_each_its_own(runs.keypoints(bgr, crops), crops)
    assert network.runs[1:] == expected
    assert turns.taken == 1 + len(expected)


@pytest.mark.parametrize(("batch", "sizes"), [(None, [4, 1, 2, 4]), (4, [4, 4, 4, 4])])
def test_a_run_sees_its_own_crops_and_black(batch: int | None, sizes: list[int]) -> None:
    network, (bgr, crops) = GrayNetwork(batch), row_of(4)
    runs = warm(PoseRuns(network, CROP_WH, 4, Turns(1), score_unit=1.0))
    network.given.clear()
    for count in (4, 1, 2, 4):
        assert_each_its_own(runs.keypoints(bgr, crops[:count]), crops[:count])
    assert network.runs == sizes
    for given, count in zip(network.given, (4, 1, 2, 4), strict=True):
        np.testing.assert_array_equal(given[:count], network.given[0][:count])
        assert not given[count:].any()


def test_an_error_is_told_and_the_turn_given_back() -> None:
    class Broken(GrayNetwork):
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            if len(batch) == 2:
                raise ModelError("cannot")
            return super().run(batch)

    runs, (bgr, crops) = warm(PoseRuns(Broken(), CROP_WH, 4, WatchedTurns(), score_unit=1.0)), row_of(4)
    with pytest.raises(ModelError, match="cannot"):
        runs.keypoints(bgr, crops[:2])
    assert_each_its_own(runs.keypoints(bgr, crops[:1]), crops[:1])


@pytest.mark.parametrize(("batch", "expected"), [(None, [4]), (2, [2])])
def test_the_network_is_warmed_up_with_a_full_run(batch: int | None, expected: list[int]) -> None:
    network = GrayNetwork(batch)
    runs = warm(PoseRuns(network, CROP_WH, 4, WatchedTurns()))
    assert network.runs == expected
    assert runs.score_unit == 0.52  # all its scores are 0.5


def test_a_network_of_another_kind_is_refused_at_the_first_run() -> None:
    with pytest.raises(ModelError, match="is it a 133-keypoint network"):
        warm(PoseRuns(GrayNetwork(), (CROP_WH[0] + 2, CROP_WH[1]), 4, Turns(1)))
