"""An image of a labeling config and the controls on it that keypoints, skeletons and boxes fill."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from wholebody.errors import LabelingConfigError
from wholebody.labeling.expansion import labels_from
from wholebody.labeling.label_names import K, emitted, is_person, keypoints_of, match_labels, skeletons_of
from wholebody.labeling.labeling_xml import Control, attribute, is_true

AUTO = "auto"
"""The `model_point_size` that follows the person and the part; also where none is given."""


@dataclass(frozen=True, slots=True)
class KeypointControl:
    """A `KeyPointLabels` control, or a `KeyPoint` beside `Labels`.

    Attributes:
        name: Its `name`, the regions' `from_name`.
        labels: Keypoint index -> the label that stands for it.
        unmatched: Its labels that stand for no keypoint.
        score_threshold: `model_score_threshold`: people with a lower box score are left out.
        point_threshold: `model_point_threshold`, or `None` where the backend's own holds.
        point_size: `model_point_size` in percent of the image's width, or `None` for what suits person and part.
        labels_name: The `name` of the `<Labels>` with its labels, where it is a `KeyPoint`, which has none.
        task_labels: The variable of the task's data that its labels come from, or `""`.
    """

    name: str
    labels: dict[int, str]
    unmatched: tuple[str, ...]
    score_threshold: float
    point_threshold: float | None
    point_size: float | None
    labels_name: str | None = None
    task_labels: str = ""


@dataclass(frozen=True, slots=True)
class SkeletonControl:
    """A `VectorLabels` control with `skeleton="true"`, or such a `Vector` beside `Labels`.

    Attributes:
        name: Its `name`, the regions' `from_name`.
        labels: Key of `skeletons.SKELETONS` -> the label that stands for it.
        unmatched: Its labels that stand for none.
        score_threshold: `model_score_threshold`: people with a lower box score are left out.
        point_threshold: `model_point_threshold`, or `None` where the backend's own holds.
        labels_name, task_labels: As of a `KeypointControl`.
    """

    name: str
    labels: dict[str, str]
    unmatched: tuple[str, ...]
    score_threshold: float
    point_threshold: float | None
    labels_name: str | None = None
    task_labels: str = ""


@dataclass(frozen=True, slots=True)
class BoxControl:
    """A `RectangleLabels` control: its name, the label for a person, and `model_score_threshold`.

    Or a `Rectangle` beside `Labels`, and the name of those.
    """

    name: str
    label: str
    score_threshold: float
    labels_name: str | None = None


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """An `Image` and the controls that are filled on it.

    Attributes:
        name: Its `name`, the regions' `to_name`.
        value: Its `value`, or its `valueList`.
        keypoints: Its keypoint controls; no keypoint is in two of them.
        box: The control for person boxes, if there is one.
        skeletons: Its skeleton controls; no part is in two of them.
        has_pages: Whether `value` is a `valueList`: a list of images, of which the editor shows one at a time.
        other_boxes: Labels of boxes, where boxes can be drawn but no label stands for a person.
    """

    name: str
    value: str
    keypoints: tuple[KeypointControl, ...]
    box: BoxControl | None
    skeletons: tuple[SkeletonControl, ...] = ()
    has_pages: bool = False
    other_boxes: tuple[str, ...] = ()

    @property
    def controls(self) -> tuple[KeypointControl | SkeletonControl, ...]:
        """All but the box: one of them at least has labels that are filled."""
        return (*self.keypoints, *self.skeletons)


def read_target(image: Any, controls: list[Control], tools: list[Control]) -> ImageTarget:
    """An `<Image>` with what is filled on it, by the controls and the tools that have it as their aim.

    Raises:
        LabelingConfigError: A number is none, or out of its range.
    """
    pages = attribute(image, "valueList")
    boxes = _labelled(controls, tools, "rectanglelabels", "rectangle")
    box = _box_control(boxes)
    vectors = _labelled(controls, tools, "vectorlabels", "vector")
    return ImageTarget(
        image.get("name", ""),
        pages or image.get("value", ""),
        tuple(_keypoint_controls(_labelled(controls, tools, "keypointlabels", "keypoint"))),
        box,
        tuple(_skeleton_controls([vector for vector in vectors if is_skeleton(vector.control)])),
        has_pages=bool(pages),
        other_boxes=() if box else tuple(emitted(label) for one in boxes for label in one.labels.labels),
    )


def is_skeleton(control: Control) -> bool:
    """Whether skeletons are drawn with a control."""
    return control.tag in ("vectorlabels", "vector") and is_true(control.element, "skeleton")


class _Labelled(NamedTuple):
    """A control that regions are written for, and the one that has its labels: itself, or `<Labels>`."""

    control: Control
    labels: Control

    @property
    def labels_name(self) -> str | None:
        return None if self.labels is self.control else self.labels.name


def _labelled(controls: list[Control], tools: list[Control], tag: str, tool_tag: str) -> list[_Labelled]:
    """The controls with this tag, then each `<Labels>` with the tool that regions of its labels are drawn with."""
    found = [_Labelled(control, control) for control in controls if control.tag == tag]
    # A tool for prompts alone draws nothing that stays.
    tool = next((one for one in tools if one.tag == tool_tag and not is_true(one.element, "smartOnly")), None)
    return found + [_Labelled(tool, control) for control in controls if control.tag == "labels" and tool]


def _keypoint_controls(found: list[_Labelled]) -> Iterator[KeypointControl]:
    taken: set[int] = set()
    for one in found:
        common = _common(one, keypoints_of, taken)
        yield KeypointControl(**common, point_size=_point_size(one.control))


def _skeleton_controls(found: list[_Labelled]) -> Iterator[SkeletonControl]:
    taken: set[str] = set()
    for one in found:
        yield SkeletonControl(**_common(one, skeletons_of, taken))


def _common(one: _Labelled, stands_for: Callable[[Any], list[K]], taken: set[K]) -> dict[str, Any]:
    """What controls of keypoints and of skeletons both have; what their labels stand for is taken then."""
    matched, unmatched = match_labels(one.labels.labels, stands_for, taken)
    return {
        "name": one.control.name,
        "labels": matched,
        "unmatched": unmatched if one.labels_name is None else _without_meaning(one.labels),
        "score_threshold": _number(one.control, "model_score_threshold", 0, 1) or 0.0,
        "point_threshold": _number(one.control, "model_point_threshold", 0, 1),
        "labels_name": one.labels_name,
        "task_labels": labels_from(one.labels.element),
    }


def _without_meaning(control: Control) -> tuple[str, ...]:
    """The labels of `<Labels>` that no tool has a use for."""
    means = (keypoints_of, skeletons_of, is_person)
    return tuple(emitted(label) for label in control.labels if not any(meaning(label) for meaning in means))


def _box_control(found: list[_Labelled]) -> BoxControl | None:
    """The first label called person (by name or `predicted_values`), else a control's only label."""
    named = ((one, label) for one in found for label in one.labels.labels if is_person(label))
    single = ((one, one.labels.labels[0]) for one in found if one.labels_name is None and len(one.labels.labels) == 1)
    for one, label in (*named, *single):
        threshold = _number(one.control, "model_score_threshold", 0, 1) or 0.0
        return BoxControl(one.control.name, emitted(label), threshold, one.labels_name)
    return None


def _point_size(control: Control) -> float | None:
    if control.element.get("model_point_size", "").strip().lower() == AUTO:
        return None
    return _number(control, "model_point_size", 0, 100, or_word=f"{AUTO} or ")


def _number(control: Control, attribute: str, low: float, high: float, or_word: str = "") -> float | None:
    text = control.element.get(attribute)
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise LabelingConfigError(
            f"{control.element.tag} {control.name!r}: {attribute}={text[:40]!r} must be {or_word}a number from {low} "
            f"to {high}"
        )
    return value
