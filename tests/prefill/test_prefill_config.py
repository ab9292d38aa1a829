"""The labeling config replaced between two runs, and under a run: no prediction stays under names that it lacks."""

from typing import Any

import pytest

from tests.fake_label_studio import PREDICTIONS, PROJECT, TASKS, FakeLabelStudio, http, told
from tests.http_server import Received
from tests.prefill_runner import ALL_WELL, SOME_FAILED, Prefill, StubAnnotator
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction
from wholebody.prefill import config_watch

OURS, OTHER = "stub-1", "another-tool"
BODY, HANDS = write_config((Part.BODY,)), write_config((Part.LEFT_HAND, Part.RIGHT_HAND))
AGAIN = "run again with --replace, so that predictions under names that it lacks are made anew"
CHANGED = "the labeling config of project 1 was changed during the run"


def point(from_name: str, label: str) -> dict[str, Any]:
    value = {"x": 10, "y": 20, "width": 0.5, "keypointlabels": [label]}
    return {"id": "a", "from_name": from_name, "to_name": "img", "type": "keypointlabels", "value": value}


NOSE, THUMB = point("body", "nose"), point("left_hand", "left_hand_root-0")


@pytest.fixture(autouse=True)
def _annotator_that_reads_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    def annotate(self: StubAnnotator, task: dict[str, Any], config: LabelingConfig) -> Prediction:
        control = config.targets[0].keypoints[0]
        region = point(control.name, next(iter(control.labels.values())))
        return Prediction(result=[region], score=0.9, model_version=OURS)

    monkeypatch.setattr(StubAnnotator, "annotate", annotate)


def names(fake: FakeLabelStudio, task_id: int) -> list[str]:
    """The controls of all predictions of a task."""
    present = [one for one in fake.predictions if one["task"] == task_id]
    return sorted(region["from_name"] for one in present for region in one["result"])


def test_what_was_made_for_another_config_is_replaced(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 46))
    assert prefill().exit_code == ALL_WELL
    fake.predict(2, OTHER, result=[NOSE])
    fake.predict(4, OURS, result=[{"id": "r", "type": "relation"}])  # nothing of it names a control
    fake.tasks[3]["total_annotations"] = 1
    fake.project["label_config"] = HANDS

    skipped = prefill()
    assert skipped.stdout == "Predicted 0 (0 empty), skipped 45, failed 0.\n"
    done = prefill("--replace")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (ALL_WELL, "Predicted 43 (0 empty), skipped 2, failed 0.")
    assert "43 tasks have predictions of stub-1 under names that the labeling config lacks" in done.stderr
    assert names(fake, 1) == names(fake, 45) == ["left_hand"]
    assert names(fake, 2) == ["body", "left_hand"]  # another tool's stays
    assert names(fake, 3) == ["body"]  # annotated
    writes = len(fake.posts()) + len(fake.deletes())
    assert prefill("--replace").stdout == "Predicted 0 (0 empty), skipped 45, failed 0.\n"
    assert len(fake.posts()) + len(fake.deletes()) == writes


@pytest.mark.parametrize(
    ("region", "replaced"),
    [
        (NOSE, False),
        (THUMB, True),  # a control that is gone
        (point("body", "snout"), True),  # a label that is gone
        (NOSE | {"to_name": "picture"}, True),  # an image that is gone
        ({"id": "b", "from_name": "box", "to_name": "img", "type": "rectanglelabels", "value": {}}, False),
    ],
)
def test_what_counts_as_made_for_another_config(
    fake: FakeLabelStudio, prefill: Prefill, region: dict[str, Any], replaced: bool
) -> None:
    fake.add_tasks(1)
    fake.predict(1, OURS, result=[NOSE, region])
    assert prefill("--replace").stdout.startswith(f"Predicted {int(replaced)} ")
    assert len(fake.deletes()) == replaced
    assert len(fake.predictions) == 1


def test_limit_start_and_list_hold_for_them_too(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 10))
    for task_id in fake.tasks:
        fake.predict(task_id, OURS, result=[THUMB])
    prefill("--replace", "--start", "4", "--limit", "2")
    assert [task_id for task_id in fake.tasks if names(fake, task_id) == ["body"]] == [4, 5]
    fake.requests.clear()
    assert prefill("--replace", "--dry-run").stdout.startswith("Would have predicted 7 ")
    assert {request.method for request in fake.requests} == {"GET"}


def test_tasks_are_compared_a_few_at_a_time_and_only_for_replacing(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 46))
    assert prefill().exit_code == ALL_WELL
    fake.requests.clear()
    prefill()
    assert not any("predictions" in request.parameters["include"] for request in fake.asked("GET", TASKS))
    prefill("--replace")
    compared = [request for request in fake.asked("GET", TASKS) if request.parameters["include"] == "id,predictions"]
    assert [request.parameters["page_size"] for request in compared] == ["20"] * 4  # the last is empty


def test_server_that_shows_no_predictions(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1)
    fake.predict(1, OURS)
    fake.fail("GET", TASKS, None, told({"total": 1, "tasks": [{"id": 1}]}))
    done = prefill("--replace")
    assert done.stderr.splitlines()[-1] == f"error: {fake.url} does not list predictions as Label Studio does"


def change(fake: FakeLabelStudio, config: str, after_writes: int) -> None:
    def before(request: Received) -> None:
        if len(fake.predictions) == after_writes:
            fake.project["label_config"] = config

    fake.before = before


@pytest.mark.parametrize("after_writes", [0, 2])
def test_config_that_is_changed_under_a_run_ends_it(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch, after_writes: int
) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0)
    fake.add_tasks(*range(1, 10))
    fake.before = lambda request: None
    if after_writes:
        change(fake, HANDS, after_writes)
    else:  # while the model is loaded
        monkeypatch.setattr(
            StubAnnotator, "__init__", lambda self, settings, bulk, stop: fake.project.update(label_config=HANDS)
        )
    done = prefill()
    assert done.exit_code == SOME_FAILED
    assert done.stdout.splitlines() == [
        f"Predicted {after_writes} (0 empty), skipped 0, failed 0.",
        f"Stopped early: {CHANGED}; {AGAIN}",
    ]
    assert len(fake.predictions) == after_writes

    monkeypatch.setattr(StubAnnotator, "__init__", lambda self, settings, bulk, stop: None)
    assert prefill("--replace").exit_code == ALL_WELL
    assert [names(fake, task_id) for task_id in fake.tasks] == [["left_hand"]] * 9


def test_change_after_the_last_look_is_told_at_the_end(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2, 3)
    change(fake, HANDS, 3)
    done = prefill()
    assert done.exit_code == SOME_FAILED
    assert done.stdout.splitlines()[-1] == f"Stopped early: {CHANGED}; {AGAIN}"
    assert prefill("--replace").stdout.startswith("Predicted 3 ")


def test_nothing_is_deleted_as_made_for_a_config_that_has_changed(fake: FakeLabelStudio, prefill: Prefill) -> None:
    """Another run, which knows the new config, has stored what fits it."""
    fake.add_tasks(1)
    fake.predict(1, OURS, result=[NOSE])
    fake.predict(1, OURS, result=[THUMB])

    def before(request: Received) -> None:
        if request.path == TASKS and '"greater"' not in request.parameters["query"]:
            fake.project["label_config"] = HANDS

    fake.before = before
    assert prefill("--replace").exit_code == SOME_FAILED
    assert fake.deletes() == []


def test_config_without_anything_to_fill_ends_the_run(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0)
    fake.add_tasks(1, 2, 3)
    change(fake, "<View/>", 1)
    assert f"Stopped early: {CHANGED}: the labeling config has no <Image " in prefill().stdout


def test_what_does_not_concern_what_is_filled_is_no_change(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0)
    fake.add_tasks(1, 2, 3)
    change(fake, write_config((Part.BODY,), prompt=Prompt.NONE).replace("#e6194b", "#000000"), 1)
    assert prefill().stdout == "Predicted 3 (0 empty), skipped 0, failed 0.\n"


def test_config_is_looked_at_now_and_then_alone(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 31))
    assert prefill().exit_code == ALL_WELL
    assert len(fake.asked("GET", PROJECT)) == 4  # the start, before the first write, what it shows, the end


def test_look_that_fails_leaves_it_to_the_write(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0)
    fake.add_tasks(1, 2, 3)
    fake.fail("GET", PROJECT, None, *[http(502)] * 4)
    assert prefill("--retries", "1").stdout == "Predicted 3 (0 empty), skipped 0, failed 0.\n"


@pytest.mark.parametrize("path", [TASKS, PROJECT])
def test_project_that_is_deleted_during_a_run_ends_it(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(config_watch, "LOOK_EVERY_S", 0)
    fake.add_tasks(*range(1, 10))

    def before(request: Received) -> None:
        if len(fake.predictions) == 2 or (path == TASKS and request.method == "POST"):
            fake.tasks.clear()
            gone = told({"detail": "No Project matches the given query."}, 404)
            fake.fail("GET", path, *[gone] * 99)

    fake.before = before
    done = prefill()
    assert done.exit_code == SOME_FAILED
    assert done.stdout.splitlines()[-1] == (
        f"Stopped early: there is no project 1 that the token's user may see (GET {path}: HTTP 404 No Project matches "
        "the given query.); was it deleted? Else check the number in its address, and the token"
    )
    assert "labeling stream" not in done.stderr
    assert "GET " + PREDICTIONS not in done.stderr
