"""Poses -> Label Studio regions, in the order and form in which its editor shows them well."""

import os
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import NAMES
from wholebody.labeling.labeling_config import ImageTarget, KeypointControl, SkeletonControl
from wholebody.labeling.skeletons import SKELETONS, connect
from wholebody.poses import Floats, Poses

Region = dict[str, Any]

MIN_JOINTS = 2
"""Joints that a skeleton has at least: a single one has no bone."""


class Prediction(TypedDict):
    """What Label Studio stores for a task."""

    result: list[Region]
    score: float
    model_version: str


def write_regions(poses: Poses, target: ImageTarget, point_threshold: float) -> list[Region]:
    """The regions of all people on one image.

    All keypoints of all people come first, then all skeletons, then all boxes: the editor stacks in reverse, and
    a box drawn above its points would catch every click meant for them. Bodies come last among the skeletons,
    for a bone catches the clicks around it. The `parentID` of each is its person's box.

    Args:
        poses: The people.
        target: The controls to fill.
        point_threshold: Keypoints with a lower score are left out, where a control does not say otherwise.

    Returns:
        Regions with ids unique everywhere, coordinates in percent of the upright image clipped to 0..100.
    """
    boxes = [_box_region(poses, person, target) for person in range(len(poses))]
    regions: list[Region] = []
    for person, box in enumerate(boxes):
        for control in target.keypoints:
            if poses.box_scores[person] >= control.score_threshold:
                regions += _keypoint_regions(poses, person, target, control, point_threshold, box)
    for part in SKELETONS:
        for skeleton in target.skeletons:
            if part in skeleton.labels:
                for person in np.flatnonzero(poses.box_scores >= skeleton.score_threshold).tolist():
                    regions += _skeleton_region(poses, person, target, skeleton, part, point_threshold, boxes[person])
    return regions + [box for box in boxes if box]


def mean_score(poses: Poses, target: ImageTarget) -> float:
    """The mean score of the keypoints that the config asks for, found or not; 0 when there is nobody."""
    asked = {keypoint for control in target.keypoints for keypoint in control.labels}
    asked |= {joint for control in target.skeletons for part in control.labels for joint in SKELETONS[part]}
    return round(float(poses.scores[:, sorted(asked)].mean()), 4) if len(poses) else 0.0


def _keypoint_regions(
    poses: Poses,
    person: int,
    target: ImageTarget,
    control: KeypointControl,
    point_threshold: float,
    box: Region | None,
) -> list[Region]:
    threshold = point_threshold if control.point_threshold is None else control.point_threshold
    # Plain numbers at once: to take them out of an array one by one costs more.
    points, scores = _percent(poses.keypoints[person], poses.size_wh).tolist(), poses.scores[person].tolist()
    regions = []
    for keypoint, label in control.labels.items():
        (x, y), score = points[keypoint], scores[keypoint]
        if score < threshold or score <= 0:  # SimCC gives no place at all to a keypoint of score 0
            continue
        value = {"x": x, "y": y, "width": control.size_of(keypoint), "keypointlabels": [label]}
        regions.append(_region(poses, control.name, target.name, "keypointlabels", score, value, box))
    return regions


def _skeleton_region(
    poses: Poses,
    person: int,
    target: ImageTarget,
    control: SkeletonControl,
    part: str,
    point_threshold: float,
    box: Region | None,
) -> list[Region]:
    """The one region of a person's part, or none where no two joints of it are seen."""
    threshold = point_threshold if control.point_threshold is None else control.point_threshold
    percent, scores = _percent(poses.keypoints[person], poses.size_wh), poses.scores[person]
    joints = dict(connect(SKELETONS[part], lambda joint: bool(scores[joint] >= threshold and scores[joint] > 0)))
    if len(joints) < MIN_JOINTS:
        return []
    vertices = [
        {
            "id": NAMES[joint],
            "x": float(percent[joint, 0]),
            "y": float(percent[joint, 1]),
            "prevPointId": None if parent is None else NAMES[parent],
            "isBezier": False,
        }
        for joint, parent in joints.items()
    ]
    value = {"closed": False, "vectorlabels": [control.labels[part]], "vertices": vertices}
    score = float(scores[list(joints)].mean())
    return [_region(poses, control.name, target.name, "vectorlabels", score, value, box)]


def _box_region(poses: Poses, person: int, target: ImageTarget) -> Region | None:
    control, score = target.box, float(poses.box_scores[person])
    if control is None or score < control.score_threshold:
        return None
    left, top, right, bottom = _percent(poses.xyxy[person].reshape(2, 2), poses.size_wh).ravel().tolist()
    value = {
        "x": left,
        "y": top,
        "width": round(right - left, 4),
        "height": round(bottom - top, 4),
        "rotation": 0,
        "rectanglelabels": [control.label],
    }
    return _region(poses, control.name, target.name, "rectanglelabels", score, value)


def _region(
    poses: Poses,
    from_name: str,
    to_name: str,
    kind: str,
    score: float,
    value: dict[str, Any],
    parent: Region | None = None,
) -> Region:
    width, height = poses.size_wh
    region: Region = {
        "id": os.urandom(8).hex(),
        "from_name": from_name,
        "to_name": to_name,
        "type": kind,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": round(score, 4),
        "value": value,
    }
    if parent:
        region["parentID"] = parent["id"]
    return region


def _percent(xy: Floats, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    """`(n, 2)` pixels -> `(n, 2)` percent of width and height, clipped to the image."""
    return np.asarray(np.round((xy.astype(np.float64) * 100 / np.array(size_wh)).clip(0, 100), 4))
