"""Photographs of all sizes in the real editor: all of the picture is there, and points can be reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.crowds import thin_out
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.poses import Poses
from wholebody.settings import Settings

from .browser import WINDOW_WH, Editor, fresh_editor
from .photograph_tasks import true_people

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZES = [(500, 333), (1920, 1080), (6000, 4000)]
PHOTOGRAPH, PERSON = "000000000785.jpg", slice(27, 393)
"""A skier, and the rows of the photograph that she fills. Her points are the true ones."""
CONFIG = write_config(tuple(Part))
SIDE_PANELS_PX = 330
FEWEST_REACHED = {"body": 1.0, "feet": 0.8, "face": 0.74, "right_hand": 0.8}
"""At the size at which the picture opens. Circles cannot be smaller than two pixels, and her lips are closed and two of
her toes lie behind each other: 14 points of her face are nearer to another. Nobody knows where her left hand is."""
NOTCHES = 4


@dataclass(frozen=True)
class Photograph:
    """A photograph of one size in a project of its own."""

    size_wh: tuple[int, int]
    bgr: np.ndarray
    poses: Poses
    project: int
    task: int
    regions: list[dict[str, Any]]


@pytest.fixture(scope="module")
def skier(testdata: Path) -> tuple[np.ndarray, Poses]:
    """A picture whose height she fills, and her pose in it."""
    bgr, (truth,) = cv2.imread(str(testdata / "images" / PHOTOGRAPH)), true_people(testdata, PHOTOGRAPH)
    size_wh, above = np.array(truth.size_wh), np.array([0, PERSON.start])
    corners = np.array(truth.xyxy).reshape(2, 2) * size_wh - above
    bgr = bgr[PERSON]
    return bgr, Poses(
        (bgr.shape[1], bgr.shape[0]),
        corners.reshape(1, 4).astype(np.float32),
        np.ones(1, np.float32),
        (truth.keypoints * size_wh - above).astype(np.float32)[None],
        truth.labelled.astype(np.float32)[None],
    )


@pytest.fixture(scope="module", params=SIZES, ids=lambda size_wh: "{}x{}".format(*size_wh))
def photograph(
    request: pytest.FixtureRequest,
    admin: LabelStudioAdmin,
    label_studio: LabelStudioServer,
    skier: tuple[np.ndarray, Poses],
) -> Photograph:
    """The picture in a size, padded to its shape, with its prediction."""
    (width, height), (bgr, poses) = request.param, skier
    scale = height / bgr.shape[0]
    shape_wh = np.array([round(bgr.shape[1] * scale), height])
    # What is missing at the sides is a repetition of the edge.
    canvas = cv2.resize(bgr, shape_wh.tolist())[:, :width]
    canvas = cv2.copyMakeBorder(canvas, 0, 0, 0, width - canvas.shape[1], cv2.BORDER_REPLICATE)
    moved = placed(poses, scale, (0, 0), (width, height))
    (target,) = parse_labeling_config(CONFIG).targets
    regions = write_regions(moved, target, Shown.of(moved, target, 0.3))
    project, task = make_task(admin, label_studio, canvas, regions)
    return Photograph((width, height), canvas, moved, project, task, regions)


def placed(poses: Poses, scale: float, by: tuple[float, float], size_wh: tuple[int, int]) -> Poses:
    """The same people, smaller and elsewhere in a picture."""
    offset = np.array(by, np.float32)
    boxes = (poses.xyxy.reshape(-1, 2, 2) * scale + offset).reshape(-1, 4).astype(np.float32)
    keypoints = (poses.keypoints * scale + offset).astype(np.float32)
    return Poses(size_wh, boxes, poses.box_scores, keypoints, poses.scores)


def make_task(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, bgr: np.ndarray, regions: list[dict[str, Any]]
) -> tuple[int, int]:
    """A project with one task, which has a prediction; the ids of both."""
    project = admin.create_project("photograph", CONFIG)
    folder = label_studio.files_root / f"photograph-{project}"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.jpg"), bgr)
    admin.add_local_storage(project, folder)
    predictions = [{"model_version": "test", "score": 0.5, "result": regions}]
    data = {"image": local_file_url(f"{folder.name}/a.jpg")}
    (task,) = admin.import_tasks(project, [{"data": data, "predictions": predictions}])
    return project, task


@pytest.fixture(scope="module")
def opened(chromium: Browser, label_studio: LabelStudioServer, login: Any, photograph: Photograph) -> Any:
    """The photograph in the labeling stream."""
    with fresh_editor(chromium, label_studio.url, login) as editor:
        editor.open_stream(photograph.project)
        editor.wait_for_regions(len(photograph.regions))
        editor.wait_until_idle()
        yield editor


def assert_is_whole_and_large(editor: Editor, size_wh: tuple[int, int], least_width: float) -> None:
    """All of the picture is there, in its shape, and it takes the width or the height that it can."""
    assert editor.shown()[:2] == pytest.approx((0, 0), abs=0.002)
    assert min(editor.shown()[2:]) >= 0.998
    width, height = editor.picture_wh()
    assert width / height == pytest.approx(size_wh[0] / size_wh[1], rel=0.01)
    assert width >= least_width or height >= WINDOW_WH[1] - 200


def test_all_of_the_picture_is_there_in_the_stream(opened: Editor, photograph: Photograph) -> None:
    assert_is_whole_and_large(opened, photograph.size_wh, WINDOW_WH[0] - SIDE_PANELS_PX - 80)


def test_all_of_the_picture_is_there_beside_the_list_of_tasks(photograph: Photograph, editor: Editor) -> None:
    editor.open(photograph.project, photograph.task)
    editor.wait_for_regions(len(photograph.regions))
    editor.wait_until_idle()
    assert_is_whole_and_large(editor, photograph.size_wh, 780)


def test_most_points_can_be_reached_where_the_picture_opens(opened: Editor) -> None:
    reached = reach(opened)
    for part, fewest in FEWEST_REACHED.items():
        assert np.mean(list(reached[part].values())) >= fewest, (part, reached[part])


def test_places_go_through_the_zoom(opened: Editor) -> None:
    """Near to a face all but its lips, which are one line, can be reached; and a click meets what it is meant for."""
    face = places(opened)["face"]
    left, top = np.mean(list(face.values()), axis=0)
    opened.zoom((float(left), float(top)), notches=NOTCHES)
    left, top, right, bottom = opened.shown()
    assert 0 < left < right < 1
    assert right - left < 0.5
    assert bottom - top < 0.5
    reached = reach(opened)["face"]
    assert np.mean(list(reached.values())) >= 0.95
    for id_ in list(reached)[::17]:
        opened.select(face[id_], id_)
    opened.pan((0.02, 0.01))
    assert opened.shown()[:2] == pytest.approx((left - 0.02, top - 0.01), abs=0.005)


def test_a_key_goes_from_point_to_point(opened: Editor, photograph: Photograph) -> None:
    opened.unselect()
    for region in photograph.regions[:3]:
        opened.press("Alt+.")
        assert opened.selected() == region["id"]
    opened.unselect()


def test_a_crowd_has_all_of_its_boxes_and_no_more_regions_than_the_editor_bears(
    photograph: Photograph, admin: LabelStudioAdmin, label_studio: LabelStudioServer, editor: Editor
) -> None:
    """Twenty of her, in a grid; most have no face and no hands."""
    width, height = photograph.size_wh
    cells = [(column * width / 5, row * height / 4) for row in range(4) for column in range(5)]
    people = [placed(photograph.poses, 0.2, cell, photograph.size_wh) for cell in cells]
    arrays = {
        name: np.concatenate([getattr(one, name) for one in people])
        for name in ("xyxy", "box_scores", "keypoints", "scores")
    }
    poses = Poses(photograph.size_wh, **arrays)
    (target,) = parse_labeling_config(CONFIG).targets
    most = Settings.model_fields["max_regions"].default
    shown, _ = thin_out(Shown.of(poses, target, 0.3), poses, most)
    regions = write_regions(poses, target, shown)
    project, task = make_task(admin, label_studio, photograph.bgr, regions)
    editor.open(project, task)
    there = editor.wait_for_regions(len(regions))
    assert len(there) <= most
    boxes = {region["id"] for region in there if region["from_name"] == "box"}
    assert len(boxes) == 20
    for part, least in (("body", 17), ("feet", 6)):
        parents = Counter(region["parentID"] for region in there if region["from_name"] == part)
        assert parents == dict.fromkeys(boxes, least)


def places(editor: Editor) -> dict[str, dict[str, tuple[float, float]]]:
    """Control -> region id -> place of each point."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for region in editor.regions():
        if region["type"] == "keypointlabels":
            value = region["value"]
            found.setdefault(region["from_name"], {})[region["id"]] = (value["x"] / 100, value["y"] / 100)
    return found


def reach(editor: Editor) -> dict[str, dict[str, bool]]:
    """Control -> region id -> whether a click at the middle of the point would meet it."""
    found = {}
    for part, points in places(editor).items():
        hits = editor.hit(list(points.values()))
        found[part] = {id_: hit == id_ for id_, hit in zip(points, hits, strict=True)}
    return found
