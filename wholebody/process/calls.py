"""What stands behind the work in hand: how urgent it is, until when, and whether anybody still waits for it."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from wholebody.errors import ClientGoneError, DeadlineError

AHEAD = 4
"""Tasks of one call in work at a time: while one is in the networks, the images of the next are fetched and decoded."""


class Priority(IntEnum):
    """Who goes first; among equals, who came first."""

    PROMPT = 0
    """An annotator drew something and looks at the screen."""
    OPENING = 1
    """A single task, which somebody opens."""
    SELECTION = 2
    """Several tasks; and all bulk work."""


def _never() -> bool:
    return False


@dataclass(slots=True)
class Call:
    """One call of a client.

    Attributes:
        priority: Its place among others.
        deadline: When it is answered, done or not, as `time.monotonic()` tells it.
        gone: Whether the client has left, as far as can be seen.
        cut: Tasks not done at the deadline; set by whoever does them.
        leftover: What was begun and not waited for.
    """

    priority: Priority = Priority.SELECTION
    deadline: float = math.inf
    gone: Callable[[], bool] = _never
    cut: int = 0
    leftover: list[Future[Any]] = field(default_factory=list)

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - time.monotonic()

    def check(self) -> None:
        """Go on only while somebody waits for what is done.

        Raises:
            DeadlineError: It was answered without.
            ClientGoneError: The client has left.
        """
        if self.remaining_s <= 0:
            raise DeadlineError("the time of the call is over")
        if self.gone():
            raise ClientGoneError("the client has left")

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make it the call that `current_call` tells, in this thread and where its context is copied to."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call:
    """The call being worked on; one without a deadline and a client where there is none."""
    return _current.get() or Call()
