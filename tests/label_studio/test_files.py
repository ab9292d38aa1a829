"""`wholebody prefill --out`: its files in a real Label Studio, by each of its ways in, and in its editor."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from demo.backend import ROOT, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.figures.drawing import write_samples

from .browser import Editor
from .figure_tasks import SEED, assert_is_the_truth, make_project
from .test_prefill_command import prefill

PICTURES, SHARDS = 6, 2

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)

WATCH = """
from wholebody.__main__ import main
from wholebody.prefill import watching
watching.ASK_EVERY_S = 0.5
main()
"""


def run(cwd: Path, settings: dict[str, str], *options: str) -> str:
    done = prefill(cwd, settings, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pictures(label_studio: LabelStudioServer) -> Path:
    """A folder with pictures of figures and their list, which Label Studio serves."""
    folder = label_studio.files_root / "figure-files"
    paths = write_samples(folder, PICTURES, SEED)
    (folder.parent / "list.txt").write_text("".join(f"figure-files/{path.name}\n" for path in paths))
    return folder


@pytest.fixture(scope="module")
def out(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their predictions as files, made without any Label Studio by two runs at once."""
    folder = tmp_path_factory.mktemp("files") / "out"
    command = [sys.executable, str(ROOT / "create_predictions.py"), "--tasks", str(pictures.parent / "list.txt")]
    options = ["--out", str(folder), "--images", "/data/local-files/?d=", "--limit", "all", "--per-file", "2"]
    runs = [
        subprocess.Popen(
            [*command, *options, "--shard", f"{number}/{SHARDS}"],
            cwd=folder.parent,
            env=environment({"MODE": "figures"}),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(1, SHARDS + 1)
    ]
    for one in runs:
        _, said = one.communicate(timeout=200)
        assert one.returncode == 0, said
    return folder


def project_for(admin: LabelStudioAdmin, pictures: Path, title: str) -> int:
    project = make_project(admin, title)
    admin.add_local_storage(project, pictures)
    return project


def assert_each_once(tasks: list[dict[str, Any]], pictures: Path) -> None:
    """Each picture is one task, which shows what is in it."""
    counted = Counter(task["data"]["image"].rpartition("/")[2] for task in tasks)
    names = sorted(path.name for path in pictures.iterdir() if path.suffix == ".png")
    assert counted == Counter(names)
    for task in tasks:
        (prediction,) = task["predictions"]
        number = 1 + names.index(task["data"]["image"].rpartition("/")[2])
        assert_is_the_truth(prediction, number)


@pytest.mark.thorough
def test_files_are_imported_and_a_task_is_opened(
    admin: LabelStudioAdmin, pictures: Path, out: Path, editor: Editor
) -> None:
    project = project_for(admin, pictures, "files, imported")
    files = sorted(out.iterdir())
    assert [file.name for file in files] == [f"tasks-{n}-of-2-0000{k}.json" for n in (1, 2) for k in (1, 2)]
    for file in files:
        admin.upload_file(project, file)
    assert_each_once(admin.tasks(project), pictures)
    first = admin.tasks(project)[0]
    editor.open(project, first["id"])
    editor.wait_until_idle()
    assert len(editor.regions()) == len(first["predictions"][0]["result"])


def test_files_come_by_the_sync_of_a_storage(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, pictures: Path, out: Path
) -> None:
    project = project_for(admin, pictures, "files, synced")
    folder = label_studio.files_root / "synced"
    folder.mkdir()
    for file in out.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / ".unfinished").mkdir()  # as while a run goes on
    (folder / ".unfinished" / "tasks-00009.json").write_text("[\n{")
    body = {"project": project, "title": "files", "path": str(folder), "use_blob_urls": False}
    storage = admin.request("POST", "/api/storages/localfiles/", json=body).json()["id"]
    assert admin.sync_local_storage(storage) == PICTURES
    assert_each_once(admin.tasks(project), pictures)


@pytest.mark.thorough
def test_predictions_go_into_a_project_that_has_the_tasks(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, pictures: Path, out: Path, tmp_path: Path
) -> None:
    project = project_for(admin, pictures, "files, predictions alone")
    values = [f"/data/local-files/?d=figure-files/{path.name}" for path in sorted(pictures.glob("*.png"))]
    tasks = admin.import_tasks(project, [{"image": value} for value in values])
    admin.annotate(tasks[0], [])
    command = [sys.executable, "-m", "wholebody", "import", "--predictions", str(out), "--project", str(project)]
    settings = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_TOKEN": admin.legacy_token()}
    variables = environment(settings | {"REQUEST_DELAY_SECONDS": "0", "PYTHONPATH": str(ROOT)})
    for stored, skipped in ((PICTURES - 1, 1), (0, PICTURES)):
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, f"Stored {stored} (0 empty), skipped {skipped}, failed 0.\n")
    assert admin.predictions(tasks[0]) == []
    for number, task in enumerate(tasks[1:], 2):
        (prediction,) = admin.predictions(task)
        assert_is_the_truth(prediction, number)


@pytest.mark.thorough
def test_an_export_is_predicted_without_the_server_and_a_project_into_files(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, pictures: Path, tmp_path: Path
) -> None:
    project = project_for(admin, pictures, "files, exported")
    values = [f"/data/local-files/?d=figure-files/{path.name}" for path in sorted(pictures.glob("*.png"))]
    tasks = admin.import_tasks(project, [{"image": value} for value in values])
    admin.annotate(tasks[2], [])
    parameters = {"exportType": "JSON", "download_all_tasks": "true"}
    exported = admin.request("GET", f"/api/projects/{project}/export", params=parameters).content
    (tmp_path / "export.json").write_bytes(exported)
    options = ("--tasks", "export.json", "--images", "/data/local-files/?d=", "--images-dir", str(pictures.parent))
    assert run(tmp_path, {}, *options, "--out", "offline") == "Predicted 5 (0 empty), skipped 1, failed 0.\n"
    settings = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_TOKEN": admin.legacy_token()}
    of_project = ("--project", str(project), "--out", "online")
    assert run(tmp_path, settings, *of_project) == "Predicted 5 (0 empty), skipped 1, failed 0.\n"
    offline, online = (json.loads((tmp_path / name / "tasks-00001.json").read_text()) for name in ("offline", "online"))
    assert {task["id"] for task in offline} == {task["id"] for task in online} == {*tasks} - {tasks[2]}
    data = [{task["id"]: task["data"] for task in found} for found in (offline, online)]
    assert data[0] == data[1]


@pytest.mark.thorough
def test_nobody_in_the_picture_is_imported_too(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text(f"{PIXEL}\n")
    run(tmp_path, {}, "--tasks", "list.txt", "--out", "out")
    project = make_project(admin, "files, nobody")
    (task,) = admin.upload_file(project, tmp_path / "out" / "tasks-00001.json")
    (prediction,) = admin.predictions(task)
    assert (prediction["result"], prediction["score"]) == ([], 0.0)


@pytest.mark.thorough
def test_a_watch_predicts_what_arrives_and_ends_at_sigterm(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, pictures: Path, tmp_path: Path
) -> None:
    project = project_for(admin, pictures, "files, watched")
    values = [f"/data/local-files/?d=figure-files/{path.name}" for path in sorted(pictures.glob("*.png"))]
    settings = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_TOKEN": admin.legacy_token()}
    command = [sys.executable, "-c", WATCH, "prefill", "--watch", "--project", str(project)]
    variables = environment(settings | {"MODE": "figures", "REQUEST_DELAY_SECONDS": "0", "PYTHONPATH": str(ROOT)})
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True) as watch:
        for number, value in enumerate(values[:3], 1):
            (task,) = admin.import_tasks(project, [{"image": value}])
            limit = time.monotonic() + 60
            while not admin.predictions(task) and time.monotonic() < limit:
                time.sleep(0.2)
            (prediction,) = admin.predictions(task)
            assert_is_the_truth(prediction, number)
        watch.terminate()
        said, _ = watch.communicate(timeout=60)
    assert (watch.returncode, said) == (0, "Predicted 3 (0 empty), skipped 0, failed 0.\n")


@pytest.mark.thorough
def test_what_killed_runs_leave_is_imported_and_all_is_there_once(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, tmp_path: Path
) -> None:
    folder = label_studio.files_root / "figures-killed"
    paths = write_samples(folder, 40, SEED)
    (folder.parent / "killed.txt").write_text("".join(f"{folder.name}/{path.name}\n" for path in paths))
    project = project_for(admin, folder, "files, killed")
    out, chance, imported = tmp_path / "out", random.Random(7), set[str]()
    options = ["--tasks", str(folder.parent / "killed.txt"), "--images", "/data/local-files/?d=", "--per-file", "3"]
    command = [sys.executable, str(ROOT / "create_predictions.py"), *options, "--out", str(out), "--limit", "all"]
    for is_last in (False, False, False, True):
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment({"MODE": "figures"}), stdout=subprocess.PIPE, text=True
        ) as one:
            while not is_last and one.poll() is None and not [*out.glob(".unfinished/*.json")]:
                time.sleep(0.01)
            if not is_last:
                time.sleep(chance.uniform(0, 0.5))
                one.kill()
            one.communicate()
        for file in sorted(out.glob("*.json")):
            if file.name not in imported:
                admin.upload_file(project, file)
                imported.add(file.name)
    assert_each_once(admin.tasks(project), folder)
