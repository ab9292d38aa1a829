"""Copies of a prediction, from writes that were carried out late or by a run that was killed: none stays."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fake_label_studio import LOST, PREDICTIONS, RESET, TASKS, FakeLabelStudio, Fault, http
from tests.http_server import Received
from tests.prefill_runner import ALL_WELL, SOME_FAILED, Prefill, stubbed_prefill
from wholebody.label_studio import predictions, transport

STUB_RESULT = [{"id": "b", "parentID": "c"}]
"""As the stub annotator's, with other ids."""


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        running.add_tasks(1, 2, 3)
        yield running


@pytest.fixture
def prefill(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Prefill]:
    monkeypatch.setattr(transport, "SETTLES_AFTER_DROP_S", 0.05)
    monkeypatch.setattr(transport, "SETTLES_AFTER_TIMEOUT_S", 0.05)
    with stubbed_prefill(fake, monkeypatch, tmp_path) as run:
        yield run


def looks_for_copies(request: Received) -> bool:
    return request.path == TASKS and '"greater"' in request.parameters["query"]


def commit_late(fake: FakeLabelStudio, when: Callable[[Received], bool]) -> None:
    """Carry out the first write once `when` says so, whatever its client was told."""
    first: list[dict[str, Any]] = []

    def before(request: Received) -> None:
        if request.method == "POST" and not first:
            first.append(json.loads(request.body))
        elif first and when(request):
            body = first[0]
            fake.before = lambda request: None
            fake.predict(body["task"], body["model_version"], result=[{"id": "late"}], score=0.9)

    fake.before = before


@pytest.mark.parametrize("fault", [RESET, http(504), http(502), http(503), http(500)])
@pytest.mark.parametrize("moment", ["with the second write", "at the end"])
def test_write_that_is_carried_out_after_its_repetition_leaves_one_prediction(
    fake: FakeLabelStudio, prefill: Prefill, fault: Fault, moment: str
) -> None:
    commit_late(fake, looks_for_copies if moment == "at the end" else lambda request: request.method == "POST")
    fake.fail("POST", PREDICTIONS, fault)
    done = prefill()
    assert fake.predicted() == [1, 2, 3]
    assert (done.exit_code, done.stdout.splitlines()) == (
        ALL_WELL,
        [
            "Predicted 3 (0 empty), skipped 0, failed 0.",
            "Deleted 1 predictions at the end: copies, or replaced.",
        ],
    )
    assert len(fake.deletes()) == 1


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (RESET, True),
        (http(504), True),
        (LOST, False),  # it is seen to be stored
        (http(503), False),  # an answer: nothing goes on behind it
        (http(429), False),
        (None, False),
    ],
)
def test_copies_are_looked_for_when_none_can_come_any_more(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch, fault: Fault | None, waits: bool
) -> None:
    monkeypatch.setattr(transport, "SETTLES_AFTER_DROP_S", 1.5)
    monkeypatch.setattr(transport, "SETTLES_AFTER_TIMEOUT_S", 1.5)
    fake.fail("POST", PREDICTIONS, fault)
    done = prefill()
    (look,) = [request for request in fake.requests if looks_for_copies(request)]
    assert ("a write without answer may yet be carried out; looking for copies in" in done.stderr) is waits
    assert (look.at - fake.posts()[0].at > 1.4) is waits


@pytest.mark.parametrize("times", [2, 3])
def test_copies_of_a_run_that_was_killed_are_deleted_by_the_next(
    fake: FakeLabelStudio, prefill: Prefill, times: int
) -> None:
    kept = fake.predict(2, "stub-1", result=STUB_RESULT)
    for number in range(times - 1):
        fake.predict(2, "stub-1", result=[{"id": f"again {number}"}])
    fake.tasks[2]["total_annotations"] = 1  # a copy is a copy
    done = prefill()
    assert f"Deleted {times - 1} predictions at the end" in done.stdout
    assert fake.predicted() == [1, 2, 3]
    assert kept in fake.predictions


def test_nothing_else_is_deleted(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.predict(1, "other", result=STUB_RESULT)
    fake.predict(1, "other", result=STUB_RESULT)
    fake.predict(2, "stub-1", result=STUB_RESULT)
    fake.predict(2, "stub-1", result=[])
    fake.predict(2, "other", result=STUB_RESULT)
    fake.predict(2, "wholebody-old-1", result=STUB_RESULT)
    done = prefill()
    assert fake.deletes() == []
    assert fake.predicted() == [1, 1, 2, 2, 2, 2, 3]
    assert "Deleted" not in done.stdout


FAULTS = [LOST, RESET, http(500), http(503), http(504, committed=True), http(429, "0")]


@pytest.mark.parametrize("fault", FAULTS)
def test_one_prediction_stays_whatever_becomes_of_the_deletion(
    fake: FakeLabelStudio, prefill: Prefill, fault: Fault
) -> None:
    numbers = [fake.predict(2, "stub-1", result=STUB_RESULT)["id"] for _ in range(4)]
    for number in numbers[1:]:
        fake.fail("DELETE", f"{PREDICTIONS}{number}/", fault)
    assert prefill().exit_code == ALL_WELL
    assert [one["id"] for one in fake.predictions if one["task"] == 2] == numbers[:1]
    assert numbers[0] not in fake.deletes()


def test_copy_that_somebody_else_deletes_at_the_same_time(fake: FakeLabelStudio, prefill: Prefill) -> None:
    first = fake.predict(2, "stub-1", result=STUB_RESULT)
    second = fake.predict(2, "stub-1", result=STUB_RESULT)

    def overtake(request: Received) -> None:
        if request.method == "DELETE":
            fake.predictions = [one for one in fake.predictions if one["id"] != second["id"]]

    fake.before = overtake
    assert prefill().exit_code == ALL_WELL
    assert [one for one in fake.predictions if one["task"] == 2] == [first]


def test_task_that_is_deleted_while_it_is_tidied(fake: FakeLabelStudio, prefill: Prefill) -> None:
    for _ in range(2):
        fake.predict(2, "stub-1", result=STUB_RESULT)
    fake.before = lambda request: fake.tasks.pop(2, None) if request.parameters.get("task") == "2" else None  # type: ignore[func-returns-value]
    assert prefill().exit_code == ALL_WELL
    assert fake.deletes() == []


def test_deletions_keep_the_delay(fake: FakeLabelStudio, prefill: Prefill) -> None:
    for _ in range(3):
        fake.predict(2, "stub-1", result=STUB_RESULT)
    prefill("--delay", "0.2")
    writes = [request.at for request in fake.requests if request.method in ("POST", "DELETE", "PATCH")]
    assert len(writes) == 5  # two predictions, what the project shows, two copies
    assert min(after - before for before, after in pairwise(writes)) >= 0.2


def test_what_another_run_deletes_at_the_same_time_is_not_counted(fake: FakeLabelStudio, prefill: Prefill) -> None:
    for _ in range(3):
        fake.predict(1, "stub-1", result=STUB_RESULT)

    def before(request: Received) -> None:
        if request.method == "DELETE":
            fake.predictions = fake.predictions[:1]

    fake.before = before
    done = prefill()
    assert (done.exit_code, fake.predicted()) == (ALL_WELL, [1])
    assert "Deleted" not in done.stdout


@pytest.mark.parametrize("fault", [LOST, http(502, committed=True), http(502)])
def test_deletion_whose_answer_was_lost_is_counted(fake: FakeLabelStudio, prefill: Prefill, fault: Fault) -> None:
    for _ in range(3):
        copy = fake.predict(1, "stub-1", result=STUB_RESULT)
    fake.fail("DELETE", f"{PREDICTIONS}{copy['id']}/", fault)
    assert prefill().stdout.splitlines()[1] == "Deleted 2 predictions at the end: copies, or replaced."


def test_run_that_could_not_look_for_copies_says_so(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.fail("GET", TASKS, None, None, None, None, *[http(502)] * 9)  # two counts, two pages
    done = prefill("--retries", "1")
    assert done.exit_code == SOME_FAILED
    assert done.stdout.splitlines() == [
        "Predicted 3 (0 empty), skipped 0, failed 0.",
        "Stopped early: whether tasks have got two predictions is not known (GET /api/tasks/: HTTP 502); "
        "run again to go on",
    ]


@pytest.mark.parametrize("how", ["dry run", "gave up"])
def test_copies_are_not_looked_for(fake: FakeLabelStudio, prefill: Prefill, how: str) -> None:
    fake.add_tasks(*range(4, 20))
    fake.predict(1, "stub-1")
    fake.predict(1, "stub-1")
    if how == "gave up":
        fake.fail("POST", PREDICTIONS, *[http(502)] * 99)
    prefill(*(["--dry-run"] if how == "dry run" else ["--retries", "0"]))
    assert not any(map(looks_for_copies, fake.requests))
    assert fake.predicted() == [1, 1]


def test_a_task_is_looked_at_right_before_the_write(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may open the task while the pace is waited for."""
    monkeypatch.setattr(predictions, "LOOK_EARLY_S", 0.1)
    prefill("--delay", "1")
    for post in fake.posts():
        looks = [one.at for one in fake.asked("GET", PREDICTIONS) if one.parameters["task"] == str(post.json()["task"])]
        assert post.at - looks[-1] < 0.8
