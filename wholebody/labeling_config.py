"""Labeling config (Label Studio's XML) -> which controls and labels keypoints, skeletons and boxes fill."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from wholebody.errors import ImageError, LabelingConfigError
from wholebody.keypoints import PARTS, Part
from wholebody.label_names import emitted, is_person, keypoints_of, match_labels, skeletons_of

FINE_PARTS = frozenset({Part.FACE, Part.LEFT_HAND, Part.RIGHT_HAND})
COARSE_POINT_SIZE, FINE_POINT_SIZE = 0.4, 0.2
"""Default `value.width`, in percent of the image's width: larger ones run together on faces and hands."""

CURE = "use COCO-WholeBody's names or predicted_values, or take a config from `python -m wholebody config`"


@dataclass(frozen=True, slots=True)
class KeypointControl:
    """A `KeyPointLabels` control.

    Attributes:
        name: Its `name`, the regions' `from_name`.
        labels: Keypoint index -> the label that stands for it.
        unmatched: Its labels that stand for no keypoint.
        score_threshold: `model_score_threshold`: people with a lower box score are left out.
        point_threshold: `model_point_threshold`, or `None` where the backend's own holds.
        point_size: `model_point_size` in percent of the image's width, or `None` for the default of the part.
    """

    name: str
    labels: dict[int, str]
    unmatched: tuple[str, ...]
    score_threshold: float
    point_threshold: float | None
    point_size: float | None

    def size_of(self, keypoint: int) -> float:
        """`value.width` of a keypoint's region."""
        if self.point_size is not None:
            return self.point_size
        return FINE_POINT_SIZE if PARTS[keypoint] in FINE_PARTS else COARSE_POINT_SIZE


@dataclass(frozen=True, slots=True)
class SkeletonControl:
    """A `VectorLabels` control with `skeleton="true"`.

    Attributes:
        name: Its `name`, the regions' `from_name`.
        labels: Key of `skeletons.SKELETONS` -> the label that stands for it.
        unmatched: Its labels that stand for none.
        score_threshold: `model_score_threshold`: people with a lower box score are left out.
        point_threshold: `model_point_threshold`, or `None` where the backend's own holds.
    """

    name: str
    labels: dict[str, str]
    unmatched: tuple[str, ...]
    score_threshold: float
    point_threshold: float | None


@dataclass(frozen=True, slots=True)
class BoxControl:
    """A `RectangleLabels` control: its name, the label for a person, and `model_score_threshold`."""

    name: str
    label: str
    score_threshold: float


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """An `Image` and the controls that are filled on it.

    Attributes:
        name: Its `name`, the regions' `to_name`.
        value: Its `value`, mostly `$` and a key of the task's data.
        keypoints: Its keypoint controls; no keypoint is in two of them.
        box: The control for person boxes, if there is one.
        skeletons: Its skeleton controls; no part is in two of them.
    """

    name: str
    value: str
    keypoints: tuple[KeypointControl, ...]
    box: BoxControl | None
    skeletons: tuple[SkeletonControl, ...] = ()

    @property
    def controls(self) -> tuple[KeypointControl | SkeletonControl, ...]:
        """All but the box: one of them at least has labels that are filled."""
        return (*self.keypoints, *self.skeletons)

    def reference(self, data: object) -> object:
        """The image reference in a task's data.

        Raises:
            ImageError: The data has no such key.
        """
        if not self.value.startswith("$"):
            return self.value
        key = self.value[1:]
        if not isinstance(data, dict) or key not in data:
            has = ", ".join(sorted(map(str, data)))[:200] if isinstance(data, dict) else "nothing"
            raise ImageError(f"the task's data has no {key!r}, which the labeling config shows (it has {has})")
        return data[key]


@dataclass(frozen=True, slots=True)
class LabelingConfig:
    """What of a labeling config this backend fills: at least one image with a keypoint or a skeleton."""

    targets: tuple[ImageTarget, ...]


@functools.lru_cache(maxsize=64)
def parse_labeling_config(xml: object) -> LabelingConfig:
    """Read a labeling config.

    A label stands for a keypoint by its `predicted_values`, else by its name (case, space, `-` and `_` alike),
    else by its `model_index` (0..132). A keypoint goes to the first label that stands for it.

    Raises:
        LabelingConfigError: Not XML, or nothing in it can be filled; says what is missing and the cure.
    """
    root = _parse_xml(xml)
    images = {e.get("name", ""): e for e in _elements(root, "image") if e.get("value")}
    if not images:
        raise LabelingConfigError('the labeling config has no <Image name="..." value="$..."> to find people in')
    keypoints, vectors, boxes = (
        [e for e in _elements(root, tag) if not _skipped(e)]
        for tag in ("keypointlabels", "vectorlabels", "rectanglelabels")
    )
    skeletons = [e for e in vectors if _is_true(e, "skeleton")]
    if not keypoints and not skeletons:
        raise LabelingConfigError(f"the labeling config has no <KeyPointLabels> to fill; {CURE}")
    targets = tuple(
        ImageTarget(
            name,
            image.get("value", ""),
            tuple(_keypoint_controls(_aimed_at(keypoints, name))),
            _box_control(_aimed_at(boxes, name)),
            tuple(_skeleton_controls(_aimed_at(skeletons, name))),
        )
        for name, image in images.items()
    )
    filled = tuple(target for target in targets if any(control.labels for control in target.controls))
    if not filled:
        if keypoints:
            names = ("KeyPointLabels", "keypoint", "nose, left_wrist, face-0")
        else:
            names = ("VectorLabels", "skeleton", "body, face, left_hand, right_hand")
        raise LabelingConfigError(_nothing_matches(keypoints or skeletons, images, *names))
    return LabelingConfig(filled)


def _parse_xml(xml: object) -> Any:
    if not isinstance(xml, str) or not xml.strip():
        raise LabelingConfigError("the labeling config is empty; set one in Settings > Labeling Interface")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
    )
    try:
        root = etree.fromstring(xml.strip().encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise LabelingConfigError(f"the labeling config is not XML: {' '.join(str(error).split())}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise LabelingConfigError("the labeling config has a DOCTYPE, which Label Studio does not know")
    return root


def _elements(root: Any, tag: str) -> list[Any]:
    """All elements of a tag in document order; Label Studio does not tell upper from lower case."""
    return [e for e in root.iter() if isinstance(e.tag, str) and e.tag.lower() == tag]


def _skipped(element: Any) -> bool:
    return _is_true(element, "model_skip")


def _is_true(element: Any, attribute: str) -> bool:
    return str(element.get(attribute, "")).lower() in ("true", "1", "yes")


def _aimed_at(controls: list[Any], image: str) -> list[Any]:
    return [c for c in controls if image in [name.strip() for name in c.get("toName", "").split(",")]]


def _keypoint_controls(elements: list[Any]) -> Iterator[KeypointControl]:
    taken: set[int] = set()
    for element in elements:
        yield KeypointControl(
            element.get("name", ""),
            *match_labels(_elements(element, "label"), keypoints_of, taken),
            _number(element, "model_score_threshold", 0, 1) or 0.0,
            _number(element, "model_point_threshold", 0, 1),
            _number(element, "model_point_size", 0, 100),
        )


def _skeleton_controls(elements: list[Any]) -> Iterator[SkeletonControl]:
    taken: set[str] = set()
    for element in elements:
        yield SkeletonControl(
            element.get("name", ""),
            *match_labels(_elements(element, "label"), skeletons_of, taken),
            _number(element, "model_score_threshold", 0, 1) or 0.0,
            _number(element, "model_point_threshold", 0, 1),
        )


def _box_control(elements: list[Any]) -> BoxControl | None:
    """The first label called person (by name or `predicted_values`), else a control's only label."""
    named = [(element, label) for element in elements for label in _elements(element, "label") if is_person(label)]
    single = [(e, _elements(e, "label")[0]) for e in elements if len(_elements(e, "label")) == 1]
    for element, label in (*named, *single):
        threshold = _number(element, "model_score_threshold", 0, 1) or 0.0
        return BoxControl(element.get("name", ""), emitted(label), threshold)
    return None


def _number(element: Any, attribute: str, low: float, high: float) -> float | None:
    text = element.get(attribute)
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise LabelingConfigError(
            f"{element.tag} {element.get('name', '')!r}: {attribute}={text!r} must be a number from {low} to {high}"
        )
    return value


def _nothing_matches(controls: list[Any], images: dict[str, Any], tag: str, kind: str, known: str) -> str:
    aims = {name for c in controls for name in c.get("toName", "").split(",")}
    if not aims & images.keys():
        return f"no <{tag}> has a toName of an <Image> ({', '.join(images)}); correct toName"
    labels = [emitted(label) for c in controls for label in _elements(c, "label")]
    if not labels:
        return f"the <{tag}> have no <Label>; {CURE}"
    some = ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
    return f"none of the {len(labels)} {kind} labels ({some}) is known, such as {known}; {CURE}"
