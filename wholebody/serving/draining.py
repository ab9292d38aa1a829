"""gunicorn's threaded worker, which on SIGTERM goes on answering for as long as it has predictions in hand."""

import os
import signal
from types import FrameType
from typing import Any, cast

from gunicorn.workers.gthread import ThreadWorker

from wholebody.serving.admission import EXTENSION, Admission

REPLACED = signal.SIGUSR2
"""Tells a worker that another one answers in its place: it must not accept connections while it stops."""


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Accepts connections until its last prediction is answered, where gunicorn's own refuses them at once.

    So whoever asks `/ready` in the meantime is told 503, and whoever asks for a prediction when to come back. An app
    without our queue, as that of label-studio-ml 2.x, is stopped as gunicorn's own worker does it.
    """

    alive: bool
    _replaced = False
    _draining = False

    def init_signals(self) -> None:
        """Set the handlers."""
        super().init_signals()
        signal.signal(REPLACED, self.handle_replaced)

    def handle_replaced(self, sig: int, frame: FrameType | None) -> None:
        """Take note of it."""
        self._replaced = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: stop when all is done."""
        if self._replaced or not self.booted or not self._has_queue:
            super().handle_exit(sig, frame)
        elif not self._draining:
            self._draining = True
            self.method_queue.defer(self._drain)  # a signal handler must not log or lock

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGQUIT and SIGINT: stop now, whatever is in hand. Leaving the usual way would wait for all threads."""
        os._exit(0)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of the worker's loop."""
        super().wait_for_and_dispatch_events(timeout)
        if self.alive and self._draining and self._admission.closed and not self._admission.in_hand:
            self.alive = False  # gunicorn's own way to stop: what is still to be sent is sent

    def _drain(self) -> None:
        self._admission.close()
        self.max_keepalived = 0  # every answer from now on says `Connection: close`
        self.log.info("Stopping when %d predictions in hand are answered", self._admission.in_hand)

    @property
    def _has_queue(self) -> bool:
        return EXTENSION in getattr(self.wsgi, "extensions", {})

    @property
    def _admission(self) -> Admission:
        extensions: dict[str, Any] = self.wsgi.extensions
        return cast(Admission, extensions[EXTENSION])
