"""Runs of the prefill command over a project: what is predicted, counted, listed and said."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fake_label_studio import LOST, PREDICTIONS, PROJECT, FakeLabelStudio, Fault, http, told
from tests.http_server import Answer, Received
from tests.prefill_runner import ALL_WELL, SOME_FAILED, Prefill
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config


def failures(path: str = "prefill-failures.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_a_whole_project(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2, 5, 9, 14, 70)
    fake.add_tasks(3, image="empty")
    fake.predict(2)
    fake.tasks[5]["total_annotations"] = 1
    fake.tasks[9]["cancelled_annotations"] = 1
    done = prefill()
    assert done.exit_code == ALL_WELL
    assert done.stdout == "Predicted 4 (1 empty), skipped 3, failed 0.\n"
    assert fake.predicted() == [1, 2, 3, 14, 70]
    assert not Path("prefill-failures.jsonl").exists()
    again = prefill()
    assert (again.exit_code, again.stdout) == (ALL_WELL, "Predicted 0 (0 empty), skipped 7, failed 0.\n")
    assert fake.predicted() == [1, 2, 3, 14, 70]


def test_signals_are_handled_afterwards_as_before(fake: FakeLabelStudio, prefill: Prefill) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    prefill()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_failures_are_grouped_listed_and_tried_again(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 4)
    fake.add_tasks(2, 3, 5, image="missing")
    fake.fail("POST", PREDICTIONS, Fault(Answer(400, json={"detail": "No."})))
    done = prefill("--failures", "bad.jsonl")
    assert done.exit_code == SOME_FAILED
    assert done.stdout.splitlines() == [
        "Predicted 1 (0 empty), skipped 0, failed 4.",
        "  3 x not found",
        "  1 x POST /api/predictions/: HTTP 400 No.",
        "The tasks that failed are listed in bad.jsonl; the next run tries them again.",
    ]
    errors = {one["task"]: one["error"] for one in failures("bad.jsonl")}
    assert len(errors) == 4
    assert (errors[2], errors[5]) == ("2.png: not found", "5.png: not found")
    fake.add_tasks(2, 3, 5)  # the images are there now
    again = prefill("--failures", "bad.jsonl")
    assert (again.exit_code, fake.predicted()) == (ALL_WELL, [1, 2, 3, 4, 5])
    assert not Path("bad.jsonl").exists()


def test_reasons_beyond_the_tenth_are_counted(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 13))
    fake.fail("POST", PREDICTIONS, *[told({"detail": f"No. {number}"}, 403) for number in range(12)])
    lines = prefill().stdout.splitlines()
    assert lines[0] == "Predicted 0 (0 empty), skipped 0, failed 12."
    assert lines[11:] == [
        "  and 2 other reasons",
        "The tasks that failed are listed in prefill-failures.jsonl; the next run tries them again.",
    ]


def test_tasks_that_are_deleted_meanwhile_are_skipped(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 13))
    fake.before = lambda request: fake.tasks.clear() if request.method == "POST" else None
    done = prefill()
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 0 (0 empty), skipped 12, failed 0.\n")


@pytest.mark.parametrize(
    ("options", "variables", "attempted"),
    [
        ([], {"TASK_LIMIT": ""}, [2]),  # one is the default
        ([], {"TASK_LIMIT": "3"}, [2, 3, 8]),
        (["--limit", "2"], {"TASK_LIMIT": "all"}, [2, 3]),
        (["--limit", "all"], {"TASK_LIMIT": "1"}, [2, 3, 8, 9, 30]),
        ([], {"START_TASK_ID": "4"}, [8, 9, 30]),
        (["--start", "9"], {"START_TASK_ID": "4"}, [9, 30]),
        (["--start", "9", "--limit", "1"], {}, [9]),
    ],
)
def test_limit_counts_attempts_and_start_is_an_id(
    fake: FakeLabelStudio, prefill: Prefill, options: list[str], variables: dict[str, str], attempted: list[int]
) -> None:
    fake.add_tasks(2, 8, 9, 30)
    fake.add_tasks(3, image="missing")
    done = prefill(*options, **variables)
    failed = [3] if 3 in attempted else []
    assert fake.predicted() == [task_id for task_id in attempted if task_id not in failed]
    assert done.exit_code == (SOME_FAILED if failed else ALL_WELL)
    assert f"failed {len(failed)}." in done.stdout


def test_dry_run_writes_nothing(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)
    fake.add_tasks(3, image="empty")
    done = prefill("--dry-run")
    assert (done.exit_code, done.stdout) == (
        ALL_WELL,
        "Would have predicted 3 (1 empty), skipped 0, failed 0.\n",
    )
    assert {request.method for request in fake.requests} == {"GET"}
    assert fake.predicted() == []


@pytest.mark.parametrize(("retries", "posts"), [("0", 3), ("1", 4)])
def test_without_repetitions_each_task_is_still_posted_once(
    fake: FakeLabelStudio, prefill: Prefill, retries: str, posts: int
) -> None:
    fake.add_tasks(1, 2, 3)
    fake.fail("POST", PREDICTIONS, None, http(503))
    done = prefill("--retries", retries)
    assert len(fake.posts()) == posts
    assert done.stdout.startswith(f"Predicted {posts - 1 if retries == '0' else 3} ")


def test_delay_is_an_option(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)
    prefill("--delay", "0.3")
    first, second = (request.at for request in fake.posts())
    assert second - first > 0.2


def test_lost_answers_are_counted_and_nothing_is_doubled(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2, 3)
    fake.fail("POST", PREDICTIONS, LOST, None, LOST)
    done = prefill()
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 3 (0 empty), skipped 0, failed 0.\n")
    assert fake.predicted() == [1, 2, 3]


def test_prediction_from_elsewhere_counts_as_skipped(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)

    def appear(request: Received) -> None:
        if request.path == PREDICTIONS and not fake.predictions:
            fake.predict(1)
            fake.predict(2)

    fake.before = appear
    done = prefill()
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 0 (0 empty), skipped 2, failed 0.\n")
    assert fake.posts() == []


@pytest.mark.parametrize(("shown", "patches"), [("", 1), (None, 1), ("stub-1", 0), ("My backend", 0)])
def test_project_shows_the_predictions_unless_it_shows_others(
    fake: FakeLabelStudio, prefill: Prefill, shown: str | None, patches: int
) -> None:
    fake.add_tasks(1)
    fake.project["model_version"] = shown
    done = prefill()
    assert done.exit_code == ALL_WELL
    assert len(fake.asked("PATCH", PROJECT)) == patches
    assert fake.project["model_version"] == (shown or "stub-1")


def test_project_that_is_made_to_show_others_during_the_run_keeps_them(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1)
    fake.before = lambda request: fake.project.update(model_version="My backend") if request.method == "POST" else None
    prefill()
    assert fake.project["model_version"] == "My backend"


def test_project_that_cannot_be_changed_is_no_failure(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1)
    fake.fail("PATCH", PROJECT, *[http(503)] * 9)
    done = prefill("--retries", "0")
    assert done.exit_code == ALL_WELL
    message = (
        "the labeling stream may not show the predictions: PATCH /api/projects/1/: HTTP 503; "
        "choose 'stub-1' in Settings > Annotation"
    )
    assert message in done.stderr


def test_skeletons_that_nobody_can_open_are_a_warning(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1)
    fake.project["label_config"] = write_config(tuple(Part), skeleton=True)
    fake.release = "1.20.0"
    done = prefill()
    assert (done.exit_code, fake.predicted()) == (ALL_WELL, [1])
    expected = (
        "project 1 'Figures': nobody can open its tasks, for the editor of Label Studio 1.20.0 has no <VectorLabels>, "
        "which came with 1.22.0\n"
    )
    assert expected in done.stderr
    fake.release = "1.22.0"
    assert "nobody can open" not in prefill().stderr


def test_log_says_what_there_is_to_do(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2, 3)
    fake.predict(1)
    assert re.search(r"project 1 'Figures': 2 tasks to predict, 1 done before\n", prefill().stderr)
