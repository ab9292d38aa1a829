"""Chunks: how many tasks, how many bytes, and what is read ahead."""

import pickle
from collections.abc import Iterator
from typing import Any

from tests.cluster.conftest import tasks_of
from wholebody.cluster import chunks
from wholebody.cluster.chunks import FIRST_TASKS, MOST_CHUNK_BYTES, MOST_TASKS, ChunkSource


def test_chunks_have_each_task_once_and_in_order() -> None:
    tasks, source, found = tasks_of(*"abcdefghijklm"), ChunkSource(iter(tasks_of(*"abcdefghijklm"))), list[Any]()
    while chunk := source.next():
        found += chunk.tasks
        assert [pickle.loads(one) for one in pickle.loads(chunk.payload(b""))[1]] == chunk.tasks
    assert found == tasks
    assert source.next() is None


def test_a_chunk_grows_to_five_seconds_of_work() -> None:
    source = ChunkSource(iter(tasks_of(*["a"] * 500)))
    sizes = []
    for seconds_a_task in (0.2, 0.2, 0.2, 0.2, 1.0, 20.0, 0.001, 0.001):
        chunk = source.next()
        assert chunk
        sizes.append(len(chunk.tasks))
        source.learn(len(chunk.tasks), seconds_a_task * len(chunk.tasks))
    assert sizes == [FIRST_TASKS, 10, 20, 25, 25, 5, 1, 2]


def test_a_chunk_is_never_larger_than_the_most() -> None:
    source = ChunkSource(iter(tasks_of(*["a"] * 1000)))
    for _ in range(10):
        source.learn(100, 0.001)
    chunk = source.next()
    assert chunk and len(chunk.tasks) == MOST_TASKS


def test_large_tasks_make_small_chunks_and_the_largest_go_alone() -> None:
    large, huge = "x" * (MOST_CHUNK_BYTES * 2 // 5), "x" * (2 * MOST_CHUNK_BYTES)
    source = ChunkSource(iter(tasks_of(large, large, large, huge, "a", "b")))
    sizes = []
    while chunk := source.next():
        sizes.append([len(task["data"]["image"]) for task in chunk.tasks])
    assert sizes == [[len(large)] * 2, [len(large)], [len(huge)], [1, 1]]


def test_no_more_tasks_are_read_than_a_chunk_needs() -> None:
    read = []

    def tasks() -> Iterator[dict[str, Any]]:
        for task in tasks_of(*["a"] * 100):
            read.append(task["id"])
            yield task

    ChunkSource(tasks()).next()
    assert len(read) == chunks.FIRST_TASKS
