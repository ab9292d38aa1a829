"""Predictions of many tasks in one call: only where Label Studio was started for it, and none twice whatever comes."""

import pytest

from tests.fake_label_studio import (
    BULK,
    LOST_AFTER_COMMIT,
    PREDICTIONS,
    RESET,
    FakeLabelStudio,
    Fault,
    http,
    settings_for,
    told,
)
from wholebody.errors import AuthenticationError, SettingsError, StoppedError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop

PREDICTION = Prediction(result=[{"id": "a1", "value": {"x": 12.5}}], score=0.75, model_version="v1")
MANY = dict.fromkeys((2, 3, 5), PREDICTION)


@pytest.fixture
def client(fake: FakeLabelStudio, stop: Stop) -> LabelStudioClient:
    return LabelStudioClient(settings_for(fake, max_retries=2), stop)


def test_what_is_stored(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    assert client.save_predictions(1, MANY)
    (sent,) = fake.asked("POST", BULK)
    assert sent.json() == [{"task": task, **PREDICTION} for task in (2, 3, 5)]
    assert fake.predicted() == [2, 3, 5]


def test_label_studio_that_was_started_for_it(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    client.check_bulk(1)
    assert fake.predictions == []


def test_label_studio_that_was_not(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.takes_bulk = False
    with pytest.raises(SettingsError, match=r"^--bulk needs Label Studio 1\.21 or later, started with fflag_\w+=true"):
        client.check_bulk(1)
    assert fake.predictions == []


def test_one_that_says_nothing_against_the_question(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.fail("POST", BULK, told({"created": 0}, 201))
    with pytest.raises(SettingsError, match="it takes predictions for tasks that are not there"):
        client.check_bulk(1)


def test_the_question_is_repeated_where_it_fails_for_now(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.fail("POST", BULK, http(503), RESET)
    client.check_bulk(1)
    assert len(fake.asked("POST", BULK)) == 3


def test_token_that_is_refused(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.legacy_enabled = False
    with pytest.raises(AuthenticationError):
        client.check_bulk(1)


@pytest.mark.parametrize(
    ("fault", "singly"),
    [
        *((fault, 0) for fault in LOST_AFTER_COMMIT),
        *((fault, 3) for fault in (RESET, http(429), http(500), http(413))),
    ],
)
def test_after_a_call_that_failed_what_is_stored_is_counted_and_the_rest_stored_one_by_one(
    fake: FakeLabelStudio, client: LabelStudioClient, fault: Fault, singly: int
) -> None:
    fake.fail("POST", BULK, fault)
    assert not client.save_predictions(1, MANY)
    assert all(client.save_prediction(task, PREDICTION) for task in MANY)
    assert fake.predicted() == [2, 3, 5]
    assert len(fake.posts()) == singly


def test_fewer_stored_than_sent(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.fail("POST", BULK, told({"created": 2}, 201))
    assert not client.save_predictions(1, MANY)


def test_task_that_is_gone_costs_no_other_one_anything(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    del fake.tasks[3]
    assert not client.save_predictions(1, MANY)
    assert [client.save_prediction(task, PREDICTION) for task in MANY] == [True, False, True]
    assert fake.predicted() == [2, 5]


@pytest.mark.parametrize("status", [504, 524])
def test_call_that_may_be_carried_out_late_is_waited_for(
    fake: FakeLabelStudio, client: LabelStudioClient, status: int
) -> None:
    fake.fail("POST", BULK, http(status))
    client.save_predictions(1, MANY)
    assert client.save_prediction(2, PREDICTION)
    fake.predict(2, "v1")
    client.late_writes.look()
    assert client.late_writes.seconds_left() > 800, "it may be carried out twice"


def test_call_is_not_begun_after_a_wish_to_stop(fake: FakeLabelStudio, client: LabelStudioClient, stop: Stop) -> None:
    stop.set()
    with pytest.raises(StoppedError):
        client.save_predictions(1, MANY)
    assert fake.asked("POST", BULK) == []


def test_label_studio_counts_anew(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    fake.predict(2, "v1", score=0.5)
    fake.uncounted.add(2)
    client.recount(2)
    client.recount(3)
    assert fake.uncounted == set()
    assert [request.json() for request in fake.requests if request.method == "PATCH"] == [{"score": 0.5}]
    assert fake.asked("PATCH", f"{PREDICTIONS}1/")


def test_task_that_is_gone_needs_no_count(fake: FakeLabelStudio, client: LabelStudioClient) -> None:
    client.recount(77)
    assert [request.method for request in fake.requests] == ["GET"]
