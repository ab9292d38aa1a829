import email.utils
import time

import pytest
from tenacity import Future, RetryCallState, Retrying

from wholebody.errors import LabelStudioError, UnavailableError
from wholebody.label_studio.pacing import Backoff, parse_retry_after


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
