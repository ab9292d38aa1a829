"""`--replace`: tasks whose predictions are of another version of this model are done again, and lose those."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_label_studio import LOST, PREDICTIONS, RESET, TASKS, FakeLabelStudio, Fault, http
from tests.http_server import Received
from tests.prefill_runner import ALL_WELL, SOME_FAILED, Prefill, stubbed_prefill
from wholebody.label_studio import transport
from wholebody.versions import OUR_VERSIONS

OLD, OLDER, OURS = f"{OUR_VERSIONS}balanced-11111111", f"{OUR_VERSIONS}figures-00000000", "stub-1"


@pytest.fixture
def prefill(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Prefill]:
    monkeypatch.setattr(transport, "SETTLES_AFTER_DROP_S", 0.05)
    with stubbed_prefill(fake, monkeypatch, tmp_path) as run:
        yield run


def versions(fake: FakeLabelStudio, task_id: int) -> list[str]:
    return sorted(one["model_version"] for one in fake.predictions if one["task"] == task_id)


def test_which_tasks_are_replaced(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 9))
    for task_id, present in {2: [OLD], 3: [OLD, OLDER], 4: [OURS], 5: ["other"], 6: [OLD, "other"], 7: [OLD]}.items():
        for version in present:
            fake.predict(task_id, version)
    fake.predict(8, OLD)
    fake.tasks[7]["total_annotations"] = 1
    fake.tasks[8]["cancelled_annotations"] = 1
    done = prefill("--replace")
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 4 (0 empty), skipped 4, failed 0.\n")
    assert {task_id: versions(fake, task_id) for task_id in fake.tasks} == {
        1: [OURS],  # had none
        2: [OURS],
        3: [OURS],
        4: [OURS],
        5: ["other"],  # another tool's
        6: ["other", OURS],
        7: [OLD],  # annotated
        8: [OLD],  # skipped by an annotator
    }
    writes = len(fake.posts()) + len(fake.deletes())
    assert prefill("--replace").stdout == "Predicted 0 (0 empty), skipped 8, failed 0.\n"
    assert len(fake.posts()) + len(fake.deletes()) == writes


def test_without_the_option_nothing_is_replaced(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)
    fake.predict(2, OLD)
    assert prefill().stdout == "Predicted 1 (0 empty), skipped 1, failed 0.\n"
    assert versions(fake, 2) == [OLD]


@pytest.mark.parametrize("fault", [None, LOST, RESET, http(503), http(504, committed=True)])
def test_old_predictions_go_only_when_the_new_one_is_known_to_be_stored(
    fake: FakeLabelStudio, prefill: Prefill, fault: Fault | None
) -> None:
    fake.add_tasks(1, 2, 3)
    for task_id in (1, 2, 3):
        fake.predict(task_id, OLD)

    def check(request: Received) -> None:
        if request.method == "DELETE":
            number = int(request.path.removeprefix(PREDICTIONS).rstrip("/"))
            (doomed,) = [one for one in fake.predictions if one["id"] == number] or [{"task": None}]
            assert doomed["task"] is None or OURS in versions(fake, doomed["task"])

    fake.before = check
    fake.fail("POST", PREDICTIONS, fault)
    assert prefill("--replace").exit_code == ALL_WELL
    assert [versions(fake, task_id) for task_id in (1, 2, 3)] == [[OURS]] * 3


def test_old_predictions_stay_where_the_new_one_is_refused_or_fails(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1)
    fake.add_tasks(2, image="missing")
    fake.predict(1, OLD)
    fake.predict(2, OLD)
    fake.fail("POST", PREDICTIONS, http(403))
    assert prefill("--replace").exit_code == SOME_FAILED
    assert [versions(fake, task_id) for task_id in (1, 2)] == [[OLD], [OLD]]
    assert fake.deletes() == []


def test_run_that_was_killed_before_the_deletion_is_finished_by_the_next(
    fake: FakeLabelStudio, prefill: Prefill
) -> None:
    fake.add_tasks(1, 2)
    for version in (OLD, "other", OURS):
        fake.predict(1, version)
        fake.predict(2, version)
    fake.tasks[2]["total_annotations"] = 1
    done = prefill("--replace")
    assert done.stdout.splitlines() == [
        "Predicted 0 (0 empty), skipped 2, failed 0.",
        "Deleted 1 predictions at the end: copies, or replaced.",
    ]
    assert versions(fake, 1) == ["other", OURS]
    assert versions(fake, 2) == sorted([OLD, "other", OURS])
    assert fake.posts() == []


def test_deletion_that_fails_is_made_up_for_at_the_end(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)
    old = fake.predict(1, OLD)
    fake.predict(2, OLD)
    fake.fail("DELETE", f"{PREDICTIONS}{old['id']}/", http(500), http(500))
    done = prefill("--replace", "--retries", "1")
    assert done.exit_code == ALL_WELL
    assert "task 1: its old predictions are deleted at the end of the run: DELETE /api/predictions/1/" in done.stderr
    assert [versions(fake, task_id) for task_id in (1, 2)] == [[OURS], [OURS]]


@pytest.mark.parametrize("counter", ["total_annotations", "cancelled_annotations"])
def test_task_that_is_annotated_meanwhile_keeps_its_predictions(
    fake: FakeLabelStudio, prefill: Prefill, counter: str
) -> None:
    fake.add_tasks(1)
    fake.predict(1, OLD)
    fake.before = lambda request: fake.tasks[1].update({counter: 1}) if request.method == "POST" else None
    assert prefill("--replace").exit_code == ALL_WELL
    assert versions(fake, 1) == sorted([OURS, OLD])
    assert fake.deletes() == []


def test_prediction_from_elsewhere_that_comes_before_the_write(fake: FakeLabelStudio, prefill: Prefill) -> None:
    """Somebody opens a task, and the backend of the new version stores what this run was about to."""
    fake.add_tasks(1, 2)
    fake.predict(1, OLD)

    def appear(request: Received) -> None:
        if request.path == PREDICTIONS and request.method == "GET":
            fake.before = lambda request: None
            fake.predict(1, OURS, result=[{"id": "b"}])

    fake.before = appear
    done = prefill("--replace")
    assert done.exit_code == ALL_WELL
    assert [versions(fake, task_id) for task_id in (1, 2)] == [[OURS], [OURS]]


def test_dry_run_replaces_nothing(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)
    fake.predict(1, OLD)
    assert prefill("--replace", "--dry-run").stdout == "Would have predicted 2 (0 empty), skipped 0, failed 0.\n"
    assert {request.method for request in fake.requests} == {"GET"}


def test_limit_and_start_hold_for_both_kinds_of_task(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2, 3, 4, 5)
    for task_id in (1, 3, 4):
        fake.predict(task_id, OLD)
    prefill("--replace", "--start", "2", "--limit", "3")
    assert {one["task"] for one in fake.predictions if one["model_version"] == OURS} == {2, 5, 3}
    assert versions(fake, 1) == [OLD]


def test_listing_of_replaced_tasks_is_by_id_from_here_on(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 251))
    for task_id in range(1, 251):
        fake.predict(task_id, OLD)
    done = prefill("--replace")
    assert done.stdout.startswith("Predicted 250 ")
    assert {task_id for task_id in fake.tasks if versions(fake, task_id) == [OURS]} == set(range(1, 251))
    assert {request.parameters["page"] for request in fake.asked("GET", TASKS)} == {"1"}
