"""What goes on inside a request, told to the one who watches it. Nobody watches the prefill.

What is worth counting happens deep below the server: in the images, the decoder, the networks. So they do not get a
counter handed down through every call; they tell the observer of the context that they run in. A thread that does
part of a request's work must run in a copy of the request's context (`contextvars.copy_context().run`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from wholebody.errors import Cause, cause_of

Stage = Literal["queue", "fetch", "memory", "decode", "turn", "detect", "pose"]
"""Three are waits: `queue` that of a call until it is worked on, `memory` that of an image until there is memory to
decode it, `turn` that until the networks are free."""


class Observer(Protocol):
    """Whoever watches; see `metrics.Metrics`."""

    def stage_took(self, stage: Stage, seconds: float) -> None:
        """A stage has ended, well or not."""

    def people_found(self, count: int) -> None:
        """The detector has looked at an image."""

    def image_looked_up(self, *, kept: bool) -> None:
        """An image was wanted, and was or was not among those kept."""

    def failed(self, cause: Cause) -> None:
        """A task, or a whole request, could not be done."""


class _Nobody:
    def stage_took(self, stage: Stage, seconds: float) -> None: ...
    def people_found(self, count: int) -> None: ...
    def image_looked_up(self, *, kept: bool) -> None: ...
    def failed(self, cause: Cause) -> None: ...


_NOBODY = _Nobody()
_observer: ContextVar[Observer] = ContextVar("observer", default=_NOBODY)
_inside: ContextVar[list[float] | None] = ContextVar("inside", default=None)
"""Where stages inside the one under way put their seconds."""


def watch(observer: Observer | None) -> None:
    """Let somebody watch this context from now on, or nobody."""
    _observer.set(observer or _NOBODY)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Time a block, or as a decorator a function: `@stage("fetch")`. A stage inside it counts for itself alone."""
    inside: list[float] = []
    around = _inside.get()
    token = _inside.set(inside)
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - started
        _inside.reset(token)
        if around is not None:
            around.append(seconds)
        _observer.get().stage_took(name, max(0.0, seconds - sum(inside)))


def people_found(count: int) -> None:
    """Tell how many people an image shows."""
    _observer.get().people_found(count)


def image_looked_up(*, kept: bool) -> None:
    """Tell whether an image was kept from an earlier prompt."""
    _observer.get().image_looked_up(kept=kept)


def failed(error: BaseException) -> None:
    """Tell that a task, or a request, could not be done."""
    _observer.get().failed(cause_of(error))
