"""The whole backend with the figure models, as Label Studio calls it; the pictures are data URIs."""

import base64
import logging
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from label_studio_ml.model import LabelStudioMLBase

import model
from model import WholebodyBackend, load_annotator
from tests.fuzz import heavy
from wholebody import annotator
from wholebody.annotator import Annotator
from wholebody.errors import ImageError, LabelingConfigError
from wholebody.estimation.estimator import Estimator
from wholebody.figures.drawing import draw_figures
from wholebody.images import decoder_memory
from wholebody.images.decoding import BGR
from wholebody.keypoints import NAMES, Part
from wholebody.labeling.config_writer import write_config
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

CONFIG = write_config(list(Part))


def data_uri(bgr: BGR) -> str:
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", bgr)[1].tobytes()).decode()


def task(task_id: int, reference: object) -> dict[str, Any]:
    return {"id": task_id, "data": {"image": reference}, "annotations": [], "predictions": []}


DRAWING = draw_figures(2, seed=1, size_wh=(960, 720))
TWO_PEOPLE = task(1, data_uri(DRAWING.bgr))
NOBODY = task(2, data_uri(np.full((200, 300, 3), 255, np.uint8)))
BROKEN = task(3, "data:image/png;base64,AAAA")
PROMPT = {
    "result": [
        {
            "type": "rectangle",
            "from_name": "prompt_box",
            "to_name": "img",
            "value": {"x": 10, "y": 10, "width": 50, "height": 80, "rotation": 0},
        }
    ]
}


@pytest.fixture(autouse=True)
def figures(_isolated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MODE", "figures")
    yield
    load_annotator.cache_clear()


@pytest.fixture
def backend() -> WholebodyBackend:
    return WholebodyBackend(label_config=CONFIG)


def test_it_is_what_label_studio_ml_serves(backend: WholebodyBackend) -> None:
    assert isinstance(backend, LabelStudioMLBase)
    assert backend.label_config == CONFIG
    assert backend.fit([], event="ANNOTATION_CREATED") == {}


def test_people_nobody_and_a_bad_task_each_in_its_place(
    backend: WholebodyBackend, caplog: pytest.LogCaptureFixture
) -> None:
    missing = {"id": 4, "data": {"picture": "x"}}
    people, bad, nobody, no_key, no_data = backend.predict([TWO_PEOPLE, BROKEN, NOBODY, missing, {"id": 5}])
    assert (bad, no_key, no_data) == ([], [], [])
    version = load_annotator().model_version
    assert nobody == {"result": [], "score": 0.0, "model_version": version}
    assert (people["model_version"], len(people["result"])) == (version, 2 * 134)  # type: ignore[call-overload]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(text.partition(":")[0] for text in warnings) == ["task 3", "task 4", "task 5"]
    assert "AAAA" not in caplog.text


def test_the_points_are_where_they_were_drawn(backend: WholebodyBackend) -> None:
    (prediction,) = backend.predict([TWO_PEOPLE])
    check_points(prediction["result"])  # type: ignore[call-overload]


def test_a_prompt_on_the_second_item_of_a_repeater() -> None:
    """The names in the prompt are those that the editor made of the config for this task."""
    config = (
        '<View><Repeater on="$pages"><Image name="page_{{idx}}" value="$pages[{{idx}}]"/>'
        '<Rectangle name="prompt_{{idx}}" toName="page_{{idx}}" smart="true"/>'
        '<KeyPointLabels name="kp_{{idx}}" toName="page_{{idx}}">'
        '<Label value="nose"/></KeyPointLabels></Repeater></View>'
    )
    (region,) = PROMPT["result"]
    prompt = {"result": [{**region, "from_name": "prompt_1", "to_name": "page_1"}]}
    pages = {"id": 1, "data": {"pages": [BROKEN["data"]["image"], TWO_PEOPLE["data"]["image"]]}}
    (prediction,) = WholebodyBackend(label_config=config).predict([pages], context=prompt)
    (nose,) = prediction["result"]  # type: ignore[call-overload]
    assert (nose["from_name"], nose["to_name"]) == ("kp_1", "page_1")


@pytest.mark.parametrize("context", [None, PROMPT], ids=["opened", "prompted"])
def test_a_picture_looked_at_at_half_its_size_has_its_points_in_the_same_places(
    backend: WholebodyBackend, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any] | None
) -> None:
    monkeypatch.setattr(decoder_memory, "FULL_PIXELS", 960 * 720)  # a quarter of what it has
    double = cv2.resize(DRAWING.bgr, (1920, 1440), interpolation=cv2.INTER_NEAREST)
    content = cv2.imencode(".jpg", double, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    reference = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    (prediction,) = backend.predict([task(6, reference)], context=context)
    regions = prediction["result"]  # type: ignore[call-overload]
    assert {(one["original_width"], one["original_height"]) for one in regions} == {(1920, 1440)}
    if context is None:
        check_points(regions)
    else:
        assert [one["value"]["x"] for one in regions if one["type"] == "rectanglelabels"] == [10]


def check_points(regions: list[dict[str, Any]]) -> None:
    """All 133 points of both people of `DRAWING` are where they were drawn."""
    boxes = {region["id"]: region for region in regions if region["type"] == "rectanglelabels"}
    found = {box: np.full((133, 2), np.nan) for box in boxes}
    for region in regions:
        if region["type"] == "keypointlabels":
            value = region["value"]
            index = NAMES.index(value["keypointlabels"][0])
            found[region["parentID"]][index] = value["x"] * 9.6, value["y"] * 7.2
    assert len(found) == 2
    for box, points in found.items():
        left = boxes[box]["value"]["x"] * 9.6
        person = np.abs(DRAWING.xyxy[:, 0] - left).argmin()
        assert np.abs(points - DRAWING.keypoints[person]).max() < 4


def test_all_errors_of_an_interactive_task_are_told(backend: WholebodyBackend) -> None:
    with pytest.raises(ImageError, match=r"^data:image/png;base64,\.\.\. \(26 characters\): not an image"):
        backend.predict([BROKEN], context=PROMPT)


def test_a_fault_of_ours_costs_its_task_alone(
    backend: WholebodyBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    annotate = Annotator.annotate

    def failing(self: Annotator, one: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if one["id"] == 2:
            raise IndexError("ours")
        return annotate(self, one, *args, **kwargs)

    monkeypatch.setattr(Annotator, "annotate", failing)
    first, second = backend.predict([NOBODY, TWO_PEOPLE])
    assert (first, len(second["result"])) == ([], 268)  # type: ignore[call-overload]
    assert "task 2: not predicted" in caplog.text
    assert "IndexError: ours" in caplog.text
    monkeypatch.setattr(Annotator, "annotate_prompted", failing)
    with pytest.raises(IndexError, match=r"^ours$"):
        backend.predict([NOBODY], context=PROMPT)


@pytest.mark.parametrize(
    "declaration",
    ["", '<?xml version="1.0"?>', '\n <?xml version="1.0" encoding="utf-8"?>\n', '<?xml version="1.0" encoding="x"?>'],
)
def test_a_config_may_declare_its_encoding(declaration: str) -> None:
    """label-studio-ml's own parser refuses that."""
    assert WholebodyBackend(label_config=declaration + CONFIG).predict([]) == []


@pytest.mark.parametrize("around", ["\u2003", "\x1c", "\ufeff", "\ufeff<?xml version='1.0' encoding='utf-8'?>"])
def test_a_config_may_have_space_around_it_that_xml_does_not_know(around: str) -> None:
    """label-studio-ml's own parser fails over it."""
    assert WholebodyBackend(label_config=around + CONFIG).predict([]) == []


def test_a_config_full_of_variables_takes_no_time() -> None:
    """label-studio-ml's own parser looks for each of them in each name: 20 s of processor time."""
    begun = time.process_time()
    WholebodyBackend(label_config=heavy.labeling_config("a variable for each control"))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("config", [None, "", "<View/>"])
def test_a_config_with_nothing_to_fill_is_an_error(config: str | None) -> None:
    with pytest.raises(LabelingConfigError, match=r"^the labeling config "):
        WholebodyBackend(label_config=config).predict([TWO_PEOPLE])


def test_the_version_is_the_same_everywhere(backend: WholebodyBackend) -> None:
    version = load_annotator().model_version
    assert version.startswith("wholebody-figures-")
    assert Annotator(load_settings(), bulk=True).model_version == version
    client = create_app(WholebodyBackend, load_settings(), version).test_client()
    assert client.post("/setup", json={"schema": CONFIG}).json == {"model_version": version}
    assert client.get("/versions").json == {"versions": [version]}
    assert client.get("/ready").json == {"status": "READY", "model_version": version}
    sent = {"tasks": [TWO_PEOPLE, NOBODY], "label_config": CONFIG, "params": {"context": None}}
    results = client.post("/predict", json=sent).json["results"]  # type: ignore[index]
    assert [result["model_version"] for result in results] == [version, version]


def test_the_version_changes_with_what_changes_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_annotator().model_version
    load_annotator.cache_clear()
    monkeypatch.setenv("IMAGE_TIMEOUT_SECONDS", "3")
    assert load_annotator().model_version == before
    load_annotator.cache_clear()
    monkeypatch.setenv("CONFIDENCE_THRESHOLD", "0.9")
    assert load_annotator().model_version != before


def test_an_interactive_error_is_readable_through_the_server() -> None:
    client = create_app(WholebodyBackend, load_settings(), "v").test_client()
    sent = {"tasks": [BROKEN], "label_config": CONFIG, "params": {"context": PROMPT}}
    response = client.post("/predict", json=sent)
    assert response.status_code == 422
    assert response.json["error"].startswith("data:image/png;base64,... (26 characters): not an image")  # type: ignore[index]


def test_one_model_serves_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(model, "Annotator", lambda settings: made.append(settings) or Annotator(settings))
    client = create_app(WholebodyBackend, load_settings(), "v").test_client()
    for _ in range(3):
        client.post("/predict", json={"tasks": [NOBODY], "label_config": CONFIG})
    assert len(made) == 1


def test_before_the_first_request_a_picture_has_gone_the_whole_way(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def recorded(name: str, call: Any) -> Any:
        def record(*args: Any) -> Any:
            result = call(*args)
            done.append((name, len(result)) if name == "write_regions" else name)
            return result

        return record

    stages = ((annotator, "decode_image"), (Estimator, "detect"), (Estimator, "pose"), (annotator, "write_regions"))
    for owner, name in stages:
        monkeypatch.setattr(owner, name, recorded(name, getattr(owner, name)))
    load_annotator()
    *before, (_, regions) = done
    assert before == ["decode_image", "detect", "pose"]
    assert regions > 0, "somebody, so that there is something to write"


def test_it_starts_whatever_limits_are_set_for_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_MAX_BYTES", "1")
    monkeypatch.setenv("IMAGE_MEMORY_BYTES", "1")
    assert load_annotator().model_version.startswith("wholebody-figures-")


def test_label_studio_ml_2_learns_the_version(backend: WholebodyBackend) -> None:
    """It calls `setup`, and asks by `get`, which 1.0.9 lacks."""
    backend.setup()
    assert backend.has("model_version")
    assert backend.get("model_version") == load_annotator().model_version


def test_one_object_knows_nothing_of_another() -> None:
    """Of the same project neither; label-studio-ml 2.x gives its number first."""
    first, second = WholebodyBackend("1", label_config=CONFIG), WholebodyBackend("1", label_config="<View/>")
    first.set("extra_params", {"a": 1})
    assert (first.label_config, second.label_config) == (CONFIG, "<View/>")
    assert (second.has("extra_params"), second.get("extra_params")) == (False, None)
