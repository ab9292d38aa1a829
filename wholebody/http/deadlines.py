"""A deadline for each call, at which its connections are cut, and one clock for all deadlines."""

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar


class OutOfTimeError(Exception):
    """The time of a call is over."""


class Deadline:
    """The moment at which the connections of one call are cut, whatever they are doing.

    A socket's own time-out begins anew with each byte, so a server that drips would hold a thread for as long as
    it likes. Connections are watched through a duplicate of their descriptor: to shut that down ends the
    connection under TLS too, and it cannot meanwhile have become another file.

    Attributes:
        at: When, as `time.monotonic()` tells it.
    """

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds
        self._watched: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = False

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            OutOfTimeError: None are.
        """
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise OutOfTimeError
        return seconds

    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.at

    def watch(self, line: socket.socket) -> None:
        """Let this connection end with the deadline."""
        with self._lock:
            if not self._over:
                self._watched.append(socket.fromfd(line.fileno(), line.family, line.type))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Connections that this thread uses meanwhile are watched."""
        _clock.add(self)
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            _clock.remove(self)
            with self._lock:
                self._over = True
                for line in self._watched:
                    line.close()

    def cut(self) -> None:
        """End what is watched."""
        with self._lock:
            for line in () if self._over else self._watched:
                with suppress(OSError):  # it has ended by itself
                    line.shutdown(socket.SHUT_RDWR)


class _Clock:
    """Cuts deadlines when they come, in one thread for all: a `threading.Timer` would be one for each request."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: a forked process has neither the thread nor the requests, but may have found the lock taken."""
        self._running: set[Deadline] = set()
        self._wakes_at = math.inf
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        """Cut it when it comes."""
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                thread.start()  # which may fail, and work the next time
                self._thread = thread
            self._running.add(deadline)
            if not time.monotonic() < self._wakes_at <= deadline.at:  # later, or a moment that has passed unnoticed
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        """Forget it; the thread finds out when it wakes."""
        with self._changed:
            self._running.discard(deadline)

    def _run(self) -> None:
        while True:
            for deadline in self._due():
                deadline.cut()

    def _due(self) -> list[Deadline]:
        """Those that have come; after a wait, where none has."""
        with self._changed:
            self._wakes_at = min((deadline.at for deadline in self._running), default=math.inf)
            rest_s = self._wakes_at - time.monotonic()
            if rest_s > 0:
                self._changed.wait(min(rest_s, threading.TIMEOUT_MAX))
            due = [deadline for deadline in self._running if deadline.passed()]
            self._running.difference_update(due)
            return due


_clock = _Clock()
os.register_at_fork(after_in_child=_clock.forget)
_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current_deadline() -> Deadline | None:
    """The one that this thread's connections end at."""
    return _current.get()


def within(seconds: float) -> float:
    """So many seconds, or what the current deadline leaves of them.

    Raises:
        OutOfTimeError: It leaves none.
    """
    deadline = _current.get()
    return seconds if deadline is None else min(seconds, deadline.left())
