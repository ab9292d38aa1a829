"""Labeling configs that nobody printed, as projects have them: each opened, looked at and submitted in the editor."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from demo.backend import BackendServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.figures.drawing import Drawing, sample
from wholebody.keypoints import NAMES, Part
from wholebody.labeling.config_writer import PRESETS, Prompt, write_config

from .browser import BOX_TOOL, Editor
from .figure_tasks import SEED, TOLERANCE
from .photograph_tasks import assert_is_near, assert_lies_in, people_in, true_people

SKIER, CLIMBERS = "000000000785.jpg", "000000040083.jpg"
BODY = [NAMES[index] for index in range(17)]
LABELS = "".join(f'<Label value="{name}"/>' for name in BODY)
PRINTED = write_config(PRESETS["body"], prompt=Prompt.NONE)

Json = dict[str, Any]


def uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def figure(number: int) -> str:
    """`sample(number, SEED)`, which has so many figures, as a data URI."""
    return uri(cv2.imencode(".png", sample(number, SEED).bgr)[1].tobytes())


def noses(result: list[Json], truth: Drawing, **of: object) -> None:
    """The noses of all figures of a drawing are there, each in its place."""
    height, width = truth.bgr.shape[:2]
    found = [
        (region["value"]["x"] * width / 100, region["value"]["y"] * height / 100)
        for region in result
        if "nose" in (region["value"].get("keypointlabels") or region["value"].get("labels") or ())
        and all(region.get(key) == value for key, value in of.items())
    ]
    assert len(found) == len(truth.xyxy)
    for x, y in found:
        assert min(abs(points[0] - (x, y)).max() for points in truth.keypoints) <= TOLERANCE * max(width, height)


LONG = pytest.mark.thorough

REPEATER = (
    '<View><Repeater on="$document" indexFlag="{{idx}}" mode="pagination">'
    '<Image name="page_{{idx}}" value="$document[{{idx}}].page"/>'
    '<KeyPointLabels name="kp_{{idx}}" toName="page_{{idx}}" smart="false">' + LABELS + "</KeyPointLabels>"
    "</Repeater></View>"
)
APART = (
    '<View><Image name="img" value="$image"/>'
    f'<Labels name="l" toName="img"><Label value="person"/>{LABELS}</Labels>'
    '<KeyPoint name="kp" toName="img" smart="false"/><Rectangle name="r" toName="img" smart="false"/></View>'
)
OF_THE_TASK = (
    '<View><Image name="img" value="$image"/>'
    '<KeyPointLabels name="kp" toName="img" smart="false" value="$labels"/></View>'
)
TWO = (
    '<View><Image name="a" value="$a"/><Image name="b" value="$b"/>'
    '<KeyPointLabels name="k1" toName="a" smart="false"><Label value="nose"/></KeyPointLabels>'
    '<KeyPointLabels name="k2" toName="b" smart="false"><Label value="nose"/></KeyPointLabels></View>'
)


@pytest.mark.parametrize(
    ("config", "data", "places"),
    [
        pytest.param(
            PRINTED.replace('"$image"', '"$media.images[1]"'),
            lambda: {"media": {"images": [figure(2), figure(1)]}},
            [(1, {"to_name": "img"})],
            id="path",
            marks=LONG,
        ),
        pytest.param(
            PRINTED.replace('"$image"', '"data:image/png;base64,$base"'),
            lambda: {"base": figure(1).partition(",")[2]},
            [(1, {"to_name": "img"})],
            id="variable in a text",
            marks=LONG,
        ),
        pytest.param(
            PRINTED.replace('value="$image"', 'valueList="$images"'),
            lambda: {"images": [figure(1), figure(2)]},
            [(1, {"item_index": 0}), (2, {"item_index": 1})],
            id="pages",
        ),
        pytest.param(
            REPEATER,
            lambda: {"document": [{"page": figure(2)}, {"page": figure(1)}]},
            [(2, {"to_name": "page_0", "from_name": "kp_0"}), (1, {"to_name": "page_1", "from_name": "kp_1"})],
            id="Repeater",
        ),
        pytest.param(
            APART,
            lambda: {"image": figure(2)},
            [(2, {"from_name": "l", "type": "labels"})],
            id="labels apart",
            marks=LONG,
        ),
        pytest.param(
            OF_THE_TASK,
            lambda: {"image": figure(1), "labels": [{"value": "nose"}, {"value": "Knie", "alias": "left_knee"}]},
            [(1, {"from_name": "kp"})],
            id="labels of the task",
            marks=LONG,
        ),
        pytest.param(
            TWO,
            lambda: {"a": figure(1), "b": ""},
            [(1, {"to_name": "a"})],
            id="a blank second image",
            marks=LONG,
        ),
    ],
)
def test_a_config_of_another_form_is_filled(
    admin: LabelStudioAdmin,
    backend: BackendServer,
    editor: Editor,
    config: str,
    data: Callable[[], Json],
    places: list[tuple[int, Json]],
) -> None:
    project = admin.create_project("config forms", config)
    admin.connect_backend(project, backend.url)
    (task,) = admin.import_tasks(project, [data()])
    editor.open(project, task)
    (prediction,) = admin.predictions(task)
    for number, of in places:
        noses(prediction["result"], sample(number, SEED), **of)
    editor.wait_for_regions(len({region["id"] for region in prediction["result"]}))
    editor.submit()
    (annotation,) = admin.request("GET", f"/api/tasks/{task}/annotations/").json()
    assert [_essence(region) for region in annotation["result"]] == [
        _essence(region) for region in prediction["result"]
    ]


def _essence(region: Json) -> tuple[object, ...]:
    return tuple(region.get(key) for key in ("id", "from_name", "to_name", "type", "item_index", "value", "parentID"))


def test_prompts_on_two_pages_are_answered_together(
    admin: LabelStudioAdmin, real_backend: BackendServer, testdata: Path, editor: Editor
) -> None:
    """Suggestions of a page that was left without accepting them would be lost with the next page's answer."""
    config = write_config(tuple(Part), prompt=Prompt.BOX).replace('value="$image"', 'valueList="$images"')
    project = admin.create_project("prompts on pages", config, show_collab_predictions=False)
    admin.connect_backend(project, real_backend.url, is_interactive=True)
    images = [uri((testdata / "images" / name).read_bytes()) for name in (SKIER, CLIMBERS)]
    (task,) = admin.import_tasks(project, [{"images": images}])
    (skier,), (left, _) = (true_people(testdata, name) for name in (SKIER, CLIMBERS))
    editor.open(project, task)
    editor.switch("Auto-Annotation")
    editor.choose(BOX_TOOL, "prompt_box")
    editor.prompt_box(skier.drawn())
    editor.turn_to_page(1)
    editor.prompt_box(left.drawn(0.0))
    editor.accept()
    editor.submit()
    (annotation,) = admin.request("GET", f"/api/tasks/{task}/annotations/").json()
    for page, truth in enumerate((skier, left)):
        ((_, points),) = people_in([r for r in annotation["result"] if r["item_index"] == page])
        assert_lies_in(points, truth.drawn(0.1))
        assert_is_near(points, truth)
