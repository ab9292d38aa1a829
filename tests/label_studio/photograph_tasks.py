"""Projects of the test data's photographs in a real Label Studio, and what is truly seen in these."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from wholebody.keypoints import NAMES

TRUTH_LISTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
"""COCO-WholeBody's five lists, whose points together are in the order of `keypoints.NAMES`."""

LARGEST_MEDIAN_ERROR = 0.05
"""Median distance of a person's keypoints from the truth, over the longer side of the true box."""

FEWEST_POINTS = 10
"""Of some people in the photographs little but the body is sure."""


@dataclass(frozen=True, slots=True)
class TruePerson:
    """Somebody in a photograph, in fractions of its width and height.

    Attributes:
        size_wh: The photograph's size in pixels.
        xyxy: Their box.
        keypoints: `(133, 2)` x, y.
        labelled: `(133,)` bool, which of them are known.
    """

    size_wh: tuple[int, int]
    xyxy: tuple[float, float, float, float]
    keypoints: np.ndarray
    labelled: np.ndarray

    def drawn(self, margin: float = 0.05) -> tuple[float, float, float, float]:
        """The box as a hand may draw it: wider by a part of its size on each side, within the photograph."""
        left, top, right, bottom = self.xyxy
        x, y = margin * (right - left), margin * (bottom - top)
        return max(0.0, left - x), max(0.0, top - y), min(1.0, right + x), min(1.0, bottom + y)


def true_people(testdata: Path, photograph: str) -> list[TruePerson]:
    """All people in a photograph whose keypoints are known, from left to right."""
    truth = json.loads((testdata / "coco_wholebody.json").read_text())
    (image,) = (image for image in truth["images"] if image["file_name"] == photograph)
    size_wh = (image["width"], image["height"])
    people = [
        _person(one, size_wh)
        for one in truth["annotations"]
        if one["image_id"] == image["id"] and one["num_keypoints"] > 0
    ]
    return sorted(people, key=lambda person: person.xyxy[0])


def _person(annotation: Mapping[str, Any], size_wh: tuple[int, int]) -> TruePerson:
    width, height = size_wh
    x, y, w, h = annotation["bbox"]
    points = np.concatenate([np.array(annotation[key], float).reshape(-1, 3) for key in TRUTH_LISTS])
    box = (x / width, y / height, (x + w) / width, (y + h) / height)
    return TruePerson(size_wh, box, points[:, :2] / size_wh, points[:, 2] > 0)


def import_photograph(
    admin: LabelStudioAdmin, server: LabelStudioServer, project: int, testdata: Path, photograph: str
) -> int:
    """A task of a photograph as local file; its id."""
    folder = server.files_root / f"photographs-{project}"
    folder.mkdir()
    shutil.copyfile(testdata / "images" / photograph, folder / photograph)
    admin.add_local_storage(project, folder)
    (task,) = admin.import_tasks(project, [{"image": local_file_url(f"{folder.name}/{photograph}")}])
    return task


def people_in(result: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], dict[str, Mapping[str, Any]]]]:
    """Each person's box and their points by name, from left to right.

    Raises:
        AssertionError: A region is neither, belongs to nobody, or a label is unknown or there twice.
    """
    boxes = {region["id"]: region for region in result if region["type"] == "rectanglelabels"}
    points: dict[str, dict[str, Mapping[str, Any]]] = {box: {} for box in boxes}
    assert {region["type"] for region in result} <= {"rectanglelabels", "keypointlabels"}
    assert len({region["id"] for region in result}) == len(result)
    for box in boxes.values():
        assert (box["from_name"], box["value"]["rectanglelabels"]) == ("box", ["person"])
    for region in result:
        if region["type"] == "keypointlabels":
            (name,) = region["value"]["keypointlabels"]
            assert name in NAMES
            assert name not in points[region["parentID"]]
            points[region["parentID"]][name] = region
    return sorted(((box, points[key]) for key, box in boxes.items()), key=lambda person: person[0]["value"]["x"])


def assert_is_near(points: Mapping[str, Mapping[str, Any]], truth: TruePerson) -> None:
    """A person's points are near the true ones, and enough of those that are known are there."""
    xy = np.array([[points[n]["value"][a] / 100 if n in points else np.nan for a in "xy"] for n in NAMES])
    left, top, right, bottom = np.array(truth.xyxy) * (*truth.size_wh, *truth.size_wh)
    distances = np.linalg.norm((xy - truth.keypoints) * truth.size_wh, axis=1)[truth.labelled]
    found = distances[~np.isnan(distances)] / max(right - left, bottom - top)
    assert len(found) >= FEWEST_POINTS
    assert np.median(found) <= LARGEST_MEDIAN_ERROR


def assert_lies_in(points: Mapping[str, Mapping[str, Any]], xyxy: tuple[float, float, float, float]) -> None:
    """Nearly all points of a person lie in a box, and none far outside."""
    xy = np.array([[point["value"][axis] / 100 for axis in "xy"] for point in points.values()])
    low, high = np.array(xyxy[:2]), np.array(xyxy[2:])
    outside = (np.maximum(low - xy, xy - high) / (high - low)).max(axis=1)
    assert outside.max() <= 0.1
    assert (outside > 0).mean() <= 0.1
