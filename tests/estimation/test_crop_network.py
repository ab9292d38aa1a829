"""Crops written into arrays that are used again: nothing of an earlier run is left in a later one."""

from contextlib import nullcontext

import numpy as np
import pytest

from tests.estimation.test_pose_runs import CROP_WH, GrayNetwork, row_of
from wholebody.errors import ModelError
from wholebody.estimation.crop_network import CropNetwork
from wholebody.estimation.tensors import InputArrays

WIDTH, HEIGHT = CROP_WH


class Remembering(GrayNetwork):
    """Keeps what it was given."""

    def __init__(self, batch: int | None) -> None:
        super().__init__()
        self.batch = batch
        self.given: list[np.ndarray] = []

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self.given.append(batch.copy())
        return super().run(batch)


@pytest.mark.parametrize(("batch", "sizes"), [(None, [4, 1, 2, 4]), (4, [4, 4, 4, 4])])
def test_a_run_sees_its_own_crops_and_black(batch: int | None, sizes: list[int]) -> None:
    network, (bgr, crops) = Remembering(batch), row_of(4)
    once = CropNetwork(network, CROP_WH, 4, kept=1)
    peaks = [once.find_peaks(bgr, crops[-count:], nullcontext()) for count in (4, 1, 2, 4)]
    assert network.runs == sizes
    for given, count, found in zip(network.given, (4, 1, 2, 4), peaks, strict=True):
        np.testing.assert_array_equal(given[:count], network.given[0][-count:])
        assert not given[count:].any()
        assert found.bins.shape == (count, 133, 2)
        np.testing.assert_array_equal(found.bins[:, 0, 0], np.arange(4)[-count:])


def test_a_network_of_another_kind_is_refused_at_the_first_run() -> None:
    with pytest.raises(ModelError, match="is it a 133-keypoint network"):
        CropNetwork(GrayNetwork(), (WIDTH + 2, HEIGHT), 4, kept=1).warm_up(2)


def test_an_array_is_lent_to_one_at_a_time_and_comes_back_whatever_happens() -> None:
    arrays = InputArrays((2, 3), kept=2)
    with arrays.lent() as one, arrays.lent() as other:
        assert one is not other
        assert (one.shape, one.dtype) == ((2, 3), np.float32)
    with pytest.raises(ZeroDivisionError), arrays.lent():
        _ = 1 / 0
    with arrays.lent() as first, arrays.lent() as second, arrays.lent() as third:
        assert {id(first), id(second)} == {id(one), id(other)}
        assert id(third) not in (id(one), id(other))
    assert len(arrays._free) == 2
