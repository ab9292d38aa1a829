"""`python create_predictions.py` against a real Label Studio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from demo.backend import ROOT, BackendServer, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin

from .figure_tasks import assert_is_the_truth, import_figures, make_project

TASKS = 30


def prefill(cwd: Path, settings: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a folder of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "create_predictions.py"), *options],
        cwd=cwd,
        env=environment({"MODE": "figures", "REQUEST_DELAY_SECONDS": "0", "TASK_LIMIT": "all"} | settings),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(
    params=[
        pytest.param("personal access token", marks=pytest.mark.since("1.17.0", "personal access tokens")),
        "legacy token",
    ]
)
def settings(
    request: pytest.FixtureRequest, label_studio: LabelStudioServer, admin: LabelStudioAdmin
) -> dict[str, str]:
    personal = request.param == "personal access token"
    token = admin.personal_access_token() if personal else admin.legacy_token()
    project = make_project(admin, str(request.param))
    return {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_TOKEN": token, "PROJECT_ID": str(project)}


def test_fills_a_project_and_doubles_nothing(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    project = int(settings["PROJECT_ID"])
    tasks = import_figures(admin, label_studio, project, TASKS)
    annotated, predicted, bad = tasks[3], tasks[5], tasks[8]
    admin.annotate(annotated, [])
    admin.request("POST", "/api/predictions/", json={"task": predicted, "model_version": "other", "result": []})
    admin.request("PATCH", f"/api/tasks/{bad}/", json={"data": {"image": "/data/local-files/?d=nowhere/x.png"}})

    trial = prefill(tmp_path, settings, "--limit", "2")
    assert trial.returncode == 0, trial.stderr
    assert "Predicted 2 (0 empty), skipped 2, failed 0." in trial.stdout
    whole = prefill(tmp_path, settings)
    assert whole.returncode == 1, whole.stderr
    assert f"Predicted {TASKS - 5} (0 empty), skipped 4, failed 1." in whole.stdout
    assert "HTTP 404" in whole.stdout
    assert f'"task":{bad}' in (tmp_path / "prefill-failures.jsonl").read_text()
    again = prefill(tmp_path, settings)
    assert f"Predicted 0 (0 empty), skipped {TASKS - 1}, failed 1." in again.stdout

    for number, task in enumerate(tasks, 1):
        if task not in (annotated, bad, predicted):
            (prediction,) = admin.predictions(task)
            assert_is_the_truth(prediction, number)
    assert admin.predictions(annotated) == []
    assert settings["LABEL_STUDIO_API_TOKEN"] not in trial.stderr + whole.stderr + again.stderr


def test_label_stream_shows_what_was_prefilled(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    project = int(settings["PROJECT_ID"])
    import_figures(admin, label_studio, project, 1)
    assert prefill(tmp_path, settings).returncode == 0
    following = admin.request("GET", f"/api/projects/{project}/next/").json()
    assert_is_the_truth(following["predictions"][0], 1)


def test_prefilled_tasks_are_not_predicted_again_by_the_backend(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, backend: BackendServer, tmp_path: Path
) -> None:
    project = make_project(admin, "both ways in")
    tasks = import_figures(admin, label_studio, project, 2)
    settings = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
        "PROJECT_ID": str(project),
    }
    assert prefill(tmp_path, settings).returncode == 0
    admin.connect_backend(project, backend.url)
    admin.retrieve_predictions(project, tasks)
    assert [len(admin.predictions(task)) for task in tasks] == [1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"LABEL_STUDIO_API_TOKEN": "0" * 40}, "does not accept the token (Invalid token.)"),
        (
            {"PROJECT_ID": "99999"},
            "there is no project 99999 that the token's user may see (GET /api/projects/99999/: HTTP 404",
        ),
        ({"PROJECT_ID": ""}, "PROJECT_ID is not set"),
    ],
)
def test_what_it_cannot_start_with(
    label_studio: LabelStudioServer,
    admin: LabelStudioAdmin,
    tmp_path: Path,
    change: dict[str, str],
    message: str,
) -> None:
    settings = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
        "PROJECT_ID": "1",
    }
    done = prefill(tmp_path, settings | change)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_worker_processes_fetch_its_images_and_the_command_writes(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, settings: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install --no-deps -r requirements-cluster.txt")
    project = int(settings["PROJECT_ID"])
    tasks = import_figures(admin, label_studio, project, TASKS)
    admin.request("PATCH", f"/api/tasks/{tasks[8]}/", json={"data": {"image": "/data/local-files/?d=nowhere/x.png"}})
    trial = prefill(tmp_path, settings, "--limit", "2")  # by threads: the same model version
    whole = prefill(tmp_path, settings, "--workers", "2")
    assert whole.returncode == 1, whole.stderr
    assert f"Predicted {TASKS - 3} (0 empty), skipped 2, failed 1." in whole.stdout
    assert "HTTP 404" in whole.stdout
    versions = set()
    for number, task in enumerate(tasks, 1):
        if task != tasks[8]:
            (prediction,) = admin.predictions(task)
            assert_is_the_truth(prediction, number)
            versions.add(prediction["model_version"])
    assert len(versions) == 1
    assert settings["LABEL_STUDIO_API_TOKEN"] not in trial.stderr + whole.stderr
