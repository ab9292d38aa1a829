"""Degraded photographs of people as tasks, and an annotator who knows where their keypoints are. No test of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.degraded import Shown, shown_people
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from wholebody.keypoints import NAMES

MARGIN = 0.1
TOLERANCE = 0.02
"""Points that are nearer to the truth are left where they are, in shares of the longer side of the box."""


def import_degraded(
    admin: LabelStudioAdmin, server: LabelStudioServer, project: int, testdata: Path, count: int
) -> dict[int, Shown]:
    """Tasks of one person each, cut out of their photographs; task -> the person."""
    rng = np.random.default_rng(5)
    people = list(shown_people(testdata, draws=4, rng=rng))
    chosen = [_cut_out(people[number]) for number in rng.permutation(len(people))[:count]]
    folder = server.files_root / f"degraded-{project}"
    folder.mkdir()
    for number, shown in enumerate(chosen):
        cv2.imwrite(str(folder / f"{number}.png"), shown.person.bgr)
    admin.add_local_storage(project, folder)
    values = [local_file_url(f"{folder.name}/{number}.png") for number in range(count)]
    return dict(zip(admin.import_tasks(project, [{"image": value} for value in values]), chosen, strict=True))


def _cut_out(shown: Shown) -> Shown:
    from dataclasses import replace

    height, width = shown.person.bgr.shape[:2]
    left, top, right, bottom = shown.person.xyxy
    x, y = MARGIN * (right - left), MARGIN * (bottom - top)
    low = np.array((max(0, left - x), max(0, top - y))).astype(int)
    high = np.array((min(width, right + x), min(height, bottom + y))).astype(int)
    person = replace(
        shown.person,
        bgr=np.ascontiguousarray(shown.person.bgr[low[1] : high[1], low[0] : high[0]]),
        xyxy=shown.person.xyxy - np.float32(np.tile(low, 2)),
        keypoints=shown.person.keypoints - np.float32(low),
    )
    return replace(shown, person=person, xyxy=shown.xyxy - np.float32(np.tile(low, 2)))


def corrected(result: list[dict[str, Any]], shown: Shown) -> list[dict[str, Any]]:
    """A prediction as the annotator leaves it: one person, with marked points where they are, and without others."""
    height, width = shown.person.bgr.shape[:2]
    boxes = [region for region in result if region["type"] == "rectanglelabels"]
    if not boxes:
        return []
    mine = max(boxes, key=lambda box: box["value"]["width"] * box["value"]["height"])
    longer = float((shown.person.xyxy[2:] - shown.person.xyxy[:2]).max())
    kept = [mine]
    for region in (one for one in result if one.get("parentID") == mine["id"]):
        keypoint = NAMES.index(region["value"]["keypointlabels"][0])
        if not shown.person.labelled[keypoint]:
            continue
        x, y = shown.person.keypoints[keypoint].tolist()
        value, far = region["value"], TOLERANCE * longer
        if np.hypot(value["x"] / 100 * width - x, value["y"] / 100 * height - y) > far:
            value = value | {"x": x / width * 100, "y": y / height * 100}
        kept.append(region | {"value": value})
    return kept
