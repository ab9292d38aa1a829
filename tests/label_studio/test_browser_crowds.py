"""A crowd in the real editor: small people have few points, and who is asked for gets all of them in the same place."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

from .browser import BOX_TOOL, CLICK_TOOL, Editor
from .figure_tasks import import_figures
from .photograph_tasks import people_in

pytestmark = pytest.mark.thorough


@pytest.mark.since("1.21.0", "an editor that shows points above their boxes")
def test_who_is_asked_for_takes_their_old_place(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, editor: Editor, tmp_path: Path
) -> None:
    settings = {
        "MODE": "figures",
        "MAX_REGIONS": "40",
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
    }
    with BackendServer(settings, tmp_path / "backend.log") as backend:
        project = admin.create_project("crowd", write_config(tuple(Part), prompt=Prompt.BOTH))
        admin.connect_backend(project, backend.url, is_interactive=True)
        task = import_figures(admin, label_studio, project, 2)[1]
        editor.open(project, task)
        editor.wait_for_regions(1 + 24)
        before = editor.regions()
        (small, nothing), (large, body) = sorted(people_in(before), key=lambda person: len(person[1]))
        assert (len(nothing), len(body)) == (0, 23)
        editor.switch("Auto-Annotation")

        editor.choose(CLICK_TOOL, "prompt_click")
        left, top, width, height = (small["value"][key] / 100 for key in ("x", "y", "width", "height"))
        for settle in (editor.reject, editor.accept):
            editor.page.keyboard.down("Control")  # or the click would select the box
            editor.prompt_click((left + width / 2, top + height / 2))
            editor.page.keyboard.up("Control")
            settle()
            editor.wait_for_regions(1 + 24 if settle == editor.reject else 134 + 24)

        editor.choose(BOX_TOOL, "prompt_box")
        left, top, width, height = (large["value"][key] / 100 for key in ("x", "y", "width", "height"))
        editor.prompt_box((left - 0.01, top - 0.01, left + width, top + height), on_regions=True)
        editor.accept()
        after = people_in(editor.wait_for_regions(2 * 134))
        assert [len(points) for _, points in after] == [133, 133]

        editor.page.get_by_label("move-tool").click()
        for _, points in after:
            wrist = points["left_wrist"]
            editor.select((wrist["value"]["x"] / 100, wrist["value"]["y"] / 100), wrist["id"])
            editor.unselect()
        editor.submit()
    (annotation,) = admin.request("GET", f"/api/tasks/{task}/annotations/").json()
    assert [len(points) for _, points in people_in(annotation["result"])] == [133, 133]
    drawn_again = [region for region in annotation["result"] if region["type"] == "rectanglelabels"]
    assert {small["id"], large["id"]}.isdisjoint(region["id"] for region in drawn_again)
