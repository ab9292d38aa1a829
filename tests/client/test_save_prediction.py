"""Writes to a Label Studio that fails, loses answers, or is told to stop: never two predictions, none uncounted."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.fake_label_studio import (
    HTML,
    LOST_AFTER_COMMIT,
    PREDICTIONS,
    PROJECT,
    RESET,
    FakeLabelStudio,
    Fault,
    http,
    settings_for,
    told,
)
from tests.http_server import Answer, Received
from wholebody.errors import LabelStudioError, StoppedError, UnavailableError
from wholebody.label_studio import transport
from wholebody.label_studio.client import LabelStudioClient
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop

PREDICTION = Prediction(result=[{"id": "a1", "value": {"x": 12.5}}], score=0.75, model_version="v1")
STOPPED = r"^stopped before it was done; run again to go on$"
NOT_CARRIED_OUT = [RESET, HTML, *(http(status) for status in (408, 429, 500, 502, 503, 504))]


@pytest.fixture
def client(fake: FakeLabelStudio, stop: Stop) -> LabelStudioClient:
    return LabelStudioClient(settings_for(fake, max_retries=2), stop)


def on_post(action: Callable[[], object]) -> Callable[[Received], None]:
    return lambda request: action() if request.method == "POST" else None  # type: ignore[return-value]


def test_what_is_stored(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    assert client.save_prediction(5, PREDICTION)
    assert [request.json() for request in fake.posts()] == [{"task": 5, **PREDICTION}]
    assert [(request.method, request.path) for request in fake.requests] == [
        ("GET", PREDICTIONS),
        ("POST", PREDICTIONS),
    ]


@pytest.mark.parametrize("fault", LOST_AFTER_COMMIT)
@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_write_whose_answer_was_lost_counts_and_is_not_repeated(
    fake: FakeLabelStudio, stop: Stop, fault: Fault, max_retries: int
) -> None:
    fake.fail("POST", PREDICTIONS, fault)
    client = LabelStudioClient(settings_for(fake, max_retries=max_retries), stop)
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]
    assert len(fake.posts()) == 1


def test_write_that_is_answered_too_late(
    fake: FakeLabelStudio, client: LabelStudioClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.1)
    fake.fail("POST", PREDICTIONS, Fault(delay_s=5))
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]


@pytest.mark.parametrize("fault", NOT_CARRIED_OUT)
def test_write_that_was_not_carried_out_is_repeated(
    fake: FakeLabelStudio, client: LabelStudioClient, fault: Fault
) -> None:
    fake.fail("POST", PREDICTIONS, fault, fault)
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]
    assert len(fake.posts()) == 3


@pytest.mark.parametrize("fault", NOT_CARRIED_OUT)
def test_look_before_the_write_is_repeated_too(fake: FakeLabelStudio, client: LabelStudioClient, fault: Fault) -> None:
    fake.fail("GET", PREDICTIONS, fault, fault)
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]


@pytest.mark.parametrize("max_retries", [0, 2])
def test_writes_are_given_up_after_the_repetitions(fake: FakeLabelStudio, stop: Stop, max_retries: int) -> None:
    fake.fail("POST", PREDICTIONS, *[http(503)] * 9)
    client = LabelStudioClient(settings_for(fake, max_retries=max_retries), stop)
    with pytest.raises(UnavailableError, match=r"^POST /api/predictions/: HTTP 503$"):
        client.save_prediction(5, PREDICTION)
    assert len(fake.posts()) == max_retries + 1


def test_error_of_the_write_is_told_when_the_last_look_fails_too(fake: FakeLabelStudio, stop: Stop) -> None:
    fake.fail("POST", PREDICTIONS, RESET)
    fake.fail("GET", PREDICTIONS, None, http(500))
    client = LabelStudioClient(settings_for(fake, max_retries=0), stop)
    with pytest.raises(UnavailableError, match=r"^POST /api/predictions/: connection dropped$"):
        client.save_prediction(5, PREDICTION)


def test_prediction_from_elsewhere_is_not_taken_for_a_write_that_was_never_begun(
    fake: FakeLabelStudio, stop: Stop
) -> None:
    fake.predict(5, "v1")
    fake.fail("GET", PREDICTIONS, RESET)
    client = LabelStudioClient(settings_for(fake, max_retries=0), stop)
    with pytest.raises(UnavailableError, match=r"^GET /api/predictions/: connection dropped$"):
        client.save_prediction(5, PREDICTION)


@pytest.mark.parametrize("version", ["other", "v1"])
def test_prediction_that_was_there_before_is_left_alone(
    fake: FakeLabelStudio, client: LabelStudioClient, version: str
) -> None:
    fake.predict(5, version)
    assert not client.save_prediction(5, PREDICTION)
    assert fake.posts() == []


@pytest.mark.parametrize(
    ("method", "version", "ours"),
    [
        ("POST", "other", False),
        ("POST", "v1", True),  # cannot be told from our own
        ("GET", "v1", False),  # nothing was posted yet
    ],
)
def test_prediction_that_appears_between_two_attempts(
    fake: FakeLabelStudio, client: LabelStudioClient, method: str, version: str, ours: bool
) -> None:
    def appear(request: Received) -> None:
        if request.method == method:
            fake.before = lambda request: None
            fake.predict(5, version)

    fake.before = appear
    fake.fail(method, PREDICTIONS, RESET)
    assert client.save_prediction(5, PREDICTION) == ours
    assert fake.predicted() == [5]


@pytest.mark.parametrize(
    ("method", "fault", "message"),
    [
        ("POST", told({"detail": "You do not have permission."}, 403), "{post}: HTTP 403 You do not have permission."),
        ("GET", http(404), "GET /api/predictions/: HTTP 404"),
    ],
)
def test_refused_write_is_not_repeated(
    fake: FakeLabelStudio, client: LabelStudioClient, method: str, fault: Fault | None, message: str
) -> None:
    fake.fail(method, PREDICTIONS, fault)
    message = message.replace("{post}", "POST /api/predictions/").replace("{url}", fake.url)
    with pytest.raises(LabelStudioError, match=f"^{re.escape(message)}$") as caught:
        client.save_prediction(5, PREDICTION)
    assert type(caught.value) is LabelStudioError
    assert len(fake.asked(method, PREDICTIONS)) == 1


@pytest.mark.parametrize("when", ["before the look", "after the look", "after the write"])
def test_task_that_is_deleted_meanwhile_is_passed_over(
    fake: FakeLabelStudio, client: LabelStudioClient, when: str
) -> None:
    def delete(request: Received) -> None:
        if (request.method == "GET") == (when == "before the look"):
            fake.tasks.pop(5, None)
            if when == "after the write":
                fake.predictions.clear()  # they go with their task

    fake.before = delete
    fake.fail("POST", PREDICTIONS, RESET if when == "after the write" else None)
    assert not client.save_prediction(5, PREDICTION)
    assert fake.predictions == []


GARBAGE = [1, {}, {"results": []}, [1], [{"id": 1}], [{"id": "1", "task": 5, "model_version": "v1"}]]
OTHER_TASK = [{"id": 1, "task": 8, "model_version": "v1"}]


@pytest.mark.parametrize("content", [*GARBAGE, OTHER_TASK])
def test_look_whose_answer_is_no_list_of_the_tasks_predictions_is_repeated(
    fake: FakeLabelStudio, client: LabelStudioClient, content: Any
) -> None:
    fake.fail("GET", PREDICTIONS, told(content), told(content))
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]
    fake.fail("GET", PREDICTIONS, *[told(content)] * 9)
    with pytest.raises(UnavailableError, match=f"^{fake.url} does not list predictions as Label Studio does$"):
        client.save_prediction(6, PREDICTION)


@pytest.mark.parametrize("content", [None, 1, {}, [], {"id": 1}, {"id": 1, "task": 6, "model_version": "v1"}])
@pytest.mark.parametrize("committed", [True, False])
def test_write_whose_answer_is_no_prediction_is_looked_after(
    fake: FakeLabelStudio, client: LabelStudioClient, content: Any, committed: bool
) -> None:
    fake.fail("POST", PREDICTIONS, Fault(Answer(201, json=content), committed))
    if content is None:
        fake.fail("POST", PREDICTIONS, Fault(Answer(201, "null"), committed))
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]
    assert len(fake.posts()) == (1 if committed else 2)


def test_log_tells_what_is_repeated(
    fake: FakeLabelStudio, client: LabelStudioClient, caplog: pytest.LogCaptureFixture
) -> None:
    fake.fail("POST", PREDICTIONS, http(503), RESET)
    client.save_prediction(5, PREDICTION)
    assert caplog.messages == [
        "POST /api/predictions/: HTTP 503; repeated in 0.0 s",
        "POST /api/predictions/: connection dropped; repeated in 0.0 s",
    ]


def test_stop_before_the_write_begins(fake: FakeLabelStudio, client: LabelStudioClient, stop: Stop) -> None:
    fake.before = lambda request: stop.set()
    with pytest.raises(StoppedError, match=STOPPED):
        client.save_prediction(5, PREDICTION)
    assert fake.posts() == []


@pytest.mark.parametrize("fault", [None, Fault(delay_s=0.05), *LOST_AFTER_COMMIT])
def test_write_in_hand_is_finished_and_counted(
    fake: FakeLabelStudio, client: LabelStudioClient, stop: Stop, fault: Fault | None
) -> None:
    fake.before = on_post(stop.set)
    fake.fail("POST", PREDICTIONS, fault)
    assert client.save_prediction(5, PREDICTION)
    assert fake.predicted() == [5]


@pytest.mark.parametrize("fault", [*NOT_CARRIED_OUT, http(429, "3600")])
def test_write_is_not_repeated_after_the_wish_to_stop(
    fake: FakeLabelStudio, client: LabelStudioClient, stop: Stop, fault: Fault
) -> None:
    fake.before = on_post(stop.set)
    fake.fail("POST", PREDICTIONS, fault)
    with pytest.raises(StoppedError, match=STOPPED):
        client.save_prediction(5, PREDICTION)
    assert len(fake.posts()) == 1


@pytest.mark.parametrize("wait", ["back-off", "delay"])
def test_stop_ends_a_long_wait_without_a_write(fake: FakeLabelStudio, stop: Stop, wait: str) -> None:
    changes: dict[str, Any] = {"request_delay_seconds": 3600} if wait == "delay" else {}
    client = LabelStudioClient(settings_for(fake, **changes), stop)
    wish = threading.Timer(0.1, stop.set).start
    if wait == "delay":
        assert client.save_prediction(1, PREDICTION)
        wish()
    else:
        fake.before = on_post(wish)  # not before: on a busy machine the write takes a while to begin
        fake.fail("POST", PREDICTIONS, http(503, "3600"))
    before = time.monotonic()
    with pytest.raises(StoppedError, match=STOPPED):
        client.save_prediction(2, PREDICTION)
    assert time.monotonic() - before < 30
    assert len(fake.posts()) == 1


def test_project_is_made_to_show_a_version(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.predict(1, "v1")
    fake.fail("PATCH", PROJECT, http(503))
    client.show_predictions_of(1, "v1")
    assert fake.project["model_version"] == "v1"
    message = "PATCH /api/projects/1/: HTTP 400 {'model_version': [\"Model version doesn't exist\"]}"
    with pytest.raises(LabelStudioError, match=f"^{re.escape(message)}$"):
        client.show_predictions_of(1, "v2")
