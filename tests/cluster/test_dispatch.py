"""Who gets which chunk, and what becomes of those whose worker died: without any worker."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.cluster.conftest import tasks_of
from wholebody.cluster import dispatch
from wholebody.cluster.chunks import FIRST_TASKS, ChunkSource
from wholebody.cluster.dispatch import WAITING_CHUNKS, Call, Dispatcher


class FakeFuture:
    released = False

    def release(self) -> None:
        self.released = True


class Cluster:
    """Workers that do what a test says."""

    def __init__(self, *images: str) -> None:
        self.sent: list[Call] = []
        self.dispatcher = Dispatcher(ChunkSource(iter(tasks_of(*images))), self._submit)

    def _submit(self, call: Call) -> None:
        call.future = FakeFuture()
        self.sent.append(call)

    def of(self, address: str) -> list[Call]:
        return [call for call in self.dispatcher.calls() if call.address == address]

    def die(self, *addresses: str) -> list[Any]:
        return self.dispatcher.take_back(lambda one: one in addresses, lambda one: False)

    def run(self, usable: dict[str, int], kills: Callable[[Call], bool]) -> tuple[list[int], list[int], int]:
        """Let all workers work, one call each in turn; done and failed tasks, and how many workers died."""
        done, failed, deaths, turns = [], [], 0, count()
        for _ in range(1000):
            if self.dispatcher.is_done:
                return done, failed, deaths
            self.dispatcher.hand_out(usable)
            for address in list(usable):
                calls = self.of(address)
                begun = calls[: usable[address]]
                if any(map(kills, begun)):
                    deaths += 1
                    failed += [task["id"] for task in self.die(address)]
                elif calls and next(turns) % 3:  # else its results are not here when the next one kills it
                    self.dispatcher.finish(calls[0])
                    done += [task["id"] for task in calls[0].chunk.tasks]
        raise AssertionError("it does not end")


def test_each_worker_has_a_chunk_for_each_place_and_one_more() -> None:
    cluster = Cluster(*["a"] * 1000)
    cluster.dispatcher.hand_out({"one": 1, "two": 2})
    assert [len(cluster.of(name)) for name in ("one", "two")] == [1 + WAITING_CHUNKS, 2 + WAITING_CHUNKS]


def test_a_few_chunks_go_to_as_many_workers() -> None:
    cluster = Cluster(*["a"] * 3 * FIRST_TASKS)
    cluster.dispatcher.hand_out({"one": 2, "two": 2, "three": 2})
    assert [len(cluster.of(name)) for name in ("one", "two", "three")] == [1, 1, 1]


def test_bytes_in_hand_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MOST_BYTES_AHEAD", 10_000)
    cluster = Cluster(*["x" * 3000] * 100)
    cluster.dispatcher.hand_out({str(number): 2 for number in range(50)})
    assert len(cluster.sent) == 1  # of five tasks
    cluster.dispatcher.finish(cluster.sent[0])
    cluster.dispatcher.hand_out({"0": 2})
    assert len(cluster.sent) == 2


def test_the_chunks_of_a_dead_worker_go_to_another_and_its_late_results_count_no_more() -> None:
    cluster = Cluster(*["a"] * 4 * FIRST_TASKS)
    cluster.dispatcher.hand_out({"one": 1, "two": 1})
    first, second = cluster.of("one")
    assert cluster.die("one") == []
    assert first.future.released and second.future.released
    assert not cluster.dispatcher.counts(first)
    for call in cluster.of("two"):
        cluster.dispatcher.finish(call)
    cluster.dispatcher.hand_out({"two": 1})
    assert [call.chunk for call in cluster.of("two")] == [first.chunk, second.chunk]
    assert (first.chunk.deaths, second.chunk.deaths) == (1, 1)


def test_a_chunk_that_was_computed_before_its_worker_died_is_not_to_blame() -> None:
    cluster = Cluster(*["a"] * 2 * FIRST_TASKS)
    cluster.dispatcher.hand_out({"one": 1})
    first, second = cluster.of("one")
    first.is_computed = True
    cluster.die("one")
    assert (first.chunk.deaths, second.chunk.deaths) == (0, 1)


def test_a_stuck_worker_is_held_against_nobody() -> None:
    cluster = Cluster(*["a"] * 2 * FIRST_TASKS)
    cluster.dispatcher.hand_out({"one": 1})
    cluster.dispatcher.take_back(lambda one: False, lambda one: True)
    cluster.dispatcher.hand_out({"two": 1})
    assert [call.chunk.deaths for call in cluster.of("two")] == [0, 0]


@pytest.mark.parametrize("usable", [{"one": 1}, {"one": 2}, {"one": 2, "two": 2}, {str(n): 2 for n in range(16)}])
def test_only_the_task_that_kills_fails(usable: dict[str, int]) -> None:
    images = ["a"] * 200
    images[50] = images[123] = "kill"
    cluster = Cluster(*images)
    done, failed, deaths = cluster.run(
        usable, lambda call: any(task["data"]["image"] == "kill" for task in call.chunk.tasks)
    )
    assert sorted(failed) == [51, 124]
    assert sorted(done + failed) == list(range(1, 201))
    assert deaths <= 2 * 2 * dispatch.ALLOWED_DEATHS


def test_workers_that_die_of_themselves_fail_no_task() -> None:
    cluster, turns = Cluster(*["a"] * 300), iter(range(10**6))
    done, failed, deaths = cluster.run({"one": 2, "two": 2}, lambda call: next(turns) % 7 == 0)
    assert (sorted(done), failed) == (list(range(1, 301)), [])
    assert deaths > 3
