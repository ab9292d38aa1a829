"""`wholebody evaluate` with a real Label Studio: what people do to predictions, by its API and in its editor."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.__main__ import main
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

from .browser import Editor
from .figure_tasks import import_figures

pytestmark = pytest.mark.thorough

Json = dict[str, Any]

TASKS = 4


class Prefilled:
    """A project of drawn figures that the prefill has filled.

    Attributes:
        tasks: The ids of its tasks.
    """

    def __init__(self, admin: LabelStudioAdmin, server: LabelStudioServer) -> None:
        self.admin = admin
        self.project = admin.create_project(
            "evaluation", write_config(tuple(Part), visibility=True, prompt=Prompt.NONE)
        )
        self.tasks = import_figures(admin, server, self.project, TASKS)
        said = command("prefill", "--project", self.project, "--delay", 0, "--limit", "all")
        assert said.startswith(f"Predicted {TASKS}")

    def prediction(self, task: int) -> Json:
        (one,) = self.admin.predictions(task)
        return one

    def annotate(self, task: int, change: Callable[[list[Json]], None], **rest: Any) -> list[Json]:
        """Submit a task's prediction with changes, as the editor does; what was submitted."""
        prediction = self.prediction(task)
        result = [region | {"origin": "prediction"} for region in copy.deepcopy(prediction["result"])]
        change(result)
        body = {"result": result, "parent_prediction": prediction["id"], **rest}
        self.admin.request("POST", f"/api/tasks/{task}/annotations/", json=body)
        return result

    def evaluate(self, *options: object) -> Json:
        given = options or ("--project", self.project)
        command("evaluate", *given, "--out", "out", "--strict")
        metrics = json.loads(Path("out/metrics.json").read_text())
        Path("out").rename(f"out-{len(list(Path().iterdir()))}")
        return dict(metrics)


def command(name: str, *options: object) -> str:
    done = CliRunner().invoke(main, [name, *map(str, options)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def prefilled(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Prefilled:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODE", "figures")
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", admin.api_token())
    return Prefilled(admin, label_studio)


def named(result: list[Json], name: str) -> Json:
    return next(region for region in result if name in region["value"].get("keypointlabels", ()))


def left_as_it_is(result: list[Json]) -> None:
    """What who is in a hurry does."""


def corrected(result: list[Json]) -> None:
    """The nose of somebody moved, a wrist deleted, an ankle said to be hidden."""
    nose, wrist, ankle = (named(result, name) for name in ("nose", "left_wrist", "right_ankle"))
    nose["value"]["x"] += 2 if nose["value"]["x"] < 50 else -2
    nose["origin"] = "prediction-changed"
    result.remove(wrist)
    mark = {key: ankle[key] for key in ("id", "to_name", "parentID")}
    result.append(mark | {"from_name": "visibility", "type": "choices", "value": {"choices": ["hidden"]}})


def deleted(result: list[Json]) -> None:
    """Nobody is left."""
    result.clear()


def drawn_anew(result: list[Json]) -> None:
    """The wrist again, which was deleted before: without a parent, and under an id of its own."""
    wrist = named(result, "left_wrist")
    result.remove(wrist)
    wrist |= {"id": "by-hand", "origin": "manual", "parentID": None}
    result.append(wrist)


def test_what_annotators_did(prefilled: Prefilled) -> None:
    first, second, third, fourth = prefilled.tasks
    people = [
        sum(region["type"] == "rectanglelabels" for region in prefilled.prediction(task)["result"])
        for task in prefilled.tasks
    ]
    points = [
        sum(r["type"] == "keypointlabels" for r in prefilled.prediction(task)["result"]) for task in prefilled.tasks
    ]
    prefilled.annotate(first, left_as_it_is, lead_time=1.5)
    prefilled.annotate(second, corrected, lead_time=40)
    prefilled.annotate(third, deleted, lead_time=9)
    prefilled.annotate(fourth, drawn_anew, lead_time=20)
    metrics = prefilled.evaluate()
    ((version, found),) = metrics["model_versions"].items()
    assert version == prefilled.prediction(first)["model_version"]
    assert (found["tasks"], found["lead_time"]["count"], found["lead_time"]["median"]) == (4, 4, 14.5)
    kept = sum(people) - people[2]
    assert found["people"] == {"kept": kept, "missed": 0, "removed": people[2]}
    predicted = sum(points) - points[2]
    everything = found["points"]["all"]
    assert {kind: everything[kind] for kind in ("predicted", "unmoved", "moved", "deleted", "added", "hidden")} == {
        "predicted": predicted, "unmoved": predicted - 2, "moved": 1, "deleted": 1, "added": 0, "hidden": 1,
    }  # fmt: skip
    moved_px = 0.02 * prefilled.prediction(second)["result"][0]["original_width"]
    assert found["points"]["keypoints"]["nose"]["moved_px"]["median"] == pytest.approx(moved_px, rel=0.03)
    assert (found["unchanged"], found["unchanged_fast_tasks"]) == (2, [first]), "drawn anew in the same place"
    assert found["coco"]["wholebody"]["AP50"] > 0.5
    assert [*metrics["annotators"]] == [str(prefilled.admin.request("GET", "/api/current-user/whoami").json()["id"])]

    prefilled.annotate(second, left_as_it_is, lead_time=1)
    agreement = prefilled.evaluate()["agreement"]
    assert agreement["pairs"] == 1
    assert agreement["points"]["keypoints"]["left_wrist"]["one"] == 1
    assert agreement["points"]["keypoints"]["nose"]["apart_px"]["median"] == pytest.approx(moved_px, rel=0.03)


def test_an_export_says_the_same_as_the_project(prefilled: Prefilled) -> None:
    """Label Studio keeps the prediction of the project's model version in each annotation."""
    version = prefilled.prediction(prefilled.tasks[0])["model_version"]
    prefilled.admin.update_project(prefilled.project, model_version=version)
    for task, change in zip(prefilled.tasks, (left_as_it_is, corrected, deleted, drawn_anew), strict=True):
        prefilled.annotate(task, change, lead_time=7)
    Path("export.json").write_bytes(prefilled.admin.export(prefilled.project))
    exported = json.loads(Path("export.json").read_text())
    assert isinstance(exported[0]["predictions"], list)
    assert not any(isinstance(one, dict) for one in exported[0]["predictions"])
    by_file, by_project = prefilled.evaluate("--tasks", "export.json"), prefilled.evaluate()
    assert by_file["model_versions"] == by_project["model_versions"]
    assert by_file["counts"] == by_project["counts"]


def test_what_is_submitted_unchanged_in_the_editor_is_unmoved(prefilled: Prefilled, editor: Editor) -> None:
    task = prefilled.tasks[0]
    editor.open(prefilled.project, task)
    editor.wait_for_regions(len(prefilled.prediction(task)["result"]))
    editor.submit()
    ((_, found),) = prefilled.evaluate()["model_versions"].items()
    points = found["points"]["all"]
    assert points["unmoved"] == points["predicted"] > 100
    assert points["moved"] == points["deleted"] == points["added"] == 0
    assert found["unchanged"] == 1
    assert found["lead_time"]["count"] == 1
    assert found["coco"]["wholebody"]["AP"] == 1
