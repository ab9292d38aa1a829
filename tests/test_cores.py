"""How many cores there are to use, and threads that stay on one."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.gunicorn_server import until
from wholebody import cores
from wholebody.estimation.networks import open_network
from wholebody.estimation.weights import find_weights
from wholebody.settings import Settings

HAS_AFFINITY = hasattr(os, "sched_getaffinity")
needs_affinity = pytest.mark.skipif(not HAS_AFFINITY, reason="this system does not keep threads on cores")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("5000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("", 8),
        ("what\n", 8),
    ],
)
def test_a_container_may_have_less_time_than_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    monkeypatch.setattr(cores, "own_cores", lambda: list(range(8)))
    monkeypatch.setattr(cores, "CGROUP_QUOTA", tmp_path / "cpu.max")
    assert cores.count_cores() == 8  # there is no such file
    (tmp_path / "cpu.max").write_text(quota)
    assert cores.count_cores() == expected


def test_a_system_that_does_not_tell_has_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert cores.own_cores() == [0, 1, 2]
    with cores.on_core(None):
        pass


@needs_affinity
def test_a_thread_is_on_the_core_meanwhile_and_free_afterwards() -> None:
    before, last = os.sched_getaffinity(0), cores.own_cores()[-1]
    assert cores.own_cores() == sorted(before)
    with cores.on_core(last):
        assert os.sched_getaffinity(0) == {last}
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ZeroDivisionError), cores.on_core(last):
        _ = 1 / 0
    assert os.sched_getaffinity(0) == before
    with cores.on_core(None):
        assert os.sched_getaffinity(0) == before


@needs_affinity
def test_a_core_that_is_not_there_is_done_without() -> None:
    before = os.sched_getaffinity(0)
    with cores.on_core(1000):
        assert os.sched_getaffinity(0) == before


def new_threads_affinities(known: set[str]) -> list[set[int]]:
    tasks = Path("/proc/self/task")
    return [os.sched_getaffinity(int(one.name)) for one in tasks.iterdir() if one.name not in known]


@needs_affinity
@pytest.mark.skipif(len(cores.own_cores()) < 2, reason="there is one core")
def test_a_run_on_all_cores_has_a_thread_on_each() -> None:
    weights, known = find_weights(Settings(mode="figures")), {one.name for one in Path("/proc/self/task").iterdir()}
    network = open_network(weights.detector, "onnxruntime", "cpu", threads=len(cores.own_cores()))
    first, *others = cores.own_cores()
    until(
        lambda: sorted(new_threads_affinities(known), key=min) == [{core} for core in others]
    )  # they go by themselves
    seen: list[set[int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_session", _Watched(seen))
        network.run(np.zeros(1, np.float32))
    assert seen == [{first}]


class _Watched:
    """A session that notes where its caller is."""

    def __init__(self, seen: list[set[int]]) -> None:
        self._seen = seen

    def run(self, *_: object) -> list[object]:
        self._seen.append(os.sched_getaffinity(0))
        return []


@needs_affinity
def test_a_run_of_one_thread_may_be_anywhere() -> None:
    weights, before = find_weights(Settings(mode="figures")), os.sched_getaffinity(0)
    seen: list[set[int]] = []
    network = open_network(weights.detector, "onnxruntime", "cpu", threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_session", _Watched(seen))
        network.run(np.zeros(1, np.float32))
    assert seen == [before]
