"""When the calls for a prediction start: the delay between writes, back-off and `Retry-After`."""

import email.utils
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.fake_label_studio import (
    PERSONAL_TOKEN,
    PREDICTIONS,
    REFRESH,
    RESET,
    FakeLabelStudio,
    Fault,
    http,
    settings_for,
)
from tests.http_server import Received
from wholebody.errors import UnavailableError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop

PREDICTION = Prediction(result=[{"id": "a1", "value": {"x": 12.5}}], score=0.75, model_version="v1")


def test_writes_and_their_repetitions_keep_the_delay(fake: FakeLabelStudio, stop: Stop) -> None:
    fake.fail("POST", PREDICTIONS, None, http(503), RESET, None)
    client = LabelStudioClient(settings_for(fake, request_delay_seconds=0.1), stop)
    for task_id in (1, 2, 3):
        assert client.save_prediction(task_id, PREDICTION)
    starts = [request.at for request in fake.posts()]
    assert len(starts) == 5
    assert min(after - before for before, after in pairwise(starts)) >= 0.1


def test_write_that_is_refused_for_its_token_keeps_the_delay_too(fake: FakeLabelStudio, stop: Stop) -> None:
    changes = {"label_studio_api_token": PERSONAL_TOKEN, "request_delay_seconds": 0.2}
    client = LabelStudioClient(settings_for(fake, **changes), stop)
    fake.before = expire_once(fake)
    assert client.save_prediction(1, PREDICTION)
    first, second = (request.at for request in fake.posts())
    assert second - first >= 0.2


def expire_once(fake: FakeLabelStudio) -> Callable[[Received], None]:
    """Let the access token of the first write be refused."""

    def before(request: Received) -> None:
        if len(fake.posts()) == 1 and request.method == "POST" and request.path == PREDICTIONS:
            fake.access_tokens.clear()

    return before


def test_slow_writes_are_apart_where_the_server_counts(fake: FakeLabelStudio, stop: Stop) -> None:
    """A server may get a request late: what is sure is only that it has it before it answers."""
    fake.fail("POST", PREDICTIONS, *[Fault(delay_s=0.15)] * 3)
    client = LabelStudioClient(settings_for(fake, request_delay_seconds=0.1), stop)
    answered: list[float] = []
    for task_id in (1, 2, 3):
        assert client.save_prediction(task_id, PREDICTION)
        answered.append(time.monotonic())
    starts = [request.at for request in fake.posts()]
    # An answer is seen here a moment after the client saw it.
    assert all(start - end > 0.05 for end, start in zip(answered, starts[1:], strict=False))


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self, stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        monkeypatch.setattr(stop, "pause", self.pause)
        monkeypatch.setattr("wholebody.label_studio.pacing.time.monotonic", lambda: self.now)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        if seconds:
            self.waits.append(seconds)


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("", (1, 2, 4), (2, 3, 5)),
        ("30", (30, 30, 30), (30, 30, 30)),
        ("in ten minutes", (500, 500, 500), (600, 600, 600)),
    ],
)
def test_waits_before_repetitions(
    fake: FakeLabelStudio,
    stop: Stop,
    monkeypatch: pytest.MonkeyPatch,
    retry_after: str,
    least: tuple[float, ...],
    most: tuple[float, ...],
) -> None:
    clock = Clock(stop, monkeypatch)
    if retry_after == "in ten minutes":  # from now, not from when the tests were collected
        retry_after = email.utils.formatdate(time.time() + 600, usegmt=True)
    fake.fail("POST", PREDICTIONS, *[http(429, retry_after)] * 3)
    client = LabelStudioClient(settings_for(fake, max_backoff_delay=60, request_delay_seconds=0), stop)
    assert client.save_prediction(5, PREDICTION)
    assert len(clock.waits) == 3
    assert all(low <= wait <= high for low, wait, high in zip(least, clock.waits, most, strict=True))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_retry_after_holds_for_the_next_task_too(
    fake: FakeLabelStudio, stop: Stop, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    clock = Clock(stop, monkeypatch)
    fake.fail(method, PREDICTIONS, http(503, "90"))
    client = LabelStudioClient(settings_for(fake, max_retries=0), stop)
    with pytest.raises(UnavailableError, match=r"HTTP 503$"):
        client.save_prediction(5, PREDICTION)
    before = len(fake.requests)
    clock.waits.clear()  # the last look after a failed write has waited already
    clock.now = 1010.0
    fake.before = lambda request: None if clock.now >= 1090 else pytest.fail("asked before the time")
    assert client.save_prediction(6, PREDICTION)
    assert clock.waits == [pytest.approx(80)]
    assert len(fake.requests) == before + 2


def test_retry_after_of_a_write_holds_for_reads_too(
    fake: FakeLabelStudio, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(stop, monkeypatch)
    fake.fail("POST", PREDICTIONS, http(429, "90"))
    client = LabelStudioClient(settings_for(fake, max_retries=0), stop)
    fake.before = lambda request: clock.waits.clear()
    with pytest.raises(UnavailableError, match=r"HTTP 429$"):
        client.save_prediction(5, PREDICTION)
    monkeypatch.setattr(clock, "now", 1000.0)  # as if the last look had not waited
    fake.before = lambda request: None
    clock.waits.clear()
    client.project(1)
    assert clock.waits == [pytest.approx(90)]


def test_retry_after_of_the_token_exchange_holds_too(
    fake: FakeLabelStudio, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(stop, monkeypatch)
    fake.fail("POST", REFRESH, http(429, "90"))
    client = LabelStudioClient(settings_for(fake, label_studio_api_token=PERSONAL_TOKEN, max_retries=0), stop)
    with pytest.raises(UnavailableError, match=r"HTTP 429$"):
        client.save_prediction(5, PREDICTION)
    assert client.save_prediction(6, PREDICTION)
    assert clock.waits == [pytest.approx(90)]
