"""Small inputs from the field, with real weights: requests that once had a wrong answer."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from model import WholebodyBackend, load_annotator, shared_openings, shared_pool
from wholebody.errors import RequestError


@pytest.fixture(autouse=True)
def _real_weights(testdata: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DET_MODEL", str(testdata / "models" / "rtmdet_nano_person.onnx"))
    monkeypatch.setenv("POSE_MODEL", str(testdata / "models" / "wholebody133_256x192.onnx"))
    for cached in (load_annotator, shared_openings, shared_pool):
        cached.cache_clear()
    yield
    for cached in (load_annotator, shared_openings, shared_pool):
        cached.cache_clear()


def answer(testdata: Path, case: str, name: str = "request") -> list[Any]:
    """What the backend says to the request of a case."""
    (folder,) = (testdata / "cases").glob(f"{case}-*")
    request = orjson.loads((folder / f"{name}.json").read_bytes())
    context = request["params"].get("context")
    return WholebodyBackend(label_config=request["label_config"]).predict(request["tasks"], context=context)


def test_points_outside_a_half_length_picture_are_not_given(testdata: Path) -> None:
    (prediction,) = answer(testdata, "1")
    points = [region["value"] for region in prediction["result"] if region["type"] == "keypointlabels"]
    assert points
    assert [value for value in points if {value["x"], value["y"]} & {0.0, 100.0}] == []


def test_a_detector_that_sees_one_person_three_times(
    testdata: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two of its boxes are alike, and two lie outside the picture."""
    (folder,) = (testdata / "cases").glob("23-*")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(folder / "make.py"), run_name="__main__")
    monkeypatch.setenv("DET_MODEL", str(tmp_path / "det.onnx"))
    (prediction,) = answer(testdata, "1")
    boxes = [region["value"] for region in prediction["result"] if region["type"] == "rectanglelabels"]
    assert len(boxes) == 1
    assert boxes[0]["width"] > 1


def test_a_ball_that_was_drawn_is_no_person(testdata: Path) -> None:
    with pytest.raises(RequestError, match="the label 'ball' stands for no person"):
        answer(testdata, "4")


@pytest.mark.parametrize("name", ["path", "index", "template"])
def test_images_that_the_config_names_by_a_path_or_in_a_text(testdata: Path, name: str) -> None:
    (prediction,) = answer(testdata, "5", name)
    assert len(prediction["result"]) == 6


def test_a_repeater_with_two_pages(testdata: Path) -> None:
    (prediction,) = answer(testdata, "6")
    found = [(region["from_name"], region["to_name"]) for region in prediction["result"]]
    assert found == [("kp_0", "page_0"), ("kp_1", "page_1")]


def test_an_image_with_two_pages(testdata: Path) -> None:
    (prediction,) = answer(testdata, "7")
    pages = [region["item_index"] for region in prediction["result"]]
    assert (pages.count(0), pages.count(1)) == (6, 6)


def test_a_blank_second_image(testdata: Path) -> None:
    (prediction,) = answer(testdata, "8")
    assert [(region["from_name"], region["to_name"]) for region in prediction["result"]] == [("k1", "a")]


def test_labels_that_come_from_the_task(testdata: Path) -> None:
    (prediction,) = answer(testdata, "19")
    assert [region["value"]["keypointlabels"] for region in prediction["result"]] == [["nose"]]


def test_labels_and_tools_apart(testdata: Path) -> None:
    (prediction,) = answer(testdata, "20")
    shapes = [(region["type"], region["from_name"]) for region in prediction["result"][::2]]
    labels = [(region["type"], region["from_name"], region["value"]["labels"]) for region in prediction["result"][1::2]]
    assert shapes[0] == ("keypoint", "kp")
    assert labels[0] == ("labels", "l", ["nose"])
    assert {(kind, name) for kind, name, _ in labels} == {("labels", "l")}
    ids = [region["id"] for region in prediction["result"]]
    assert ids[::2] == ids[1::2]


def test_a_webp_is_predicted_as_it_is_stored(testdata: Path) -> None:
    (prediction,) = answer(testdata, "3")
    assert {(one["original_width"], one["original_height"]) for one in prediction["result"]} == {(212, 320)}


@pytest.mark.parametrize("case", ["14", "29"])
def test_a_file_that_lacks_no_pixel_is_predicted(testdata: Path, case: str) -> None:
    """A JPEG without its end marker, a PNG with a damaged text."""
    (prediction,) = answer(testdata, case)
    assert len(prediction["result"]) >= 6
