"""Which calls are worked on, which wait, and which are sent away: the queue in front of the model."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from wholebody.errors import BusyError, ClientGoneError, DeadlineError
from wholebody.process.calls import Call, Priority
from wholebody.process.observing import stage

LOOK_EVERY_S = 0.25
"""How often a waiting call looks whether its client is still there."""

EXTENSION = "wholebody.serving.admission"
"""Where gunicorn's worker finds the queue: a key of `app.extensions`."""

STOPPING = "the backend is stopping; ask again in a moment"


@dataclass(slots=True, order=True)
class _Waiter:
    priority: Priority
    arrival: int
    decided: threading.Event = field(compare=False, default_factory=threading.Event)
    refused: bool = field(compare=False, default=False)


class Admission:
    """Bounds what is worked on and what waits. Prompts go first, then single tasks, then selections. Thread-safe.

    Args:
        places: Calls worked on at a time. One is for prompts alone, and one more for prompts and single tasks.
        limit: Calls that may wait; the last in order of priority and arrival is refused when one more comes.
    """

    def __init__(self, places: int, limit: int) -> None:
        self._places = places
        self._limit = limit
        self._working: list[Priority] = []
        self._waiting: list[_Waiter] = []
        self._in_hand = 0
        self._closed = False
        self._arrivals = itertools.count()
        self._lock = threading.Lock()

    @property
    def working(self) -> int:
        """Calls worked on."""
        return len(self._working)

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._waiting)

    def working_by(self, priority: Priority) -> int:
        """Calls of a kind that are worked on."""
        with self._lock:
            return self._working.count(priority)

    def waiting_by(self, priority: Priority) -> int:
        """Calls of a kind that wait for a place."""
        with self._lock:
            return sum(waiter.priority is priority for waiter in self._waiting)

    @property
    def in_hand(self) -> int:
        """Calls that have arrived and are not answered."""
        return self._in_hand

    @property
    def closed(self) -> bool:
        """Whether new calls are refused."""
        return self._closed

    def close(self) -> None:
        """Refuse new calls; those in hand are still answered."""
        self._closed = True

    @contextmanager
    def arrival(self) -> Iterator[None]:
        """Have a call in hand, from its first byte to its answer.

        Raises:
            BusyError: No more are taken.
        """
        with self._lock:
            if self._closed:
                raise BusyError(STOPPING)
            self._in_hand += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_hand -= 1

    @contextmanager
    def place(self, call: Call) -> Iterator[None]:
        """Wait for a place and have it, until what was begun for the call has ended too.

        Raises:
            BusyError: Too many wait.
            ClientGoneError: The client left meanwhile.
            DeadlineError: The deadline came first.
        """
        self._wait(call)
        try:
            yield
        finally:
            self._leave_after(call, list(call.leftover))

    def _wait(self, call: Call) -> None:
        waiter = self._join(call.priority)
        with stage("queue"):
            self._wait_for(waiter, call)
        if waiter.refused:
            raise BusyError(f"the backend is busy: {self._limit} calls wait already (QUEUE_LIMIT)")

    def _wait_for(self, waiter: _Waiter, call: Call) -> None:
        while not waiter.decided.wait(max(0, min(LOOK_EVERY_S, call.remaining_s))):
            error = ClientGoneError() if call.gone() else DeadlineError() if call.remaining_s <= 0 else None
            if error is not None and self._withdraw(waiter):
                raise error

    def _join(self, priority: Priority) -> _Waiter:
        with self._lock:
            waiter = _Waiter(priority, next(self._arrivals))
            self._waiting.append(waiter)
            self._admit()
            if len(self._waiting) > self._limit:
                last = max(self._waiting)
                self._waiting.remove(last)
                last.refused = True
                last.decided.set()
            return waiter

    def _admit(self) -> None:
        while self._waiting:
            first = min(self._waiting)
            if not self._has_place(first.priority):
                return
            self._waiting.remove(first)
            self._working.append(first.priority)
            first.decided.set()

    def _has_place(self, priority: Priority) -> bool:
        """Each kind leaves a place to those more urgent, as long as there is more than one."""
        return all(
            sum(working >= kind for working in self._working) < max(1, self._places - kind)
            for kind in Priority
            if kind <= priority
        )

    def _withdraw(self, waiter: _Waiter) -> bool:
        """Take a waiter out of the queue; False where it has been decided on meanwhile."""
        with self._lock:
            if waiter.decided.is_set():
                return False
            self._waiting.remove(waiter)
            return True

    def _leave_after(self, call: Call, leftover: list[Future[Any]]) -> None:
        """Give the place back once all that is left over has ended."""
        pending = len(leftover)

        def ended(_: object = None) -> None:
            nonlocal pending
            with self._lock:
                pending -= 1
                if pending > 0:
                    return
                self._working.remove(call.priority)
                self._admit()

        for future in leftover:
            future.add_done_callback(ended)
        if not leftover:
            ended()
