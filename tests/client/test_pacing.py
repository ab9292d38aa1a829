import email.utils
import time

import pytest
from tenacity import Future, RetryAction, RetryCallState, Retrying

from wholebody.errors import LabelStudioError, UnavailableError
from wholebody.label_studio.pacing import Backoff, Pace, log_repetition, parse_retry_after
from wholebody.process.stopping import Stop


def failed(attempt: int, error: Exception) -> RetryCallState:
    state = RetryCallState(Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = attempt
    state.outcome = Future.construct(attempt, error, has_exception=True)
    return state


@pytest.mark.parametrize(
    ("attempt", "cap_s", "least", "most"),
    [
        (1, 60, 1, 2),
        (2, 60, 2, 3),
        (3, 60, 4, 5),
        (6, 60, 32, 33),
        (7, 60, 60, 60),
        (100, 60, 60, 60),
        (5, 3, 3, 3),
        (3, 0, 0, 0),  # MAX_BACKOFF_DELAY=0 asks for it
    ],
)
def test_back_off_doubles_with_jitter_up_to_the_cap(attempt: int, cap_s: float, least: float, most: float) -> None:
    waits = [Backoff(cap_s)(failed(attempt, UnavailableError("HTTP 503"))) for _ in range(50)]
    assert least <= min(waits) <= max(waits) <= most
    assert (len(set(waits)) > 1) == (least != most)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (None, 1, 2),
        (0.0, 1, 2),  # not sooner than the back-off
        (7.0, 7, 7),
        (600.0, 600, 600),  # over MAX_BACKOFF_DELAY
        (1e9, 3600, 3600),
        (float("inf"), 3600, 3600),
    ],
)
def test_retry_after_lengthens_the_wait(asked: float | None, least: float, most: float) -> None:
    assert least <= Backoff(60)(failed(1, UnavailableError("HTTP 429", asked))) <= most


@pytest.mark.parametrize(("asked", "waits"), [(90.0, 90.0), (5000.0, 3600.0)])
def test_retry_after_goes_before_the_longest_wait(asked: float, waits: float) -> None:
    """In the back-off and in the pace of all other calls alike."""
    error = UnavailableError("HTTP 429", asked)
    assert Backoff(2)(failed(1, error)) == waits
    pace = Pace(0.0, 2.0, Stop())
    pace.refused(error)
    assert pace._rest_s() == pytest.approx(waits, abs=1)


def test_log_says_that_a_long_wait_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    for asked in (90.0, None):
        state = failed(1, UnavailableError("GET /x: HTTP 429", asked))
        state.next_action = RetryAction(90.0)
        log_repetition(state)
    assert caplog.messages == [
        "GET /x: HTTP 429; repeated in 90.0 s, as it asks for (Retry-After)",
        "GET /x: HTTP 429; repeated in 90.0 s",
    ]


def test_back_off_of_an_error_without_retry_after() -> None:
    assert 2 <= Backoff(60)(failed(2, LabelStudioError("x"))) <= 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("9" * 400, float("inf")),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),  # past
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_parse_retry_after(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


def test_parse_retry_after_as_a_date() -> None:
    date = email.utils.formatdate(time.time() + 90, usegmt=True)
    assert parse_retry_after(date) == pytest.approx(90, abs=2)
