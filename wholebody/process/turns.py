"""A semaphore whose waiters are served by the priority of their call, then in order of arrival."""

import heapq
import itertools
import threading
from types import TracebackType

from wholebody.process.calls import Priority, current_call
from wholebody.process.observing import stage


class Turns:
    """At most `count` threads inside at a time; a context manager. Thread-safe, not re-entrant."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: list[tuple[Priority, int, threading.Event]] = []
        self._arrivals = itertools.count()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:  # nobody waits then: a turn that ends is handed on
                self._free -= 1
                return
            turn = threading.Event()
            waiter = (current_call().priority, next(self._arrivals), turn)
            heapq.heappush(self._waiting, waiter)
        try:
            with stage("turn"):
                turn.wait()
        except BaseException:  # Ctrl-C: a turn given to nobody would never end
            with self._lock:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
                    heapq.heapify(self._waiting)
                else:
                    self._hand_on()
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._hand_on()

    def _hand_on(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._free += 1
