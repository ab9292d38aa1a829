"""What the prefill deletes in a real Label Studio, and which tasks it lists for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.keypoints import Part
from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.labeling.config_writer import write_config
from wholebody.process.stopping import Stop
from wholebody.settings import Settings
from wholebody.versions import OUR_VERSIONS

from .figure_tasks import assert_is_the_truth, import_figures, make_project
from .test_doctor import outcomes
from .test_prefill_command import prefill

OLD, OTHER = f"{OUR_VERSIONS}balanced-11111111", "another-tool-1"


@pytest.fixture
def settings(label_studio: LabelStudioServer, admin: LabelStudioAdmin) -> dict[str, str]:
    project = make_project(admin, "replaced")
    token = admin.api_token()
    return {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_TOKEN": token, "PROJECT_ID": str(project)}


def store(admin: LabelStudioAdmin, task: int, version: str, result: Any = ()) -> int:
    content = {"task": task, "model_version": version, "result": list(result)}
    return int(admin.request("POST", "/api/predictions/", json=content).json()["id"])


def versions(admin: LabelStudioAdmin, task: int) -> list[str]:
    return sorted(one["model_version"] for one in admin.predictions(task))


def names(admin: LabelStudioAdmin, task: int) -> set[str]:
    return {region["from_name"] for one in admin.predictions(task) for region in one["result"]}


@pytest.mark.thorough
def test_older_versions_are_replaced_and_nothing_else(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    fresh, old, two, mixed, foreign, annotated, done = import_figures(
        admin, label_studio, int(settings["PROJECT_ID"]), 7
    )
    for task, present in {old: [OLD], two: [OLD, OLD], mixed: [OTHER, OLD], foreign: [OTHER], annotated: [OLD]}.items():
        for version in present:
            store(admin, task, version)
    admin.annotate(annotated, [])
    assert prefill(tmp_path, settings, "--start", str(done), "--limit", "1").returncode == 0
    (ours,) = versions(admin, done)

    run = prefill(tmp_path, settings, "--replace")
    assert run.returncode == 0, run.stderr
    assert "Predicted 4 (0 empty), skipped 3, failed 0." in run.stdout
    assert [versions(admin, task) for task in (fresh, old, two, done)] == [[ours]] * 4
    assert versions(admin, mixed) == sorted([OTHER, ours])
    assert versions(admin, foreign) == [OTHER]
    assert versions(admin, annotated) == [OLD]
    assert_is_the_truth(admin.predictions(two)[0], 3)
    assert "Predicted 0 (0 empty), skipped 7, failed 0.\n" in prefill(tmp_path, settings, "--replace").stdout


@pytest.mark.thorough
def test_predictions_for_another_config_are_told_and_replaced(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    project = int(settings["PROJECT_ID"])
    first, annotated, last = import_figures(admin, label_studio, project, 3)
    assert prefill(tmp_path, settings).returncode == 0
    assert outcomes(tmp_path, settings)[1]["predictions"]["status"] == "ok"
    admin.annotate(annotated, [])
    admin.update_project(project, label_config=write_config((Part.LEFT_HAND, Part.RIGHT_HAND)))
    found = outcomes(tmp_path, settings)[1]["predictions"]
    assert (found["status"], f"in 2 of the 2 tasks looked at, such as task {first}, " in found["message"]) == (
        "warn",
        True,
    )

    assert "Predicted 0 (0 empty), skipped 3, failed 0.\n" in prefill(tmp_path, settings).stdout
    run = prefill(tmp_path, settings, "--replace")
    assert (run.returncode, "Predicted 2 (0 empty), skipped 1, failed 0.\n" in run.stdout) == (0, True), run.stderr
    assert [names(admin, task) for task in (first, last)] == [{"left_hand", "right_hand", "box"}] * 2
    assert "body" in names(admin, annotated)
    assert outcomes(tmp_path, settings)[1]["predictions"]["status"] == "ok"
    assert "Predicted 0 (0 empty), skipped 3, failed 0.\n" in prefill(tmp_path, settings, "--replace").stdout


def test_what_a_client_can_know_of_the_database(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str]
) -> None:
    project = int(settings["PROJECT_ID"])
    (task,) = import_figures(admin, label_studio, project, 1)
    store(admin, task, OLD)
    client = LabelStudioClient(
        Settings(label_studio_url=label_studio.url, label_studio_api_token=settings["LABEL_STUDIO_API_TOKEN"]),  # type: ignore[call-arg,arg-type]
        Stop(),
    )
    assert client.count_tasks(project, TaskQuery.predicted_by(OLD.upper())) == 1, "SQLite does not tell the case"
    assert client.repeats_locked_writes(project, OLD)


def test_copies_and_an_unfinished_replacement_are_tidied(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    doubled, unfinished, foreign = import_figures(admin, label_studio, int(settings["PROJECT_ID"]), 3)
    store(admin, foreign, OTHER)
    store(admin, foreign, OTHER)
    assert prefill(tmp_path, settings).returncode == 0
    (first,) = admin.predictions(doubled)
    copy = [region | {"id": f"{region['id']}x"} for region in first["result"]]  # as another run would have made it
    for _ in range(2):
        store(admin, doubled, first["model_version"], copy)
    store(admin, unfinished, OLD)

    assert "Deleted 2 predictions at the end" in prefill(tmp_path, settings).stdout
    assert [one["id"] for one in admin.predictions(doubled)] == [first["id"]]
    assert versions(admin, unfinished) == sorted([OLD, first["model_version"]])
    assert "Deleted 1 predictions at the end" in prefill(tmp_path, settings, "--replace").stdout
    assert versions(admin, unfinished) == [first["model_version"]]
    assert versions(admin, foreign) == [OTHER, OTHER]


def test_tasks_that_failed_are_tried_again(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    tasks = import_figures(admin, label_studio, int(settings["PROJECT_ID"]), 5)
    gone, predicted = tasks[1], tasks[2]
    store(admin, predicted, OTHER)
    admin.request("DELETE", f"/api/tasks/{gone}/")
    failures = tmp_path / "prefill-failures.jsonl"
    failures.write_text("".join(f'{{"task":{task},"error":"x"}}\n' for task in tasks[:4]))
    run = prefill(tmp_path, settings, "--retry-failed", failures.name)
    assert run.returncode == 0, run.stderr
    assert "Predicted 2 (0 empty), skipped 2, failed 0." in run.stdout
    assert [len(admin.predictions(task)) for task in (tasks[0], predicted, tasks[3], tasks[4])] == [1, 1, 1, 0]
    assert not failures.exists()
