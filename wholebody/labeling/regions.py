"""Poses -> Label Studio regions, in the order and form in which its editor shows them well."""

import os
import statistics
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import NAMES
from wholebody.labeling.point_sizes import point_sizes
from wholebody.labeling.shown import Shown, exact
from wholebody.labeling.skeletons import SKELETONS, connect
from wholebody.labeling.targets import BoxControl, ImageTarget, KeypointControl, SkeletonControl
from wholebody.poses import Floats, Poses
from wholebody.predictions import Region

Control = BoxControl | KeypointControl | SkeletonControl


def write_regions(poses: Poses, target: ImageTarget, shown: Shown, item_index: int | None = None) -> list[Region]:
    """The regions of all people on one image.

    All keypoints of all people come first, then all skeletons, then all boxes: the editor stacks in reverse, and
    a box drawn above its points would catch every click meant for them. Bodies come last among the skeletons,
    for a bone catches the clicks around it. Of the same kind, what is smaller comes first: smaller people, and of
    each the smaller points. The `parentID` of each is its person's box.

    Args:
        poses: The people.
        target: The controls to fill.
        shown: What is shown of them.
        item_index: The page that the image is, where the target has pages.

    Returns:
        Regions with ids unique everywhere, coordinates in percent of the upright image clipped to 0..100.
    """
    people = _People.of(poses, shown)
    boxes = {person: _box_regions(people, person, target) for person in poses.smallest_first()}
    parents = {person: box[0]["id"] if box else None for person, box in boxes.items()}
    regions: list[Region] = []
    for person, parent in parents.items():
        regions += _keypoint_regions(people, person, target, parent)
    for part in SKELETONS:
        for skeleton in (control for control in target.skeletons if part in control.labels):
            for person, parent in parents.items():
                regions += _skeleton_regions(people, person, target, skeleton, part, parent)
    regions += [region for box in boxes.values() for region in box]
    return regions if item_index is None else [region | {"item_index": item_index} for region in regions]


def mean_score(poses: Poses, target: ImageTarget) -> float:
    """The mean score of the keypoints that the config asks for, found or not; 0 when there is nobody."""
    asked = {keypoint for control in target.keypoints for keypoint in control.labels}
    asked |= {joint for control in target.skeletons for part in control.labels for joint in SKELETONS[part]}
    return round(float(poses.scores[:, sorted(asked)].mean()), 4) if len(poses) else 0.0


@dataclass(frozen=True, slots=True)
class _People:
    """Poses as plain numbers, all of them at once: to take thousands out of arrays one by one costs more.

    Attributes:
        size_wh: Width and height of the image in pixels.
        boxes: Left, top, right and bottom of each person's box in percent.
        box_scores: Of each person.
        points: x and y in percent of each keypoint of each person.
        sizes: Of each keypoint of each person in percent, where the config leaves them open.
        scores: Of each keypoint of each person.
        are_points: Which keypoints of each person are points.
        are_joints: Key of `SKELETONS` -> which keypoints of each person are joints of it.
        have_boxes: Of each person.
    """

    size_wh: tuple[int, int]
    boxes: list[list[float]]
    box_scores: list[float]
    points: list[list[list[float]]]
    sizes: list[list[float]]
    scores: list[list[float]]
    are_points: list[list[bool]]
    are_joints: dict[str, list[list[bool]]]
    have_boxes: list[bool]

    @classmethod
    def of(cls, poses: Poses, shown: Shown) -> Self:
        boxes = _percent(poses.xyxy.reshape(-1, 2, 2), poses.size_wh).reshape(-1, 4)
        points = _percent(poses.keypoints, poses.size_wh)
        return cls(
            poses.size_wh,
            boxes.tolist(),
            exact(poses.box_scores).tolist(),
            points.tolist(),
            point_sizes(points, shown.points, poses.size_wh).tolist(),
            exact(poses.scores).tolist(),
            shown.points.tolist(),
            {part: joints.tolist() for part, joints in shown.joints.items()},
            shown.boxes.tolist(),
        )


def _keypoint_regions(people: _People, person: int, target: ImageTarget, parent: str | None) -> list[Region]:
    """A person's keypoints, the smaller ones first."""
    points, scores, is_point = people.points[person], people.scores[person], people.are_points[person]
    seen = [(keypoint, control) for control in target.keypoints for keypoint in control.labels if is_point[keypoint]]
    own = people.sizes[person]
    sizes = {k: own[k] if control.point_size is None else control.point_size for k, control in seen}
    seen.sort(key=lambda one: sizes[one[0]])
    regions = []
    for (keypoint, control), new_id in zip(seen, _new_ids(len(seen)), strict=True):
        x, y = points[keypoint]
        value = {"x": x, "y": y, "width": sizes[keypoint]}
        region = _region(people, new_id, target.name, scores[keypoint], value, parent)
        regions += _labelled(region, "keypoint", control, control.labels[keypoint])
    return regions


def _skeleton_regions(
    people: _People,
    person: int,
    target: ImageTarget,
    control: SkeletonControl,
    part: str,
    parent: str | None,
) -> list[Region]:
    """The drawing of a person's part; nothing where no two joints of it are seen."""
    points, scores = people.points[person], people.scores[person]
    joints = dict(connect(SKELETONS[part], people.are_joints[part][person].__getitem__))
    if not joints:
        return []
    vertices = [
        {
            "id": NAMES[joint],
            "x": points[joint][0],
            "y": points[joint][1],
            "prevPointId": None if above is None else NAMES[above],
            "isBezier": False,
        }
        for joint, above in joints.items()
    ]
    value = {"closed": False, "vertices": vertices}
    score = statistics.fmean(scores[joint] for joint in joints)
    region = _region(people, _new_ids(1)[0], target.name, score, value, parent)
    return _labelled(region, "vector", control, control.labels[part])


def _box_regions(people: _People, person: int, target: ImageTarget) -> list[Region]:
    control = target.box
    if control is None or not people.have_boxes[person]:
        return []
    left, top, right, bottom = people.boxes[person]
    value = {
        "x": left,
        "y": top,
        "width": round(right - left, 4),
        "height": round(bottom - top, 4),
        "rotation": 0,
    }
    return _labelled(
        _region(people, _new_ids(1)[0], target.name, people.box_scores[person], value),
        "rectangle",
        control,
        control.label,
    )


def _region(
    people: _People, new_id: str, to_name: str, score: float, value: dict[str, Any], parent: str | None = None
) -> Region:
    """A region without its control and its label."""
    width, height = people.size_wh
    region: Region = {
        "id": new_id,
        "from_name": "",
        "to_name": to_name,
        "type": "",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": round(score, 4),
        "value": value,
    }
    if parent:
        region["parentID"] = parent
    return region


def _labelled(region: Region, shape: str, control: Control, label: str) -> list[Region]:
    """A region with its control and its label.

    Of a tool without labels there are two results with one id, as the editor writes them: the shape, and its label.
    """
    region["from_name"] = control.name
    if control.labels_name is None:
        region["type"] = f"{shape}labels"
        region["value"][region["type"]] = [label]
        return [region]
    region["type"] = shape
    value = region["value"] | {"labels": [label]}
    return [region, region | {"from_name": control.labels_name, "type": "labels", "value": value}]


def _new_ids(count: int) -> list[str]:
    """Ids that no other region has: 64 random bits each, in hexadecimal."""
    bits = os.urandom(8 * count).hex()
    return [bits[i : i + 16] for i in range(0, len(bits), 16)]


def _percent(xy: Floats, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    """`(..., 2)` pixels -> `(..., 2)` percent of width and height, clipped to the image."""
    return np.asarray(np.round((xy.astype(np.float64) * 100 / np.array(size_wh)).clip(0, 100), 4))
