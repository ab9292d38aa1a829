"""Smart tools and opened tasks as an annotator has them: real clicks in a real Label Studio, on photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

from .browser import BOX_TOOL, CLICK_TOOL, Editor
from .figure_tasks import assert_is_the_truth, import_figures
from .photograph_tasks import (
    TruePerson,
    assert_is_near,
    assert_lies_in,
    import_photograph,
    people_in,
    true_people,
)

SKIER, CLIMBERS = "000000000785.jpg", "000000040083.jpg"
NOBODY = (0.97, 0.03)
"""A place in both photographs where no person is."""

AUTO_ANNOTATION, AUTO_ACCEPT = "Auto-Annotation", "Auto-Accept Suggestions"
GREEN, ORANGE = (0x00, 0xC8, 0x53), (0xFF, 0x6D, 0x00)
"""What the config paints left and right points with."""
LIMBS = ("shoulder", "elbow", "hip", "knee", "ankle")
"""Joints that no other point lies upon."""


def make_project(admin: LabelStudioAdmin, backend: BackendServer, **settings: Any) -> int:
    """A project with both smart tools, and the backend connected for them."""
    project = admin.create_project("browser", write_config(tuple(Part), prompt=Prompt.BOTH), **settings)
    admin.connect_backend(project, backend.url, is_interactive=True)
    return project


class Opened:
    """A task in the editor.

    Attributes:
        people: Who is truly in its photograph.
    """

    def __init__(self, admin: LabelStudioAdmin, editor: Editor, task: int, people: Sequence[TruePerson] = ()) -> None:
        self._admin, self._editor, self._task = admin, editor, task
        self.people = people

    def submitted(self) -> list[dict[str, Any]]:
        """Submit, and read from the server what was stored."""
        self._editor.submit()
        (annotation,) = self._admin.request("GET", f"/api/tasks/{self._task}/annotations/").json()
        return list(annotation["result"])


@pytest.fixture(params=[SKIER])
def opened(
    request: pytest.FixtureRequest,
    admin: LabelStudioAdmin,
    label_studio: LabelStudioServer,
    real_backend: BackendServer,
    testdata: Path,
    editor: Editor,
) -> Opened:
    """A photograph without a prediction, with the smart tools on."""
    photograph = str(request.param)
    project = make_project(admin, real_backend, show_collab_predictions=False)
    task = import_photograph(admin, label_studio, project, testdata, photograph)
    editor.open(project, task)
    assert editor.regions() == []
    editor.switch(AUTO_ANNOTATION)
    return Opened(admin, editor, task, true_people(testdata, photograph))


with_two = pytest.mark.parametrize("opened", [CLIMBERS], indirect=True)


def has_colour(pixels: np.ndarray, rgb: tuple[int, int, int]) -> bool:
    return bool((np.abs(pixels.astype(int) - rgb).max(axis=1) < 24).any())


@pytest.fixture
def predicted(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, backend: BackendServer, editor: Editor
) -> Opened:
    """Two drawn figures, opened and predicted."""
    project = make_project(admin, backend)
    task = import_figures(admin, label_studio, project, 2)[1]
    editor.open(project, task)
    editor.wait_for_regions(2 * 134)
    return Opened(admin, editor, task)


def test_opened_task_shows_the_points(predicted: Opened, editor: Editor) -> None:
    regions = editor.regions()
    assert_is_the_truth({"result": regions}, 2)
    for _, points in people_in(regions):
        for side, rgb in (("left", GREEN), ("right", ORANGE)):
            places = [place(points[f"{side}_{limb}"]) for limb in LIMBS]
            for pixels in editor.colours_at(places):
                assert has_colour(pixels, rgb)
                assert not has_colour(pixels, ORANGE if rgb == GREEN else GREEN)
    assert predicted.submitted() == regions


@pytest.mark.since("1.21.0", "an editor that shows points above their boxes")
def test_point_is_corrected(predicted: Opened, editor: Editor) -> None:
    before = people_in(editor.regions())
    x, y = place(before[0][1]["left_elbow"])
    editor.page.get_by_label("move-tool").click()
    editor.drag((x, y), (x + 0.03, y - 0.02))
    (box, points), other = people_in(predicted.submitted())
    assert (box, other) == (before[0][0], before[1])
    elbow = points.pop("left_elbow")
    assert place(elbow) == pytest.approx((x + 0.03, y - 0.02), abs=0.002)
    assert (elbow["origin"], elbow["parentID"]) == ("prediction-changed", box["id"])
    assert points == {name: point for name, point in before[0][1].items() if name != "left_elbow"}


def test_smart_tools_are_off_at_first_and_leave_predicted_people_alone(predicted: Opened, editor: Editor) -> None:
    assert editor.smart_tool.count() == 0
    editor.switch(AUTO_ANNOTATION)
    before = editor.regions()
    box = people_in(before)[0][0]["value"]
    left, top, width, height = (box[key] / 100 for key in ("x", "y", "width", "height"))
    editor.choose(BOX_TOOL, "prompt_box")
    editor.prompt_box((left + 0.005, top + 0.005, left + width, top + height), on_regions=True)
    editor.accept()
    after = {region["id"]: region for region in editor.wait_for_regions(3 * 134)}
    for region in before:
        assert place(after[region["id"]]) == pytest.approx(place(region), abs=1e-6)
    assert len(people_in(predicted.submitted())) == 3


@pytest.mark.parametrize("auto_accept", [False, True], ids=["accepted by hand", "auto-accepted"])
def test_box_becomes_a_person(opened: Opened, editor: Editor, auto_accept: bool) -> None:
    (person,) = opened.people
    editor.switch(AUTO_ACCEPT, auto_accept)
    editor.choose(BOX_TOOL, "prompt_box")
    answer = editor.prompt_box(person.drawn())
    count = len(answer["data"]["result"])
    if not auto_accept:
        assert editor.suggestions() == count
        assert [region["from_name"] for region in editor.regions()] == ["prompt_box"]
        editor.accept()
    editor.wait_for_regions(count)
    assert_is_one_person(opened.submitted(), person)


def test_click_becomes_a_person(opened: Opened, editor: Editor) -> None:
    (person,) = opened.people
    editor.choose(CLICK_TOOL, "prompt_click")
    editor.prompt_click(middle(person))
    editor.accept()
    assert_is_one_person(opened.submitted(), person)


def test_label_chosen_before_the_tool_is_put_on_nothing(opened: Opened, editor: Editor) -> None:
    (person,) = opened.people
    editor.press("n")  # nose
    editor.choose(BOX_TOOL, "prompt_box")
    editor.prompt_box(person.drawn())
    editor.accept()
    assert_is_one_person(opened.submitted(), person)


@with_two
def test_one_person_after_the_other(opened: Opened, editor: Editor) -> None:
    left, right = opened.people
    editor.choose(BOX_TOOL, "prompt_box")
    editor.prompt_box(left.drawn(0.0))
    editor.accept()
    editor.choose(CLICK_TOOL, "prompt_click")
    editor.prompt_click(middle(right))
    editor.accept()
    assert_are(opened.submitted(), [left, right])


@with_two
@pytest.mark.parametrize("tool", [BOX_TOOL, CLICK_TOOL])
def test_two_people_accepted_at_once(opened: Opened, editor: Editor, tool: str) -> None:
    left, right = opened.people
    if tool == BOX_TOOL:
        editor.choose(BOX_TOOL, "prompt_box")
        editor.prompt_box(left.drawn(0.0))
        editor.prompt_box(right.drawn(0.0))
    else:
        editor.choose(CLICK_TOOL, "prompt_click")
        editor.prompt_click(middle(left))
        editor.prompt_click(middle(right))
    editor.accept()
    assert_are(opened.submitted(), [left, right])


def test_undo_and_reject(opened: Opened, editor: Editor) -> None:
    (person,) = opened.people
    editor.choose(BOX_TOOL, "prompt_box")
    editor.prompt_box((0.02, 0.02, 0.5, 0.5))
    editor.reject()
    assert editor.regions() == []
    editor.prompt_box(person.drawn())
    editor.accept()
    editor.undo()
    assert [region["from_name"] for region in editor.regions()] == ["prompt_box"]
    editor.undo()
    assert editor.regions() == []
    editor.prompt_box(person.drawn())
    editor.accept()
    assert_is_one_person(opened.submitted(), person)


def test_click_on_nobody_leaves_the_editor_usable(opened: Opened, editor: Editor) -> None:
    (person,) = opened.people
    editor.choose(CLICK_TOOL, "prompt_click")
    (error,) = editor.prompt_click(NOBODY)["errors"]
    assert "422 Client Error: no person under the point; draw a box around the person instead" in error
    assert editor.suggestions() == 0
    editor.prompt_click(middle(person))
    editor.accept()
    assert_is_one_person(opened.submitted(), person)


def test_a_ball_stays_a_ball(
    admin: LabelStudioAdmin,
    label_studio: LabelStudioServer,
    real_backend: BackendServer,
    testdata: Path,
    editor: Editor,
) -> None:
    """Every label of a smart control asks the backend: that of something else gets no person in its place."""
    config = (
        '<View><Image name="img" value="$image"/><RectangleLabels name="box" toName="img"><Label value="person"/>'
        '<Label value="ball"/></RectangleLabels><KeyPointLabels name="kp" toName="img" smart="false">'
        '<Label value="nose"/></KeyPointLabels></View>'
    )
    project = admin.create_project("sport", config, show_collab_predictions=False)
    admin.connect_backend(project, real_backend.url, is_interactive=True)
    task = import_photograph(admin, label_studio, project, testdata, SKIER)
    editor.open(project, task)
    editor.switch(AUTO_ANNOTATION)
    editor.choose_labelled(BOX_TOOL, "box", "ball")
    (error,) = editor.prompt_box((0.05, 0.6, 0.2, 0.9))["errors"]
    assert "400 Client Error: the label 'ball' stands for no person" in error
    assert editor.suggestions() == 0
    (ball,) = Opened(admin, editor, task).submitted()
    assert ball["value"]["rectanglelabels"] == ["ball"]
    assert place(ball) == pytest.approx((0.05, 0.6), abs=0.05)


def place(region: Mapping[str, Any]) -> tuple[float, float]:
    return region["value"]["x"] / 100, region["value"]["y"] / 100


def middle(person: TruePerson) -> tuple[float, float]:
    left, top, right, bottom = person.xyxy
    return (left + right) / 2, (top + bottom) / 2


def assert_is_one_person(result: list[dict[str, Any]], truth: TruePerson) -> None:
    assert_are(result, [truth])


def assert_are(result: list[dict[str, Any]], truths: list[TruePerson]) -> None:
    people = people_in(result)
    assert len(people) == len(truths)
    for (_, points), truth in zip(people, truths, strict=True):
        assert_lies_in(points, truth.drawn(0.1))
        assert_is_near(points, truth)
