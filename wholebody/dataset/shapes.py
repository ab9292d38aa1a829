"""The results of an annotation or a prediction -> what was drawn: points, skeletons and boxes, in pixels.

The results with one id are one shape: the drawing itself, its label where the tool has none, its visibility.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.meanings import Meanings
from wholebody.errors import RequestError
from wholebody.keypoints import NAMES
from wholebody.labeling.label_names import skeletons_of
from wholebody.labeling.prompts import drawn_box
from wholebody.labeling.visibility import HIDDEN

LABELLED, HIDDEN_BUT_KNOWN = 2, 1
"""COCO's visibility flags; 0 is a point that nobody set."""

MAX_PERCENT = 1e4
"""A point further away than a hundred pictures is no place."""

_POINTS = ("keypointlabels", "keypoint")
_BOXES = ("rectanglelabels", "rectangle")
_VECTORS = ("vectorlabels", "vector")
_SHAPES = frozenset((*_POINTS, *_BOXES, *_VECTORS))
_INDEX = {name: index for index, name in enumerate(NAMES)}

NO_LABEL_POINT = "a point without a label"
NO_LABEL_BOX = "a box without a label: a smart tool's, never accepted"
UNREADABLE = "a region whose coordinates cannot be read"
AMBIGUOUS = "a point whose label stands for several keypoints"
UNNAMED_VERTEX = "a vertex added by hand to a skeleton, so without the name of a joint"
UNKNOWN_CONTROL = "a point of a control that the labeling config does not have: give each project its own config"
OTHER_LABEL = "a region of another kind, or with a label that stands for no person and no keypoint"


@dataclass(frozen=True, slots=True)
class Point:
    """A keypoint as it was drawn.

    Attributes:
        keypoint: Index into `keypoints.NAMES`.
        xy: Pixels of the upright image.
        visibility: 1 or 2.
        score: 0..1, where a model gave one.
        region_id: Of the region; several joints of one skeleton share it.
        origin: As Label Studio keeps it: `prediction`, `prediction-changed`, `manual`, or `""`.
        parent: The id of the region that it lies under, or `None`.
        group: The region itself, for the joints of a skeleton: they are one person's; else `None`.
    """

    keypoint: int
    xy: tuple[float, float]
    visibility: int
    score: float | None
    region_id: str
    origin: str
    parent: str | None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A person's box as it was drawn: left, top, right, bottom in pixels; the rest as of a `Point`."""

    xyxy: tuple[float, float, float, float]
    score: float | None
    region_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Shapes:
    """All that was drawn of people on one image."""

    points: list[Point]
    boxes: list[Box]
    left_out: list[LeftOut]


def read_shapes(results: list[Any], meanings: Meanings, size_wh: tuple[int, int]) -> Shapes:
    """Read the results of one image.

    `image_rotation` is how the editor showed the picture; coordinates are those of the picture upright, whatever it
    says.

    Args:
        results: The results of an annotation or a prediction that lie on the image.
        meanings: What the labels of this image mean.
        size_wh: The upright image's width and height in pixels.
    """
    shapes = Shapes([], [], [])
    for parts in _grouped(results).values():
        drawing = next((one for one in parts if str(one.get("type")) in _SHAPES), None)
        if drawing is not None:
            _read_shape(drawing, parts, meanings, size_wh, shapes)
        else:
            shapes.left_out.extend(LeftOut(OTHER_LABEL, is_loss=False, what=str(one.get("type"))) for one in parts)
    return shapes


def _grouped(results: list[Any]) -> dict[object, list[dict[str, Any]]]:
    """Results by id, in order; relations, which have none, are no drawings and say nothing of people."""
    groups: dict[object, list[dict[str, Any]]] = {}
    for number, result in enumerate(results):
        if isinstance(result, dict) and result.get("type") != "relation":
            given = result.get("id")
            groups.setdefault(given if isinstance(given, str) and given else number, []).append(result)
    return groups


def _read_shape(
    drawing: dict[str, Any],
    parts: list[dict[str, Any]],
    meanings: Meanings,
    size_wh: tuple[int, int],
    shapes: Shapes,
) -> None:
    kind, labels = drawing["type"], [*_labels(parts)]
    if not labels:
        reason = NO_LABEL_POINT if kind in _POINTS else NO_LABEL_BOX if kind in _BOXES else OTHER_LABEL
        shapes.left_out.append(LeftOut(reason, is_loss=reason != OTHER_LABEL, what=str(drawing.get("id"))))
        return
    chosen = _choices(parts)
    visibility = HIDDEN_BUT_KNOWN if HIDDEN in chosen else LABELLED
    try:
        if kind in _BOXES and any(meanings.is_person(*label) for label in labels):
            shapes.boxes.append(_box(drawing, size_wh))
            return
        keypoints = [found for label in labels if (found := meanings.keypoints(*label))] if kind in _POINTS else []
        if keypoints:
            if len(keypoints) > 1 or len(keypoints[0]) > 1:
                shapes.left_out.append(LeftOut(AMBIGUOUS, what=labels[0][1]))
            else:
                shapes.points.append(_point(drawing, keypoints[0][0], drawing["value"], visibility, size_wh))
            return
        if kind in _VECTORS and any(meanings.is_skeleton(*label) for label in labels):
            shapes.points.extend([*_vertices(drawing, chosen, size_wh, shapes.left_out)])
            return
    except (RequestError, KeyError, TypeError, ValueError):
        shapes.left_out.append(LeftOut(UNREADABLE, what=str(drawing.get("id"))))
        return
    control, label = labels[0]
    is_ours = kind in _POINTS or (kind in _VECTORS and bool(skeletons_of({"value": label})))
    if is_ours and not meanings.has_control(control):
        shapes.left_out.append(LeftOut(UNKNOWN_CONTROL, what=control))
    else:
        shapes.left_out.append(LeftOut(OTHER_LABEL, is_loss=False, what=label))


def _labels(parts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The control and the text of each label of a shape."""
    for part in parts:
        kind, value = str(part.get("type")), part.get("value")
        given = value.get(kind) if kind.endswith("labels") and isinstance(value, dict) else None
        for label in given if isinstance(given, list) else []:
            yield str(part.get("from_name")), str(label)


def _choices(parts: list[dict[str, Any]]) -> set[str]:
    """What is chosen for a region: `hidden`, or the names of a skeleton's hidden joints."""
    values = [part["value"] for part in parts if part.get("type") == "choices" and isinstance(part.get("value"), dict)]
    return {str(one) for value in values if isinstance(value.get("choices"), list) for one in value["choices"]}


def _box(drawing: dict[str, Any], size_wh: tuple[int, int]) -> Box:
    left, top, right, bottom = drawn_box(drawing)
    width, height = size_wh
    xyxy = (left * width, top * height, right * width, bottom * height)
    return Box(xyxy, _score(drawing.get("score")), _id(drawing), str(drawing.get("origin") or ""))


def _point(
    drawing: dict[str, Any],
    keypoint: int,
    place: dict[str, Any],
    visibility: int,
    size_wh: tuple[int, int],
    group: str | None = None,
) -> Point:
    parent = drawing.get("parentID")
    return Point(
        keypoint,
        (_percent(place["x"]) * size_wh[0] / 100, _percent(place["y"]) * size_wh[1] / 100),
        visibility,
        _score(place.get("score", drawing.get("score"))),
        _id(drawing),
        str(drawing.get("origin") or ""),
        parent if isinstance(parent, str) and parent else None,
        group,
    )


def _vertices(
    drawing: dict[str, Any], chosen: set[str], size_wh: tuple[int, int], left_out: list[LeftOut]
) -> Iterator[Point]:
    """The joints of a skeleton, hidden as the choices say. A vertex may carry a `visibility` of its own besides, as an
    import writes it where there are no choices."""
    for vertex in drawing["value"]["vertices"]:
        name = str(vertex["id"])
        keypoint, flag = _INDEX.get(name), vertex.get("visibility", LABELLED)
        if keypoint is None:
            left_out.append(LeftOut(UNNAMED_VERTEX, what=name))
        elif flag != 0:
            is_hidden = flag == HIDDEN_BUT_KNOWN or not chosen.isdisjoint((HIDDEN, name))
            seen = HIDDEN_BUT_KNOWN if is_hidden else LABELLED
            yield _point(drawing, keypoint, vertex, seen, size_wh, _id(drawing) or str(id(drawing)))


def _percent(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) <= MAX_PERCENT:
        raise ValueError
    return float(given)


def _score(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        return None
    return float(given)


def _id(drawing: dict[str, Any]) -> str:
    given = drawing.get("id")
    return given if isinstance(given, str) else ""
