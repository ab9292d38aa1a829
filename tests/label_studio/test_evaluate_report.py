"""The report of `wholebody evaluate` with a real Label Studio: in a browser, and from there back to a task."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from demo.backend import ROOT, BackendServer, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin

from .browser import Editor
from .figure_tasks import import_figures, make_project

pytestmark = pytest.mark.thorough

TASKS = 3
MOVED, BY_PERCENT = "left_wrist", 6.0
"""What is moved to the right on everybody of the second task, and by how much of the picture's width."""
DELETED = "right_heel"
"""What is deleted from the last person of the third task."""

Json = dict[str, Any]


def corrected(result: list[Json], number: int) -> list[Json]:
    """The regions of a prediction as somebody corrects those of the task with this number, from 0."""
    result = deepcopy(result)
    boxes = [region["id"] for region in result if region["type"] == "rectanglelabels"]
    if number == 1:
        for region in named(result, MOVED):
            region["value"]["x"] += BY_PERCENT
            region["origin"] = "prediction-changed"
    if number == 2:
        result.remove(next(region for region in named(result, DELETED) if region["parentID"] == boxes[-1]))
    return result


def named(result: list[Json], name: str) -> list[Json]:
    return [region for region in result if region["value"].get("keypointlabels") == [name]]


Evaluate = Callable[[str], Path]


@pytest.fixture
def project(admin: LabelStudioAdmin, label_studio: LabelStudioServer, backend: BackendServer) -> tuple[int, list[int]]:
    """A project whose predictions were corrected, and its tasks."""
    project = make_project(admin, "report")
    admin.connect_backend(project, backend.url)
    tasks = import_figures(admin, label_studio, project, TASKS)
    admin.retrieve_predictions(project, tasks)
    for number, task in enumerate(tasks):
        (prediction,) = admin.predictions(task)
        admin.annotate(task, corrected(prediction["result"], number))
    return project, tasks


@pytest.fixture
def evaluate(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: tuple[int, list[int]], tmp_path: Path
) -> Evaluate:
    """Evaluates the project, as a user does, into a folder."""
    settings = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_TOKEN": admin.api_token()}

    def run(out: str) -> Path:
        command = ["evaluate", "--project", str(project[0]), "--out", out, "--strict"]
        done = subprocess.run(
            [sys.executable, "-m", "wholebody", *command],
            cwd=tmp_path,
            env=environment(settings | {"PYTHONPATH": str(ROOT)}),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return tmp_path / out

    return run


def test_what_was_corrected_is_measured_and_shown(
    evaluate: Evaluate, project: tuple[int, list[int]], label_studio: LabelStudioServer, editor: Editor
) -> None:
    (number, tasks), folder = project, evaluate("evaluation")
    metrics = json.loads((folder / "metrics.json").read_text())
    (version,) = metrics["model_versions"].values()
    people = 1 + 2 + 3  # of the three pictures
    keypoints = version["points"]["keypoints"]
    assert {name for name, points in keypoints.items() if points["unmoved"] < people} == {MOVED, DELETED}
    assert (keypoints[MOVED]["moved"], keypoints[DELETED]["deleted"]) == (2, 1)

    page, complaints = editor.page, list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((folder / "report.html").as_uri())
    shown = page.locator(".person")
    captions = [" ".join(text.split()) for text in shown.locator("figcaption").all_inner_texts()]
    assert [f"Task {tasks[1]}" in caption and "1 moved of 133 points" in caption for caption in captions[:2]] == [
        True
    ] * 2
    assert f"Task {tasks[2]}" in captions[2]
    assert "1 deleted of 133 points" in captions[2]
    assert shown.count() == 3, "people whom nobody corrected are shown"
    assert page.locator(".person image").count() == 3, "a picture is missing"
    assert page.locator("table.keypoints tbody th").first.inner_text() == MOVED
    assert complaints == []

    page.get_by_role("link", name=f"Task {tasks[1]}").first.click()
    page.wait_for_url(f"{label_studio.url}/projects/{number}/data?task={tasks[1]}*")
    editor.wait_until_ready()
    assert page.evaluate("() => window.Htx.task.id") in (tasks[1], str(tasks[1]))


def test_a_picture_that_is_gone_is_named_and_no_error(
    evaluate: Evaluate, project: tuple[int, list[int]], admin: LabelStudioAdmin, label_studio: LabelStudioServer
) -> None:
    number, tasks = project
    (gone,) = (task["data"]["image"] for task in admin.tasks(number) if task["id"] == tasks[1])
    (label_studio.files_root / gone.partition("?d=")[2]).unlink()
    text = (evaluate("without") / "report.html").read_text()
    assert text.count("<image ") == 1, "the one of the other task is there"
    assert text.count(f'<small class="gone">{gone} ') == 2
