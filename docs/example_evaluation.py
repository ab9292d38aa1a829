"""A made-up project for the pictures of the docs: drawn figures, predicted by two models, corrected by three people."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wholebody.figures.drawing import Drawing, sample
from wholebody.keypoints import MIRRORED, NAMES, PART_SLICES, PARTS, Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.regions import mean_score, write_regions
from wholebody.labeling.shown import Shown
from wholebody.poses import Poses

TASKS, SEED = 60, 5
VERSIONS = ("wholebody-lightweight-41c07f2a", "wholebody-balanced-9be31d55")
"""The older and the newer model: each predicted half of the tasks."""
ANNOTATORS = ("ada@example.com", "ben@example.com", "cleo@example.com")
SECONDS_A_POINT, SECONDS_A_TASK = 3.0, 9.0

WRONG = {Part.BODY: 0.06, Part.FEET: 0.12, Part.FACE: 0.03, Part.LEFT_HAND: 0.16, Part.RIGHT_HAND: 0.2}
"""Shares of points that the newer model puts elsewhere; the older one does so 1.7 times as often."""
OLDER = 1.7
FAR = {Part.BODY: 0.05, Part.FEET: 0.03, Part.FACE: 0.012, Part.LEFT_HAND: 0.035, Part.RIGHT_HAND: 0.035}
"""How far, over the height of the figure."""
HIPS_TOO_HIGH = 0.03
HAND_ELSEWHERE, LEGS_SWAPPED = 0.06, 0.05
"""Shares of people."""
MISSED = 0.1
"""Share of pictures of several people in which one is missed."""
SPREAD = 0.6
"""Of how difficult pictures are."""

Json = dict[str, Any]


def write_example(path: Path) -> None:
    """Write the tasks as Label Studio exports them."""
    rng = np.random.default_rng(SEED)
    path.write_text(json.dumps([_task(rng, number) for number in range(1, TASKS + 1)]))


def _task(rng: np.random.Generator, number: int) -> Json:
    drawing = sample(number, SEED)
    is_new = number > TASKS // 2
    png = base64.b64encode(cv2.imencode(".png", drawing.bgr)[1].tobytes()).decode()
    result, score = _predicted(rng, drawing, rng.lognormal(0, SPREAD) * (1.0 if is_new else OLDER))
    last = result[-1]["id"]
    missed = last if len(drawing.xyxy) > 1 and rng.random() < MISSED else None
    prediction = {
        "id": number, "model_version": VERSIONS[is_new], "score": score,
        "result": [region for region in result if missed not in (region["id"], region.get("parentID"))],
        "created_at": f"2026-0{1 + is_new}-01T00:00:00Z",
    }  # fmt: skip
    annotators = ANNOTATORS if number % 6 == 0 else [ANNOTATORS[number % 3]]
    annotations = [_annotated(rng, drawing, result, one, number) for one in annotators]
    data = {"image": f"data:image/png;base64,{png}"}
    return {"id": number, "project": 7, "data": data, "predictions": [prediction], "annotations": annotations}


def _predicted(rng: np.random.Generator, drawing: Drawing, worse: float) -> tuple[list[Json], float]:
    people = len(drawing.xyxy)
    heights = (drawing.xyxy[:, 3] - drawing.xyxy[:, 1])[:, None]
    wrong = rng.random((people, len(NAMES))) < worse * np.array([WRONG[part] for part in PARTS])
    far = rng.gamma(2, 0.5, wrong.shape) * np.array([FAR[part] for part in PARTS]) * wrong * heights
    turns = rng.uniform(0, 2 * np.pi, wrong.shape)
    places = drawing.keypoints + far[..., None] * np.stack([np.cos(turns), np.sin(turns)], -1)
    for person in range(people):
        _go_wrong(rng, places[person], wrong[person], float(heights[person, 0]))
    for hip in ("left_hip", "right_hip"):
        places[:, NAMES.index(hip), 1] -= HIPS_TOO_HIGH * heights[:, 0] * rng.uniform(0.4, 1.2, people)
    scores = np.clip(np.where(wrong, rng.beta(4, 3, wrong.shape), rng.beta(9, 1.4, wrong.shape)), 0.3, 1)
    floats = (one.astype(np.float32) for one in (drawing.xyxy, np.full(people, 0.9), places, scores))
    height, width = drawing.bgr.shape[:2]
    poses, (target,) = Poses((width, height), *floats), parse_labeling_config(write_config(tuple(Part))).targets
    return list(write_regions(poses, target, Shown.of(poses, target, 0.3))), mean_score(poses, target)


def _go_wrong(rng: np.random.Generator, places: Any, wrong: Any, height: float) -> None:
    """Now and then, a hand is found elsewhere, or the legs the wrong way round."""
    for part in (Part.LEFT_HAND, Part.RIGHT_HAND):
        if rng.random() < HAND_ELSEWHERE:
            places[PART_SLICES[part]] += rng.choice((-1, 1), 2) * rng.uniform(0.08, 0.16, 2) * height
            wrong[PART_SLICES[part]] = True
    if rng.random() < LEGS_SWAPPED:
        legs = [NAMES.index(f"left_{joint}") for joint in ("knee", "ankle", "big_toe", "small_toe", "heel")]
        others = [MIRRORED[joint] for joint in legs]
        places[legs + others] = places[others + legs]
        wrong[legs + others] = True


def _annotated(rng: np.random.Generator, drawing: Drawing, result: list[Json], annotator: str, number: int) -> Json:
    """What somebody made of a prediction: the points that are visibly wrong put right, some of them deleted."""
    height, width = drawing.bgr.shape[:2]
    boxes = [region["id"] for region in result if region["type"] == "rectanglelabels"]
    regions, changes = list[Json](), 0
    careless = annotator == ANNOTATORS[1] and number % 9 == 1
    for region in deepcopy(result):
        if region["type"] == "keypointlabels" and not careless:
            keypoint = NAMES.index(region["value"]["keypointlabels"][0])
            true = drawing.keypoints[boxes.index(region["parentID"]), keypoint]
            value = region["value"]
            apart = np.hypot(value["x"] * width / 100 - true[0], value["y"] * height / 100 - true[1])
            if apart > 4:
                changes += 1
                if rng.random() < 0.12:
                    continue
                x, y = true + rng.normal(0, 1.5, 2)
                value["x"], value["y"] = float(x) * 100 / width, float(y) * 100 / height
                region["origin"] = "prediction-changed"
        regions.append(region)
    seconds = 3.1 if careless else SECONDS_A_TASK + SECONDS_A_POINT * changes * rng.uniform(0.7, 1.3)
    return {
        "id": 1000 * (1 + ANNOTATORS.index(annotator)) + number, "completed_by": {"email": annotator},
        "result": regions, "lead_time": seconds, "created_at": "2026-03-01T00:00:00Z", "parent_prediction": number,
    }  # fmt: skip
