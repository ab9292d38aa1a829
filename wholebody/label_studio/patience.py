"""Waiting, of several threads at once, for a Label Studio that cannot be asked for now."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wholebody.errors import StoppedError, UnavailableError
from wholebody.label_studio.pacing import retrying
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

POLL_S = 0.2
"""How soon those who wait notice that they shall not."""

T = TypeVar("T")


class Patience:
    """Lets those who ask wait as long as a write does. Thread-safe.

    One at a time asks again, as there is one writer, and the others wait for their turn. So a Label Studio that comes
    back is not met by all at once, and while it is away they fail no faster than writes do.

    Args:
        settings: MAX_RETRIES and MAX_BACKOFF_DELAY.
        stop: When set, nothing is waited for any more.
    """

    def __init__(self, settings: Settings, stop: Stop) -> None:
        self._stop = stop
        self._closed = threading.Event()
        self._turn = threading.Lock()
        self._repeats = settings.max_retries > 0
        self._retrying = retrying(settings, sleep=self._pause)

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed.set()

    def repeated(self, action: Callable[[], T]) -> T:
        """Do something, again and again while it fails for now, as often as the settings say.

        Raises:
            UnavailableError: It failed to the end.
            StoppedError: The user asked to stop, or nobody shall wait any more.
        """
        try:
            return action()
        except UnavailableError:
            if not self._repeats:
                raise
        with self._turn:
            self._pause(0)
            return self._retrying.copy()(action)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            if self._closed.is_set():
                raise StoppedError("the run has ended; run again to go on")
            rest_s = end - time.monotonic()
            self._stop.pause(max(0.0, min(rest_s, POLL_S)))
            if rest_s <= POLL_S:
                return
