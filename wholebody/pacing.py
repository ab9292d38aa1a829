"""When the next call to Label Studio may start: the pace of writes, the back-off, `Retry-After`. It makes no calls."""

import email.utils
import logging
import time

from tenacity import RetryCallState, wait_exponential_jitter

from wholebody.errors import UnavailableError
from wholebody.stopping import Stop

log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 1.0
RETRY_AFTER_CAP_S = 3600.0


class Pace:
    """At least `delay_s` seconds between the starts of two writes, and no write once `stop` is set."""

    def __init__(self, delay_s: float, stop: Stop) -> None:
        self._delay_s = delay_s
        self._stop = stop
        self._next = 0.0

    def wait(self) -> None:
        """Wait until the next write may start.

        Raises:
            StoppedError: It may not start any more.
        """
        self._stop.pause(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._delay_s


class Backoff:
    """1 s, 2 s, 4 s ... with jitter up to a cap; longer where Label Studio asks for it."""

    def __init__(self, cap_s: float) -> None:
        self._exponential = wait_exponential_jitter(multiplier=FIRST_BACKOFF_S, max=cap_s)

    def __call__(self, state: RetryCallState) -> float:
        """The seconds to wait after a failed attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, UnavailableError) else None
        return max(self._exponential(state), min(asked or 0.0, RETRY_AFTER_CAP_S))


def parse_retry_after(text: str) -> float | None:
    """Seconds from now of a `Retry-After` header in either of its forms (RFC 9110, 10.2.3), `None` for neither."""
    text = text.strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def log_repetition(state: RetryCallState) -> None:
    """Say what failed for now and when it is repeated."""
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    log.warning("%s; repeated in %.1f s", error, seconds)
