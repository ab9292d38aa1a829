"""The doubtful first in a real Label Studio: the score column, the tab, and what the labeling stream serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from tests.dataset.regions import box, point
from wholebody.__main__ import main

from .browser import Editor
from .figure_tasks import import_figures, make_project

pytestmark = pytest.mark.thorough

TITLE = "Most doubtful first"
SCORES = [0.7, 0.2, 0.9, 0.4]
"""Of the tasks by id."""


@pytest.fixture
def project(
    admin: LabelStudioAdmin,
    label_studio: LabelStudioServer,
    backend: BackendServer,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """A project with the backend connected and four predictions of one version, as the prefill stores them."""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("REQUEST_DELAY_SECONDS", "0")
    monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", admin.personal_access_token())
    project = make_project(admin, "review")
    admin.connect_backend(project, backend.url)
    tasks = import_figures(admin, label_studio, project, len(SCORES))
    for task, score in zip(tasks, SCORES, strict=True):
        store(admin, task, score)
    return project


def store(admin: LabelStudioAdmin, task: int, score: float, result: Sequence[Any] = ()) -> None:
    body = {"task": task, "model_version": "wholebody-figures-1", "score": score, "result": list(result)}
    admin.request("POST", "/api/predictions/", json=body)


def review(project: int, *options: str) -> Result:
    done = CliRunner().invoke(main, ["review", "--project", str(project), *options])
    assert done.exit_code == 0, done.stderr
    return done


def tabs(admin: LabelStudioAdmin, project: int) -> list[dict[str, Any]]:
    return list(admin.request("GET", "/api/dm/views/", params={"project": str(project)}).json())


def listed(admin: LabelStudioAdmin, project: int, tab: int) -> list[float | None]:
    """The score column of a tab, from the top."""
    params = {"project": str(project), "view": str(tab), "page_size": "100"}
    rows = admin.request("GET", "/api/tasks/", params=params).json()["tasks"]
    return [row["predictions_score"] for row in rows]


def served(admin: LabelStudioAdmin, project: int) -> float:
    """The score of the task that the labeling stream serves next, which is submitted then."""
    task = admin.request("GET", f"/api/projects/{project}/next/").json()["id"]
    (prediction,) = admin.predictions(task)
    admin.annotate(task, [])
    return float(prediction["score"])


def test_the_empty_column_is_filled_and_there_is_one_tab(admin: LabelStudioAdmin, project: int) -> None:
    connected = str(admin.project(project)["model_version"])
    review(project)
    review(project)
    usual, tab, nobody = tabs(admin, project)
    assert [one["data"]["title"] for one in (usual, tab, nobody)] == ["Default", TITLE, "Nobody found"]
    assert listed(admin, project, nobody["id"]) == []
    assert listed(admin, project, tab["id"]) == sorted(SCORES)
    admin.annotate(int(admin.tasks(project)[1]["id"]), [])
    assert listed(admin, project, tab["id"]) == [0.4, 0.7, 0.9]
    admin.update_project(project, model_version=connected)
    assert listed(admin, project, tab["id"]) == [], "the column fills itself: this test shows nothing"


def test_the_stream_serves_the_lowest_score_and_goes_back(admin: LabelStudioAdmin, project: int) -> None:
    review(project, "--serve")
    assert [served(admin, project) for _ in range(2)] == [0.2, 0.4]
    review(project, "--no-serve")
    assert [served(admin, project) for _ in range(2)] == [0.7, 0.9]
    assert admin.project(project)["sampling"] == "Sequential sampling"


def test_nobody_found_has_a_tab_of_its_own(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: int
) -> None:
    (task,) = import_figures(admin, label_studio, project, 1)
    store(admin, task, 0.0)
    review(project)
    _, tab, nobody = tabs(admin, project)
    assert listed(admin, project, tab["id"]) == sorted(SCORES)
    assert listed(admin, project, nobody["id"]) == [0.0]


def test_the_stream_serves_from_clusters_in_turn(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: int
) -> None:
    """Without clusters it would be 0, .2, .3, .4: the one pose comes after all of the other."""
    first, second, third, fourth = (int(task["id"]) for task in admin.tasks(project))
    fifth, sixth = import_figures(admin, label_studio, project, 2)
    person = box("a", 60, 10, 110, 90)
    standing, waving = ([person, point("nose", 80, 20, "a"), point("left_wrist", 70, y, "a")] for y in (60, 12))
    for task in (first, second, third, fourth, fifth, sixth):
        for prediction in admin.predictions(task):
            admin.request("DELETE", f"/api/predictions/{prediction['id']}/")
    for task, score in ((first, 0.2), (second, 0.3), (third, 0.4)):
        store(admin, task, score, standing)
    for task, score in ((fourth, 0.7), (fifth, 0.8)):
        store(admin, task, score, waving)
    store(admin, sixth, 0.0)
    done = review(project, "--serve", "--clusters", "2")
    assert done.stdout.endswith("clusters: 3, 2 predictions by their poses, 1 with nobody; 6 were changed\n")
    assert [admin.predictions(task)[0]["cluster"] for task in (first, second, third, fourth, fifth, sixth)] == [
        1, 1, 1, 2, 2, 0,
    ]  # fmt: skip
    assert [served(admin, project) for _ in range(6)] == [0.0, 0.2, 0.7, 0.3, 0.8, 0.4]


def test_a_task_without_prediction_is_still_predicted_when_opened(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: int
) -> None:
    review(project, "--serve")
    task = import_figures(admin, label_studio, project, 1)[0]
    assert admin.predictions(task) == []
    admin.open_task(project, task)
    (prediction,) = admin.predictions(task)
    assert len(prediction["result"]) == 134


def test_a_changed_tab_is_put_right(admin: LabelStudioAdmin, project: int) -> None:
    review(project)
    tab = tabs(admin, project)[1]
    data = tab["data"] | {"ordering": ["tasks:id"], "gridWidth": 7}
    admin.request("PATCH", f"/api/dm/views/{tab['id']}/", json={"data": data})
    assert "put right" in review(project).stdout
    after = tabs(admin, project)[1]["data"]
    assert after == tab["data"] | {"gridWidth": 7}


def test_the_tab_is_there_and_sorted(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, editor: Editor, project: int
) -> None:
    review(project)
    page = editor.page
    page.goto(f"{label_studio.url}/projects/{project}/data?tab={tabs(admin, project)[1]['id']}")
    page.get_by_text("Prediction score", exact=True).last.wait_for()
    page.get_by_text(f"{max(SCORES):.3f}").wait_for()
    shown = page.locator("body").inner_text().splitlines()
    assert {"Default", TITLE} <= set(shown)
    assert [float(line) for line in shown if line in {f"{score:.3f}" for score in SCORES}] == sorted(SCORES)
