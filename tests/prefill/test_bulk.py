"""`--bulk`: many predictions in one call, and one a task whatever Label Studio makes of the call."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.fake_label_studio import BULK, FakeLabelStudio, http
from tests.http_server import Received
from tests.prefill_runner import ALL_WELL, COULD_NOT_START, SOME_FAILED, Prefill, settings_for
from wholebody.__main__ import main

IDS = [*range(1, 10)]


@pytest.fixture(autouse=True)
def tasks(fake: FakeLabelStudio) -> None:
    fake.add_tasks(*IDS, image="empty")


def sizes(fake: FakeLabelStudio) -> list[int]:
    """Predictions of each call for many; the first call is the question whether it takes any."""
    return [len(request.json()) for request in fake.asked("POST", BULK)][1:]


def test_many_predictions_in_few_calls(fake: FakeLabelStudio, prefill: Prefill) -> None:
    done = prefill("--bulk", "4")
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 9 (9 empty), skipped 0, failed 0.\n")
    assert fake.predicted() == IDS
    assert (sizes(fake), fake.posts()) == ([4, 4, 1], [])
    assert fake.project["model_version"] == "stub-1"


def test_label_studio_that_was_not_started_for_it(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.takes_bulk = False
    done = prefill("--bulk", "4")
    assert done.exit_code == COULD_NOT_START
    assert done.stderr.startswith("error: --bulk needs Label Studio 1.21 or later, started with fflag_")
    assert fake.predictions == []


def test_what_has_a_prediction_by_then_keeps_it(fake: FakeLabelStudio, prefill: Prefill) -> None:
    def somebody_else(request: Received) -> None:
        if "empty" in request.query and not fake.predictions:
            fake.predict(2, "other")

    fake.before = somebody_else
    assert prefill("--bulk", "9").stdout == "Predicted 8 (8 empty), skipped 1, failed 0.\n"
    assert fake.predicted() == IDS
    assert sizes(fake) == [8]


def test_tasks_that_fail_or_do_not_fit_the_config_are_not_sent(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wholebody.prefill.bulk.fits", lambda result, config: not result)
    fake.add_tasks(10, image="missing")
    fake.add_tasks(11, image="with a region")
    done = prefill("--bulk", "100")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (
        SOME_FAILED,
        "Predicted 10 (9 empty), skipped 0, failed 1.",
    )
    assert sizes(fake) == [9]
    assert [request.json()["task"] for request in fake.posts()] == [11]


def test_call_that_was_stored_but_neither_answered_nor_counted(fake: FakeLabelStudio, prefill: Prefill) -> None:
    once = iter([set(IDS[:4])])

    def killed(request: Received) -> None:
        if fake.predictions:
            fake.uncounted |= next(once, set())

    fake.fail("POST", BULK, None, http(500, committed=True))
    fake.before = killed
    done = prefill("--bulk", "4")
    assert done.stdout == "Predicted 9 (9 empty), skipped 0, failed 0.\n"
    assert fake.predicted() == IDS
    assert fake.uncounted == set()
    assert fake.posts() == []


def test_next_run_after_both_were_killed(fake: FakeLabelStudio, prefill: Prefill) -> None:
    for task in (1, 2, 3, 3):
        fake.predict(task, "stub-1")
    fake.uncounted = {1, 2, 3}
    done = prefill("--bulk", "4")
    assert done.stdout == (
        "Predicted 6 (6 empty), skipped 3, failed 0.\nDeleted 1 predictions at the end: copies, or replaced.\n"
    )
    assert fake.predicted() == IDS
    assert fake.uncounted == set()


def test_call_that_label_studio_carries_out_twice(fake: FakeLabelStudio, prefill: Prefill) -> None:
    def twice(request: Received) -> None:
        if request.path == BULK and len(sizes(fake)) == 2:
            for item in request.json():
                fake.predict(item["task"], item["model_version"])

    fake.before = twice
    assert "Deleted 4 predictions at the end" in prefill("--bulk", "4").stdout
    assert fake.predicted() == IDS


def test_calls_that_fail_again_and_again_are_given_up(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.fail("POST", BULK, None, *[http(413)] * 9)
    done = prefill("--bulk", "2")
    assert done.stdout == "Predicted 9 (9 empty), skipped 0, failed 0.\n"
    assert "it failed 3 times in turn: all are written one by one from here on" in done.stderr
    assert fake.predicted() == IDS
    assert sizes(fake) == [2, 2, 2]


@pytest.mark.parametrize("option", [["--replace"], ["--dry-run"], ["--watch"], ["--out", "out"]])
def test_options_that_do_not_go_together(prefill: Prefill, option: list[str]) -> None:
    done = prefill("--bulk", "4", *option)
    assert (done.exit_code, done.stderr.startswith("error: --bulk is for runs")) == (COULD_NOT_START, True)


@pytest.mark.parametrize("number", ["0", "101"])
def test_numbers_that_are_refused(prefill: Prefill, number: str) -> None:
    assert prefill("--bulk", number).exit_code == COULD_NOT_START


def test_import_of_a_folder(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    prediction = {"result": [], "score": 0.5, "model_version": "stub-1"}
    tasks = [{"id": one, "data": {"image": "empty"}, "predictions": [prediction]} for one in IDS]
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in tasks)
    Path("out").mkdir()
    Path("out/tasks-00001.json").write_text(f"[\n{lines}\n]\n")
    runner = CliRunner(env=settings_for(fake) | {"TASK_LIMIT": ""})
    done = runner.invoke(main, ["import", "--predictions", "out", "--bulk", "5"])
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Stored 9 (9 empty), skipped 0, failed 0.\n")
    assert (fake.predicted(), sizes(fake), fake.posts()) == (IDS, [5, 4], [])
    refused = runner.invoke(main, ["import", "coco.json", "--bulk", "5"])
    assert refused.stderr.startswith("error: --bulk goes with --predictions")
