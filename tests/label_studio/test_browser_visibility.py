"""Points that are hidden but known, marked by an annotator in the real editor: what is shown, and what is stored."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

from .browser import Editor
from .figure_tasks import import_figures

Json = dict[str, Any]
REGIONS = {False: 134, True: 5}
"""Of one figure, as points and as skeletons, with the box."""


class Opened:
    """One drawn figure in the editor, with the mover in hand."""

    def __init__(self, admin: LabelStudioAdmin, editor: Editor, task: int, regions: Sequence[Json]) -> None:
        self._admin, self._editor, self._task = admin, editor, task
        self.regions = regions

    def named(self, name: str) -> Json:
        """The region of a point, a skeleton or the box."""
        kinds = ("keypointlabels", "vectorlabels", "rectanglelabels")
        return next(r for r in self.regions if any(name in r["value"].get(kind, ()) for kind in kinds))

    def select(self, name: str, joint: str | None = None) -> Json:
        region = self.named(name)
        value = region["value"]
        if joint:
            value = next(vertex for vertex in value["vertices"] if vertex["id"] == joint)
        self._editor.select((value["x"] / 100, value["y"] / 100), region["id"])
        return region

    def submitted(self) -> list[Json]:
        self._editor.submit()
        (annotation,) = self._admin.request("GET", f"/api/tasks/{self._task}/annotations/").json()
        return list(annotation["result"])


@pytest.fixture
def opened(
    request: pytest.FixtureRequest,
    admin: LabelStudioAdmin,
    label_studio: LabelStudioServer,
    backend: BackendServer,
    editor: Editor,
) -> Opened:
    skeleton = bool(getattr(request, "param", False))
    config = write_config(tuple(Part), skeleton=skeleton, prompt=Prompt.BOTH, visibility=True)
    project = admin.create_project("visibility", config)
    admin.connect_backend(project, backend.url, is_interactive=True)
    (task,) = import_figures(admin, label_studio, project, 1)
    editor.open(project, task)
    editor.wait_for_regions(REGIONS[skeleton])
    editor.switch("Auto-Annotation")  # then all of the editor's own keys are in use
    editor.page.get_by_label("move-tool").click()
    return Opened(admin, editor, task, editor.regions())


def choices(result: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """Id of a region and control -> what was chosen for it."""
    return {(r["id"], r["from_name"]): r["value"]["choices"] for r in result if r["type"] == "choices"}


def joints(region: Json) -> list[str]:
    return [vertex["id"] for vertex in region["value"].get("vertices", ())]


def others(result: Sequence[Json]) -> list[Json]:
    return [region for region in result if region["type"] != "choices"]


def test_points_are_marked_by_a_key(opened: Opened, editor: Editor) -> None:
    offered = editor.page.locator(".wb-visibility").get_by_text("hidden")
    assert not offered.is_visible()
    editor.press("o")  # nothing is selected
    elbow = opened.select("left_elbow")
    assert offered.is_visible()
    assert not editor.page.get_by_role("checkbox", name="hidden").is_checked()
    editor.press("o")
    assert editor.page.get_by_role("checkbox", name="hidden").is_checked()
    opened.select("right_knee")
    assert not editor.page.get_by_role("checkbox", name="hidden").is_checked()
    editor.press("o")
    editor.press("o")
    face = opened.select("face-8")
    editor.press("o")
    x, y = (face["value"][axis] / 100 for axis in "xy")
    editor.drag((x, y), (x + 0.03, y + 0.02))
    editor.unselect()
    assert not offered.is_visible()
    result = opened.submitted()
    assert choices(result) == {(elbow["id"], "visibility"): ["hidden"], (face["id"], "visibility"): ["hidden"]}
    assert {region["id"]: region["value"].get("keypointlabels") for region in others(result)} == {
        region["id"]: region["value"].get("keypointlabels") for region in opened.regions
    }
    (mark,) = [r for r in result if r["type"] == "choices" and r["id"] == elbow["id"]]
    assert (mark["to_name"], mark["parentID"]) == ("img", elbow["parentID"])


@pytest.mark.thorough
def test_a_box_is_never_hidden(opened: Opened, editor: Editor) -> None:
    box = opened.named("person")
    value = box["value"]
    editor.select(((value["x"] + 0.3) / 100, (value["y"] + 0.3) / 100), box["id"])
    assert not editor.page.locator(".wb-visibility").get_by_text("hidden").is_visible()
    editor.press("o")
    assert opened.submitted() == opened.regions


@pytest.mark.thorough
def test_the_mark_of_a_prediction_is_taken_over(admin: LabelStudioAdmin, editor: Editor) -> None:
    config = write_config([Part.BODY], visibility=True)
    project = admin.create_project("visibility predicted", config)
    point = {"id": "nose-1", "from_name": "body", "to_name": "img", "type": "keypointlabels"}
    mark = {"id": "nose-1", "from_name": "visibility", "to_name": "img", "type": "choices"}
    result = [
        point | {"value": {"x": 50, "y": 50, "width": 1, "keypointlabels": ["nose"]}},
        mark | {"value": {"choices": ["hidden"]}},
    ]
    png = cv2.imencode(".png", np.full((60, 80, 3), 200, np.uint8))[1].tobytes()
    picture = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    prediction = {"model_version": "elsewhere", "result": result}
    (task,) = admin.import_tasks(project, [{"data": {"image": picture}, "predictions": [prediction]}])
    editor.open(project, task)
    editor.wait_for_regions(1)
    assert choices(Opened(admin, editor, task, []).submitted()) == {("nose-1", "visibility"): ["hidden"]}


@pytest.mark.thorough
@pytest.mark.parametrize("opened", [True], indirect=True)
def test_joints_of_a_skeleton_are_marked(opened: Opened, editor: Editor) -> None:
    body = opened.select("body", "left_elbow")
    offered = editor.page.locator(".wb-visibility")
    assert offered.get_by_text("right_wrist").is_visible()
    assert not offered.get_by_text("left_thumb1").is_visible()
    editor.press("s")  # right wrist
    editor.press("8")  # left elbow
    offered.get_by_text("left_eye").click()  # has no key: that of its label chooses a skeleton
    hand = opened.select("right_hand", "right_pinky_finger4")
    assert not offered.get_by_text("right_wrist").is_visible()
    editor.press("o")
    editor.press("s")  # is nothing to a hand
    result = opened.submitted()
    assert choices(result) == {
        (body["id"], "hidden_body"): ["left_eye", "left_elbow", "right_wrist"],
        (hand["id"], "visibility"): ["hidden"],
    }
    assert [joints(region) for region in others(result)] == [joints(region) for region in opened.regions]
