"""Which worker has which chunks of tasks, and what becomes of those whose worker died. Knows nothing of Dask."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wholebody.cluster.chunks import Chunk, ChunkSource, Task

WAITING_CHUNKS = 1
"""Which a worker has beside those in work, so that it need not wait for the client."""

MOST_BYTES_AHEAD = 256_000_000
"""Of tasks in the hands of workers, and so of the scheduler. A single chunk may have more."""

ALLOWED_DEATHS = 2
"""Workers that may die of a chunk before its tasks are tried alone, and of such a task before it has failed."""


@dataclass(eq=False, slots=True)
class Call:
    """A chunk in the hands of a worker.

    Attributes:
        future: What its results come from.
        is_computed: Whether the worker has results, which may not be here yet.
    """

    chunk: Chunk
    address: str
    future: Any = None
    is_computed: bool = False


@dataclass(eq=False, slots=True)
class _Hands:
    """What a worker has.

    Attributes:
        places: Chunks that it does at a time.
        calls: In the order in which it does them.
    """

    places: int
    calls: list[Call] = field(default_factory=list)

    @property
    def has_suspect(self) -> bool:
        return any(call.chunk.is_suspect for call in self.calls)


class Dispatcher:
    """Gives chunks to workers, few at a time, and takes them back.

    A worker may have died of any chunk that it had not finished: it does not say which one it began. So after two
    deaths each task of a chunk is a suspect, and done by a worker that does nothing else meanwhile. No other task is
    taken for the guilty one, and no more workers die of it than twice as many as are allowed.

    Args:
        source: The chunks that nobody has had yet.
        submit: Sends a call to its worker, and sets its future.
    """

    def __init__(self, source: ChunkSource, submit: Callable[[Call], None]) -> None:
        self._source = source
        self._submit = submit
        self._is_read = False
        self._again: deque[Chunk] = deque()
        self._suspects: deque[Chunk] = deque()
        self._hands: dict[str, _Hands] = {}

    @property
    def is_done(self) -> bool:
        """Whether nothing is left, in nobody's hands either."""
        return self._is_read and not (self._again or self._suspects or any(self.calls()))

    def calls(self) -> Iterator[Call]:
        """All that are in hand."""
        for hands in self._hands.values():
            yield from hands.calls

    def hand_out(self, usable: Mapping[str, int]) -> None:
        """Give each worker what it can take.

        Args:
            usable: Address -> chunks that it does at a time.
        """
        for address, places in usable.items():
            self._hands.setdefault(address, _Hands(places))
        free = {one: self._hands[one] for one in usable if not self._hands[one].has_suspect}
        if self._suspects and free:  # the least busy gets nothing more until it is free for one
            address = min(free, key=lambda one: len(free[one].calls))
            if not free.pop(address).calls:
                self._give(address, self._suspects.popleft())
        ahead = sum(call.chunk.size for call in self.calls())
        for round_ in range(max(usable.values(), default=0) + WAITING_CHUNKS):  # the first of all before second ones
            for address, hands in free.items():
                if len(hands.calls) > round_ or round_ >= hands.places + WAITING_CHUNKS:
                    continue
                if ahead > MOST_BYTES_AHEAD or (chunk := self._next()) is None:
                    return
                ahead += chunk.size
                self._give(address, chunk)

    def take_back(self, gone: Callable[[str], bool], stuck: Callable[[str], bool]) -> list[Task]:
        """Take their chunks from workers that are gone or stuck; the tasks that have failed by that.

        Args:
            gone: Whether a worker is there no more.
            stuck: Whether it is there but does not go on; nothing is held against its chunks.
        """
        failed: list[Task] = []
        for address in list(self._hands):
            if not (gone(address) or stuck(address)):
                continue
            for call in reversed(self._hands.pop(address).calls):
                failed += self._put_back(call, died=gone(address) and not call.is_computed)
        return failed

    def counts(self, call: Call) -> bool:
        """Whether a call's chunk is still its worker's, and was not given to another one."""
        hands = self._hands.get(call.address)
        return hands is not None and call in hands.calls

    def finish(self, call: Call) -> None:
        """A call that counts is over."""
        self._hands[call.address].calls.remove(call)

    def fail(self, call: Call) -> list[Task]:
        """A call that is over had no result, through no wish of ours; the tasks that have failed by that."""
        return self._put_back(call, died=True)

    def _put_back(self, call: Call, *, died: bool) -> list[Task]:
        chunk = call.chunk
        if call.future is not None:
            call.future.release()
        chunk.deaths += died
        if chunk.deaths < ALLOWED_DEATHS:
            (self._suspects if chunk.is_suspect else self._again).appendleft(chunk)
        elif chunk.is_suspect:
            return chunk.tasks
        else:
            self._suspects.extend(chunk.split())
        return []

    def _next(self) -> Chunk | None:
        if self._again:
            return self._again.popleft()
        chunk = None if self._is_read else self._source.next()
        self._is_read = chunk is None
        return chunk

    def _give(self, address: str, chunk: Chunk) -> None:
        call = Call(chunk, address)
        self._submit(call)  # first: one that was not sent has nothing to be released
        self._hands[address].calls.append(call)
