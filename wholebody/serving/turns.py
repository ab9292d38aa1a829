"""A semaphore whose waiters are served by the priority of their call, then in order of arrival."""

import heapq
import itertools
import threading
from types import TracebackType

from wholebody.serving.calls import Priority, current_call
from wholebody.serving.observing import stage


class Place:
    """Where somebody waits for a turn."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.is_dismissed = False


class Turns:
    """At most `count` threads inside at a time; a context manager. Thread-safe, not re-entrant."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._waiting: list[tuple[Priority, int, Place]] = []
        self._arrivals = itertools.count()
        self._lock = threading.Lock()

    def wanted_by(self, priority: Priority) -> bool:
        """Whether a call waits that is at least as urgent."""
        with self._lock:
            return bool(self._waiting) and self._waiting[0][0] <= priority

    def __enter__(self) -> None:
        self.wait(Place())

    def wait(self, place: Place) -> bool:
        """Wait for a turn; whether it has come, and must be ended: not where the place is dismissed before."""
        with self._lock:
            if place.is_dismissed:
                return False
            if self._free:  # nobody waits then: a turn that ends is handed on
                self._free -= 1
                return True
            waiter = (current_call().priority, next(self._arrivals), place)
            heapq.heappush(self._waiting, waiter)
        try:
            with stage("turn"):
                place.called.wait()
        except BaseException:  # Ctrl-C: a turn given to nobody would never end
            with self._lock:
                if waiter in self._waiting:
                    self._leave(waiter)
                elif not place.is_dismissed:
                    self._hand_on()
            raise
        return not place.is_dismissed

    def dismiss(self, place: Place) -> None:
        """Let go who waits or is about to, and needs no turn any more; to be called by who has the only turn."""
        with self._lock:
            place.is_dismissed = True
            for waiter in [waiter for waiter in self._waiting if waiter[2] is place]:
                self._leave(waiter)
            place.called.set()

    def end(self) -> None:
        """End a turn that `wait` has told."""
        with self._lock:
            self._hand_on()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def _leave(self, waiter: tuple[Priority, int, Place]) -> None:
        self._waiting.remove(waiter)
        heapq.heapify(self._waiting)

    def _hand_on(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].called.set()
        else:
            self._free += 1
