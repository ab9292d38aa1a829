"""Who is asked for takes the place of the same person whom a crowd left with few points or none.

The editor adds what it accepts at the end, and what has the id of a region takes that region's place. So a point gets
the id of the old box, which is gone then, and the new box comes last: below its points, where no click on them hits it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from wholebody.errors import RequestError
from wholebody.keypoints import PARTS, Part
from wholebody.labeling.prompts import drawn_box
from wholebody.labeling.targets import ImageTarget
from wholebody.poses import XYXY, iou
from wholebody.predictions import Region
from wholebody.versions import is_ours

SAME_PERSON: Final = 0.7
"""IoU of two boxes of one person. Detectors take boxes that overlap so much for one, too."""

MOST_CHARS: Final = 100
"""Of an id: the editor's have ten."""

_KINDS: Final = ("keypoint", "vector", "rectangle")
_Shape = tuple[str, str]
"""Kind and label."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Somebody of a stored prediction who has no points of face and hands, or none at all."""

    box_id: str
    xyxy: XYXY
    ids: dict[_Shape, list[str]]


def take_places(
    regions: Sequence[Region], task: dict[str, Any], target: ImageTarget, item_index: int | None
) -> list[Region]:
    """The same regions, with the ids of those whose place they take.

    Args:
        regions: Those of the people who were asked for.
        task: As Label Studio sends it; this model's `predictions` are read, which may hold anything.
        target: The image and its controls.
        item_index: The page that it is, where the target has pages.
    """
    known = list(_known_people(task, target, item_index))
    ids: dict[str, str] = {}
    boxes = {region["id"]: region for region in regions if _shape(region)[0] == "rectangle"}
    for box_id, box in boxes.items():
        likeness = {number: iou(drawn_box(box), one.xyxy) for number, one in enumerate(known)}
        best = max(likeness, key=likeness.__getitem__, default=None)
        if best is None or likeness[best] < SAME_PERSON:
            continue
        old = known.pop(best)
        own = {region["id"]: _shape(region) for region in regions if region.get("parentID") == box_id}
        new = [region_id for region_id, shape in own.items() if not old.ids[shape]]
        ids |= {region_id: old.ids[shape].pop() for region_id, shape in own.items() if old.ids[shape]}
        ids[new[0] if new else box_id] = old.box_id
    return [_renamed(region, ids) for region in regions]


def _renamed(region: Region, ids: dict[str, str]) -> Region:
    return region | {key: ids.get(region[key], region[key]) for key in ("id", "parentID") if key in region}


def _known_people(task: dict[str, Any], target: ImageTarget, item_index: int | None) -> Iterator[_Known]:
    """The people of this model's newest prediction who were left with few points; nobody has any of skeletons alone."""
    if not target.keypoints:
        return
    fine = {label for control in target.keypoints for k, label in control.labels.items() if _is_fine(k)}
    for region, children in _boxes(_newest(task), target, item_index or 0):
        points = {label for kind, label in children if kind == "keypoint"}
        if points and (not fine or points & fine):
            continue
        with suppress(RequestError):
            yield _Known(region["id"], drawn_box(region), children)


def _is_fine(keypoint: int) -> bool:
    """Whether it belongs to face or hands, whose points are the first that a crowd loses."""
    return PARTS[keypoint] in (Part.FACE, Part.LEFT_HAND, Part.RIGHT_HAND)


def _newest(task: dict[str, Any]) -> list[Any]:
    given = task.get("predictions")
    ours = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    ours = [one for one in ours if isinstance(one.get("result"), list) and is_ours(one.get("model_version"))]
    newest = max(ours, key=lambda one: one["id"] if isinstance(one.get("id"), int) else 0, default=None)
    return newest["result"] if newest else []


def _boxes(
    result: list[Any], target: ImageTarget, page: int
) -> Iterator[tuple[dict[str, Any], dict[_Shape, list[str]]]]:
    """Each person's box with the ids of what hangs on it."""
    there = {r["id"]: r for r in result if isinstance(r, dict) and _is_id(r.get("id"))}
    there = {
        key: r for key, r in there.items() if r.get("to_name") == target.name and (r.get("item_index") or 0) == page
    }
    children: dict[str, dict[_Shape, list[str]]] = defaultdict(lambda: defaultdict(list))
    for region_id, region in there.items():
        if isinstance(parent := region.get("parentID"), str):
            children[parent][_shape(region)].append(region_id)
    for region_id, region in there.items():
        if target.box and _shape(region) == ("rectangle", target.box.label):
            yield region, children[region_id]


def _is_id(given: object) -> bool:
    """Whether it is such an id as editors make; anything else could not be answered with."""
    return isinstance(given, str) and given.isascii() and 0 < len(given) <= MOST_CHARS


def _shape(region: dict[str, Any]) -> _Shape:
    """Kind and label of a region. Of a tool without labels both of its results have the label."""
    value, kind = region.get("value"), region.get("type")
    if not isinstance(value, dict) or not isinstance(kind, str):
        return "", ""
    labels = value.get(kind) or value.get("labels")
    label = labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else ""
    if kind == "labels":
        kind = "vector" if "vertices" in value else "rectangle" if "height" in value else "keypoint"
    return next((one for one in _KINDS if kind.startswith(one)), ""), label
