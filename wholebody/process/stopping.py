"""A person's wish that a long run ends: asked for in a signal handler, heeded at the next wait."""

import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from wholebody.errors import StoppedError

STOPPING = b"\nstopping after the write in hand; press Ctrl-C again to stop at once\n"

SIGHUP: int | None = getattr(signal, "SIGHUP", None)
"""What a process gets when its terminal is closed or its connection is lost; Windows has none."""


class Stop:
    """Like `threading.Event`, but may be set in a signal handler.

    An event's lock is not reentrant: a handler that ran while its own thread was inside `wait` would never end.
    `queue.SimpleQueue.put` is made for that case.
    """

    def __init__(self) -> None:
        self._asked = False
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Ask to stop."""
        self._asked = True
        self._wakes.put(None)

    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until somebody asks; whether somebody did."""
        if not self._asked:
            with suppress(queue.Empty):
                self._wakes.get(timeout=min(seconds, threading.TIMEOUT_MAX))
                self._wakes.put(None)  # for whoever else waits
        return self._asked

    def pause(self, seconds: float) -> None:
        """Wait for so long.

        Raises:
            StoppedError: Somebody asks to stop, or did before.
        """
        if self.wait(seconds):
            raise StoppedError("stopped before it was done; run again to go on")


@contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """A `Stop` that the first Ctrl-C, SIGTERM or SIGHUP sets.

    A second Ctrl-C or SIGTERM ends the program at once. SIGHUP never does: one closed terminal sends it twice, from
    the shell and from the system. A signal that the process was told to ignore, as by `nohup`, goes on being ignored.
    """
    stop = Stop()
    asked = 0

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += number != SIGHUP
        if asked > 1:
            os._exit(128 + number)  # an exception would wait for the predictions in work
        if not stop.is_set():
            stop.set()
            with suppress(OSError):
                os.write(2, STOPPING)  # sys.stderr refuses a write that comes in the midst of another

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM, SIGHUP) if number is not None]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number in heard:
            signal.signal(number, before[number])
