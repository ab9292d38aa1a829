"""The printed configs in a real Label Studio: it accepts each, and the backend fills it."""

from __future__ import annotations

import re
from itertools import product

import pytest
from click.testing import CliRunner, Result
from packaging.version import Version

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from tests.prefill_runner import COULD_NOT_START
from wholebody.__main__ import main
from wholebody.figures.drawing import sample
from wholebody.keypoints import NAMES
from wholebody.labeling.config_writer import PRESETS, Prompt, write_config
from wholebody.labeling.skeletons import SKELETONS

from .figure_tasks import SEED, TOLERANCE, import_figures

PARTS = {"right_hand", "left_hand", "face", "body"}


@pytest.mark.thorough
def test_every_config_is_accepted(admin: LabelStudioAdmin) -> None:
    project = admin.create_project("configs", write_config(PRESETS["body"]))
    for parts, skeleton, prompt, visibility in product(PRESETS.values(), (False, True), Prompt, (False, True)):
        config = write_config(parts, skeleton=skeleton, prompt=prompt, visibility=visibility)
        admin.update_project(project, label_config=config)
        assert admin.project(project)["label_config"] == config.strip()


def test_skeletons_go_round(admin: LabelStudioAdmin, label_studio: LabelStudioServer, backend: BackendServer) -> None:
    project = admin.create_project("skeletons", write_config(PRESETS["wholebody"], skeleton=True))
    admin.connect_backend(project, backend.url)
    (task,) = import_figures(admin, label_studio, project, 1)
    (prediction,) = admin.open_task(project, task)["predictions"]
    *skeletons, box = prediction["result"]
    assert box["type"] == "rectanglelabels"
    assert {region["value"]["vectorlabels"][0]: region["parentID"] for region in skeletons} == dict.fromkeys(
        PARTS, box["id"]
    )
    truth = sample(1, SEED)
    height, width = truth.bgr.shape[:2]
    longer = (truth.xyxy[0][2:] - truth.xyxy[0][:2]).max()
    for region in skeletons:
        vertices = region["value"]["vertices"]
        part = region["value"]["vectorlabels"][0]
        assert [vertex["id"] for vertex in vertices] == [NAMES[joint] for joint in SKELETONS[part]]
        for vertex, joint in zip(vertices, SKELETONS[part], strict=True):
            x, y = truth.keypoints[0][joint]
            assert abs(vertex["x"] / 100 * width - x) <= TOLERANCE * longer
            assert abs(vertex["y"] / 100 * height - y) <= TOLERANCE * longer
    admin.annotate(task, prediction["result"])
    (annotation,) = admin.request("GET", f"/api/tasks/{task}/annotations/").json()
    assert annotation["result"] == prediction["result"]


@pytest.fixture
def connected(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, monkeypatch: pytest.MonkeyPatch
) -> LabelStudioServer:
    """The settings name `label_studio` and a token for it."""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", admin.api_token())
    return label_studio


def apply(project: int, *options: str) -> Result:
    return CliRunner().invoke(main, ["config", "--apply", str(project), *options])


def test_skeletons_are_set_where_the_editor_has_them(
    connected: LabelStudioServer, admin: LabelStudioAdmin, release: Version
) -> None:
    project = admin.create_project("apply skeletons", "<View/>")
    done = apply(project, "--skeleton")
    if release >= Version("1.22.0"):
        assert done.exit_code == 0
    else:
        assert done.exit_code == COULD_NOT_START
        assert f"the editor of Label Studio {release} has no <VectorLabels>, which came with 1.22.0" in done.stderr
        assert admin.project(project)["label_config"] == "<View/>"


def test_a_config_is_set_unless_it_orphans_annotations(connected: LabelStudioServer, admin: LabelStudioAdmin) -> None:
    project = admin.create_project("apply", "<View/>")
    done = apply(project, "--preset", "body", "--prompt", "none")
    where = f"project {project} 'apply'"
    assert (done.exit_code, done.stdout) == (0, f"{where}: labeling config set to 17 keypoints (body), prompt none.\n")
    (task,) = admin.import_tasks(project, [{"image": "a.png"}])
    value = {"x": 1, "y": 1, "width": 1, "keypointlabels": ["nose"]}
    admin.annotate(task, [{"from_name": "body", "to_name": "img", "type": "keypointlabels", "value": value}])

    before = admin.project(project)["label_config"]
    refused = apply(project, "--preset", "face")
    assert refused.exit_code == COULD_NOT_START
    assert re.match(rf"error: {where}: not changed, .*: 1 of 'body' \(keypointlabels\); ", refused.stderr)
    assert admin.project(project)["label_config"] == before
    assert apply(project, "--prompt", "both").exit_code == 0
    assert admin.project(project)["label_config"] == write_config(PRESETS["wholebody"], prompt=Prompt.BOTH).strip()


def test_marks_of_hidden_points_are_not_orphaned(connected: LabelStudioServer, admin: LabelStudioAdmin) -> None:
    project = admin.create_project("apply visibility", "<View/>")
    assert apply(project, "--visibility").exit_code == 0
    (task,) = admin.import_tasks(project, [{"image": "a.png"}])
    value = {"x": 1, "y": 1, "width": 1, "keypointlabels": ["nose"]}
    point = {"id": "p", "from_name": "body", "to_name": "img", "type": "keypointlabels", "value": value}
    mark = {"id": "p", "from_name": "visibility", "to_name": "img", "type": "choices", "value": {"choices": ["hidden"]}}
    admin.annotate(task, [point, mark])

    refused = apply(project)
    assert refused.exit_code == COULD_NOT_START
    assert "would be orphaned: 1 of 'visibility' (choices); " in refused.stderr
    assert apply(project, "--visibility", "--prompt", "none").exit_code == 0
