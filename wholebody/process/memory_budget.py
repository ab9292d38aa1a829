"""One amount of memory for all threads: who needs more than is free waits for it, first come first served."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wholebody.errors import DeadlineError, StoppedError
from wholebody.process.calls import Call, Priority, current_call
from wholebody.process.observing import stage

LONGEST_WAIT_S = threading.TIMEOUT_MAX


Bytes = Callable[[int], None]


def _nowhere(size_bytes: int) -> None:
    """Where bytes go that nobody counts."""


def _nothing_to_spare() -> bool:
    return False


class MemoryBudget:
    """A number of bytes, of which shares are taken. Thread-safe.

    The shares are served by the priority of their call, then in order of arrival, as turns at the networks are: a
    large one is not passed by small ones for ever. It counts and allocates nothing.

    A thread that has taken a share must not wait for another: two such threads could wait for each other. What is
    there already and must wait itself, as a file that is to be decoded, is counted without waiting: then there may be
    more than all there is, and one share is taken at a time.

    Args:
        total_bytes: All there is.
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._taken_bytes = 0
        self._counted_bytes = 0
        self._waiting: list[tuple[Priority, int]] = []
        self._arrivals = itertools.count()
        self._changes = 0
        self._is_closed = False
        self._spare: Callable[[], bool] = _nothing_to_spare
        self._changed = threading.Condition()

    @property
    def free_bytes(self) -> int:
        """What nobody holds; negative where more was counted than there is."""
        return self.total_bytes - self._taken_bytes - self._counted_bytes

    def when_short(self, spare: Callable[[], bool]) -> None:
        """Name who can do without some: `spare` lets go of one share, and tells whether it had one."""
        self._spare = spare

    def count(self) -> "Share":
        """A share without bytes, which may `grow`."""
        return Share(0, self._give_back_counted, self._count)

    def take(self, size_bytes: int, instead_of: "Share | None" = None) -> "Share":
        """Wait until so many bytes are free, and hold them.

        Args:
            size_bytes: How many.
            instead_of: A share of `count` that is among them, and is empty then.

        Raises:
            ValueError: There will never be as many.
            DeadlineError: The deadline of the call came first.
            StoppedError: The budget was closed.
        """
        if size_bytes > self.total_bytes:
            raise ValueError(f"{size_bytes} bytes of {self.total_bytes}")
        wanted = _Wanted(size_bytes, instead_of or Share(), current_call(), next(self._arrivals))
        with self._changed:
            heapq.heappush(self._waiting, wanted.place)
            try:
                if not self._is_for(wanted):
                    with stage("memory"):
                        self._wait(wanted)
                self._taken_bytes += size_bytes
                wanted.instead_of.shrink(0)
            finally:
                self._waiting.remove(wanted.place)
                heapq.heapify(self._waiting)
                self._tell()  # whoever is first now
        return Share(size_bytes, self._give_back_taken)

    @contextmanager
    def taken(self, size_bytes: int, instead_of: "Share | None" = None) -> Iterator["Share"]:
        """A share as `take` gives it, which is let go of where the block raises."""
        share = self.take(size_bytes, instead_of)
        try:
            yield share
        except BaseException:
            share.release()
            raise

    def close(self) -> None:
        """Let nobody wait any more: who does gets an error."""
        with self._changed:
            self._is_closed = True
            self._tell()

    def _give_back_taken(self, size_bytes: int) -> None:
        """None at all where a share has one holder less: its other holder may be one who can spare it."""
        with self._changed:
            self._taken_bytes -= size_bytes
            self._tell()

    def _give_back_counted(self, size_bytes: int) -> None:
        self._count(-size_bytes)

    def _count(self, size_bytes: int) -> None:
        with self._changed:
            self._counted_bytes += size_bytes
            if size_bytes < 0:
                self._tell()

    def _tell(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _is_for(self, wanted: "_Wanted") -> bool:
        if self._waiting[0] != wanted.place:
            return False
        return self._taken_bytes == 0 or wanted.size_bytes <= self.free_bytes + wanted.instead_of.size_bytes

    def _wait(self, wanted: "_Wanted") -> None:
        """Wait, with the lock held, which is let go meanwhile."""
        while not self._is_for(wanted):
            remaining_s = wanted.call.remaining_s
            if self._is_closed:
                raise StoppedError("stopped before it was done; run again to go on")
            if remaining_s <= 0:
                raise DeadlineError(
                    f"{wanted.size_bytes} bytes of memory did not come free in time; raise IMAGE_MEMORY_BYTES or lower "
                    "THREADS"
                )
            changes = self._changes
            if self._waiting[0] == wanted.place and self._could_spare():
                continue
            if changes != self._changes:  # while the lock was let go
                continue
            self._changed.wait(min(remaining_s, LONGEST_WAIT_S))

    def _could_spare(self) -> bool:
        """Have a share let go that is held in reserve; without the lock, which whoever lets go needs."""
        self._changed.release()
        try:
            return self._spare()
        finally:
            self._changed.acquire()


class Share:
    """Bytes of a budget, until the last one who holds them lets go. Whoever made it holds it. Thread-safe.

    Args:
        size_bytes: How many.
        give_back: Where they go; without it, they are not counted.
        count: Where more come from.
    """

    def __init__(self, size_bytes: int = 0, give_back: Bytes = _nowhere, count: Bytes = _nowhere) -> None:
        self._size_bytes = size_bytes
        self._give_back = give_back
        self._count = count
        self._holders = 1
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """How many there are."""
        return self._size_bytes

    def grow(self, size_bytes: int) -> None:
        """Count so many, if they are more than before."""
        with self._lock:
            more = max(0, size_bytes - self._size_bytes)
            self._size_bytes += more
        if more:
            self._count(more)

    def shrink(self, size_bytes: int) -> None:
        """Give back all but so many."""
        with self._lock:
            freed = max(0, self._size_bytes - size_bytes)
            self._size_bytes -= freed
        self._give_back(freed)

    def hold(self) -> None:
        """Hold it too."""
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        """Let go of it."""
        with self._lock:
            self._holders -= 1
            freed = 0 if self._holders else self._size_bytes
        self._give_back(freed)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A share that somebody asks for."""

    size_bytes: int
    instead_of: Share
    call: Call
    arrival: int

    @property
    def place(self) -> tuple[Priority, int]:
        """In the line."""
        return self.call.priority, self.arrival
