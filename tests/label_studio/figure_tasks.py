"""Projects of drawn figures in a real Label Studio, and the comparison of predictions with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from wholebody.figures.drawing import Drawing, sample, write_samples
from wholebody.keypoints import NAMES, Part
from wholebody.labeling.config_writer import write_config

SEED = 7
TOLERANCE = 0.01
"""Largest distance of a keypoint from the truth, over the longer side of its figure's box."""


def make_project(admin: LabelStudioAdmin, title: str) -> int:
    return admin.create_project(title, write_config(tuple(Part)))


def import_figures(admin: LabelStudioAdmin, server: LabelStudioServer, project: int, count: int) -> list[int]:
    """Tasks of `sample(1, SEED)`, `sample(2, SEED)`, ... as local files; their ids."""
    folder = server.files_root / f"figures-{project}"
    paths = write_samples(folder, count, SEED)
    admin.add_local_storage(project, folder)
    values = [local_file_url(Path(folder.name) / path.name) for path in paths]
    return admin.import_tasks(project, [{"image": value} for value in values])


def assert_is_the_truth(prediction: Mapping[str, Any], number: int) -> None:
    """Every keypoint of every figure of `sample(number, SEED)` is there once, near enough, with its box."""
    assert_shows(prediction["result"], sample(number, SEED))


def assert_shows(result: list[Mapping[str, Any]], truth: Drawing) -> None:
    height, width = truth.bgr.shape[:2]
    boxes = [region for region in result if region["type"] == "rectanglelabels"]
    assert result[-len(boxes) :] == boxes, "boxes must come last"
    assert len({region["id"] for region in result}) == len(result)
    assert len(boxes) == len(truth.xyxy)
    for box in boxes:
        children = {
            region["value"]["keypointlabels"][0]: region for region in result if region.get("parentID") == box["id"]
        }
        assert set(children) == set(NAMES)
        xy = np.array([[children[name]["value"][axis] for axis in "xy"] for name in NAMES]) / 100
        pixels = xy * (width, height)
        figure = np.abs(truth.keypoints - pixels).sum(axis=(1, 2)).argmin()
        longer = (truth.xyxy[figure][2:] - truth.xyxy[figure][:2]).max()
        distance = np.linalg.norm(truth.keypoints[figure] - pixels, axis=1).max()
        assert distance <= TOLERANCE * longer
        assert {(r["original_width"], r["original_height"]) for r in children.values()} == {(width, height)}
        left, top = (box["value"][axis] / 100 for axis in "xy")
        corner = np.array([left * width, top * height])
        assert np.abs(corner - truth.xyxy[figure][:2]).max() <= TOLERANCE * longer
