"""When the next call to Label Studio may start: the pace of writes, the back-off, `Retry-After`. It makes no calls."""

import email.utils
import logging
import time
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from wholebody.errors import UnavailableError
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

log = logging.getLogger(__name__)

FIRST_BACKOFF_S = 1.0
RETRY_AFTER_CAP_S = 3600.0

FIRST_SLOWDOWN_S = 0.25
"""The distance of writes after the first sign of too much work, where there is no delay to double."""

SLOWER, FASTER = 2.0, 0.8
"""What the distance is multiplied by after a bad sign, and after a write that went well."""

SLOW_WRITE, SLOW_WRITE_S = 3.0, 1.0
"""A write that takes so many times the usual time, and longer than this, is a sign of too much work."""


class Pace:
    """The one place that knows when Label Studio may be called again.

    Two writes are at least `delay_s` apart, from the end of one to the start of the next: a server gets a request at
    some moment between start and answer, so only this distance is never shorter where it is counted. After signs of
    too much work the distance grows, up to `longest_s`, and comes back. What a `Retry-After` asks for holds for
    every call.

    Args:
        delay_s: The least distance.
        longest_s: The largest that it grows to, unless `delay_s` is larger.
        stop: When set, nothing is waited for any more.
    """

    def __init__(self, delay_s: float, longest_s: float, stop: Stop) -> None:
        self._delay_s = delay_s
        self._longest_s = max(delay_s, longest_s)
        self._stop = stop
        self.distance_s = delay_s
        self._last_write = float("-inf")
        self._not_before = float("-inf")
        self._usual_s: float | None = None

    def wait_to_read(self) -> None:
        """Wait until Label Studio may be asked something.

        Raises:
            StoppedError: The user does not want to wait so long.
        """
        rest_s = self._not_before - time.monotonic()
        if rest_s > 0:
            self._stop.pause(rest_s)

    def wait_to_write(self, early_s: float = 0.0) -> None:
        """Wait until the next write may start, or until `early_s` before that.

        Raises:
            StoppedError: It may not start any more.
        """
        asked_s = self._not_before - time.monotonic()
        self._stop.pause(max(0.0, asked_s, self._rest_s() - early_s))

    def wait_to_end(self) -> None:
        """Wait until the last write of a run may start, which is made even when the user asked to stop.

        Raises:
            StoppedError: The user asked, and Label Studio wants longer than the distance of two writes.
        """
        self.wait_to_read()
        time.sleep(max(0.0, self._rest_s()))

    def wrote(self) -> None:
        """A write is over, well or not: whatever becomes of it, the server has had it by now."""
        self._last_write = time.monotonic()

    def went_well(self, took_s: float) -> None:
        """A write was answered as it should be, after so many seconds."""
        usual_s = took_s if self._usual_s is None else self._usual_s
        self._usual_s = usual_s + 0.1 * (min(took_s, SLOW_WRITE * usual_s) - usual_s)
        if took_s > max(SLOW_WRITE * usual_s, SLOW_WRITE_S):
            self._slow_down(f"a write took {took_s:.1f} s")
        elif self.distance_s > self._delay_s:
            shorter_s = self.distance_s * FASTER
            self.distance_s = max(self._delay_s, shorter_s if shorter_s > FIRST_SLOWDOWN_S / 4 else 0.0)
            if self.distance_s == self._delay_s:
                log.info("Label Studio keeps up again: writes are %.3g s apart", self._delay_s)

    def refused(self, error: UnavailableError) -> None:
        """A call was not answered as it should be."""
        if error.retry_after_s:
            self._not_before = max(self._not_before, time.monotonic() + min(error.retry_after_s, RETRY_AFTER_CAP_S))
        if error.busy:
            self._slow_down(str(error))

    def _rest_s(self) -> float:
        return max(self._not_before, self._last_write + self.distance_s) - time.monotonic()

    def _slow_down(self, sign: str) -> None:
        before_s = self.distance_s
        self.distance_s = min(self._longest_s, max(before_s * SLOWER, FIRST_SLOWDOWN_S))
        if before_s == self._delay_s < self.distance_s:
            log.warning("%s: Label Studio has too much to do; writes are %.3g s apart", sign, self.distance_s)


class Backoff:
    """1 s, 2 s, 4 s ... with jitter up to a cap; longer where Label Studio asks for it, whatever the cap.

    The cap is for what we guess. To come before the time that a server has named would only use up the repetitions.
    """

    def __init__(self, cap_s: float) -> None:
        self._exponential = wait_exponential_jitter(multiplier=FIRST_BACKOFF_S, max=cap_s)

    def __call__(self, state: RetryCallState) -> float:
        """The seconds to wait after a failed attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, UnavailableError) else None
        return max(self._exponential(state), min(asked or 0.0, RETRY_AFTER_CAP_S))


def retrying(settings: Settings, sleep: Callable[[float], None]) -> Retrying:
    """How a call that fails for now is repeated: MAX_RETRIES times, after waits by `Backoff`, each told in the log.

    Args:
        settings: MAX_RETRIES and MAX_BACKOFF_DELAY.
        sleep: Waits so many seconds; what it raises ends the repetitions.
    """
    return Retrying(
        retry=retry_if_exception_type(UnavailableError),
        wait=Backoff(settings.max_backoff_delay),
        stop=stop_after_attempt(settings.max_retries + 1),
        sleep=sleep,
        before_sleep=log_repetition,
        reraise=True,
    )


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
    asked = isinstance(error, UnavailableError) and error.retry_after_s
    log.warning("%s; repeated in %.1f s%s", error, seconds, ", as it asks for (Retry-After)" if asked else "")
