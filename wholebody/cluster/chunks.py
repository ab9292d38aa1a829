"""Tasks in chunks: one call of Dask each, for a client passes a few hundred calls a second and no more."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Task = dict[str, Any]

SECONDS_A_CHUNK = 5.0
"""Work for one of a worker's places. What is lost with a worker is a few of these."""

FIRST_TASKS, MOST_TASKS = 5, 100
"""In a chunk: before it is known how long a task takes, and ever."""

MOST_CHUNK_BYTES = 8_000_000
"""Of tasks in a chunk; one task alone may have more."""


@dataclass(eq=False, slots=True)
class Chunk:
    """Some tasks that one worker predicts.

    Attributes:
        tasks: They.
        pickled_tasks: The same, as they travel.
        is_suspect: Whether it is one task of a chunk that workers died of: it is predicted alone.
        deaths: How many workers died while they predicted it.
    """

    tasks: list[Task]
    pickled_tasks: list[bytes]
    is_suspect: bool = False
    deaths: int = 0

    @property
    def size(self) -> int:
        """Bytes of its tasks."""
        return sum(map(len, self.pickled_tasks))

    def payload(self, pickled_config: bytes) -> bytes:
        """All that a worker gets."""
        return pickle.dumps((pickled_config, self.pickled_tasks))

    def split(self) -> list["Chunk"]:
        """A suspect for each task."""
        return [Chunk([task], [pickled], True) for task, pickled in zip(self.tasks, self.pickled_tasks, strict=True)]


class ChunkSource:
    """Cuts tasks into chunks, as they are asked for.

    Args:
        tasks: Read no further than the chunk at hand and one task more.
    """

    def __init__(self, tasks: Iterator[Task]) -> None:
        self._tasks = tasks
        self._over: tuple[Task, bytes] | None = None
        self._next_tasks = FIRST_TASKS

    def learn(self, tasks: int, seconds: float) -> None:
        """Let later chunks take about `SECONDS_A_CHUNK`, as one of so many tasks took so long."""
        wanted = round(tasks * SECONDS_A_CHUNK / max(seconds, 1e-6))
        self._next_tasks = max(1, min(wanted, MOST_TASKS, 2 * self._next_tasks))

    def next(self) -> Chunk | None:
        """The next chunk; `None` after the last.

        Raises:
            Exception: What the tasks raise.
        """
        chunk, size = Chunk([], []), 0
        for task, pickled in self._pickled():
            if chunk.tasks and size + len(pickled) > MOST_CHUNK_BYTES:
                self._over = task, pickled
                break
            size += len(pickled)
            chunk.tasks.append(task)
            chunk.pickled_tasks.append(pickled)
            if len(chunk.tasks) == self._next_tasks:
                break
        return chunk if chunk.tasks else None

    def _pickled(self) -> Iterator[tuple[Task, bytes]]:
        if over := self._over:
            self._over = None
            yield over
        for task in self._tasks:
            yield task, pickle.dumps(task)
