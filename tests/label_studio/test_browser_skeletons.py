"""Skeletons in the real editor: a joint is dragged, and what is submitted keeps the names of the joints."""

from __future__ import annotations

from typing import Any

import pytest

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

from .browser import Editor
from .figure_tasks import import_figures

REGIONS = 5
"""Of one figure: body, face, two hands and the box."""


def joints(result: list[dict[str, Any]]) -> dict[str, dict[str, tuple[float, float]]]:
    """Label of each vector region -> the place of each of its joints by vertex id, in order."""
    return {
        region["value"]["vectorlabels"][0]: {
            vertex["id"]: (vertex["x"] / 100, vertex["y"] / 100) for vertex in region["value"]["vertices"]
        }
        for region in result
        if region["type"] == "vectorlabels"
    }


@pytest.mark.since("1.22.0", "skeletons")
def test_dragged_joint_keeps_all_names(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, backend: BackendServer, editor: Editor
) -> None:
    project = admin.create_project("skeletons", write_config(tuple(Part), skeleton=True))
    admin.connect_backend(project, backend.url)
    (task,) = import_figures(admin, label_studio, project, 1)
    editor.open(project, task)
    before = joints(editor.wait_for_regions(REGIONS))
    body = next(label for label, names in before.items() if "left_elbow" in names)
    x, y = before[body]["left_elbow"]
    editor.page.get_by_label("move-tool").click()
    editor.click((x, y))  # a joint moves once its skeleton is selected
    editor.drag((x, y), (x + 0.04, y - 0.03))
    editor.submit()
    (annotation,) = admin.request("GET", f"/api/tasks/{task}/annotations/").json()
    after = joints(annotation["result"])
    assert {label: list(names) for label, names in after.items()} == {k: list(v) for k, v in before.items()}
    assert after[body].pop("left_elbow") == pytest.approx((x + 0.04, y - 0.03), abs=0.004)
    del before[body]["left_elbow"]
    for label, places in before.items():
        for name, place in places.items():
            assert after[label][name] == pytest.approx(place, abs=1e-6), name
