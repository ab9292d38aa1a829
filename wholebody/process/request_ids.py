"""The id of the request in hand: in its log lines and its answer, so that the two can be brought together."""

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_current: ContextVar[str] = ContextVar("request_id", default="")


def begin_request(given: str | None) -> str:
    """Take the caller's id where it is fit for a log line, else make one; it holds in this context from now on.

    A thread that does part of the work must run in a copy of this context (`contextvars.copy_context().run`).
    """
    request_id = given if given and _SANE.fullmatch(given) else uuid.uuid4().hex[:16]
    _current.set(request_id)
    return request_id


def end_request() -> None:
    """Forget the id: a server's threads outlive their requests."""
    _current.set("")


def current_request_id() -> str:
    """The id, or `""` outside of requests."""
    return _current.get()
