"""Labeling config (Label Studio's XML) -> which controls and labels keypoints, skeletons and boxes fill."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from wholebody.errors import ImageError, LabelingConfigError
from wholebody.keypoints import PARTS, Part
from wholebody.labeling.label_names import emitted, is_person, keypoints_of, match_labels, skeletons_of
from wholebody.labeling.labeling_xml import Control, Elements, in_short, is_true, read_elements

FINE_PARTS = frozenset({Part.FACE, Part.LEFT_HAND, Part.RIGHT_HAND})
COARSE_POINT_SIZE, FINE_POINT_SIZE = 0.4, 0.2
"""Default `value.width`, in percent of the image's width: larger ones run together on faces and hands."""

KEPT_CONFIGS = 16
"""Parsed configs of the last projects; each may take some megabytes."""

CURE = "use COCO-WholeBody's names or predicted_values, or take a config from `wholebody config`"


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
            has = in_short(sorted(map(str, data))) if isinstance(data, dict) else "nothing"
            raise ImageError(
                f"the task's data has no {key[:200]!r}, which the labeling config shows (it has {has})", cause="config"
            )
        return data[key]


@dataclass(frozen=True, slots=True)
class LabelingConfig:
    """What of a labeling config this backend fills: at least one image with a keypoint or a skeleton."""

    targets: tuple[ImageTarget, ...]


@functools.lru_cache(maxsize=KEPT_CONFIGS)
def parse_labeling_config(xml: object) -> LabelingConfig:
    """Read a labeling config.

    A label stands for a keypoint by its `predicted_values`, else by its name (case, space, `-` and `_` alike),
    else by its `model_index` (0..132). A keypoint goes to the first label that stands for it.

    Raises:
        LabelingConfigError: Not XML, or nothing in it can be filled; says what is missing and the cure.
    """
    read = read_elements(xml)
    if not read.images:
        raise LabelingConfigError('the labeling config has no <Image name="..." value="$..."> to find people in')
    keypoints = [control for control in read.controls if control.tag == "keypointlabels"]
    skeletons = [control for control in read.controls if _is_skeleton(control)]
    if not keypoints and not skeletons:
        raise LabelingConfigError(f"the labeling config has no <KeyPointLabels> to fill; {CURE}")
    targets = tuple(_target(read, name) for name in read.filled_images())
    filled = tuple(target for target in targets if any(control.labels for control in target.controls))
    if not filled:
        if keypoints:
            names = ("KeyPointLabels", "keypoint", "nose, left_wrist, face-0")
        else:
            names = ("VectorLabels", "skeleton", "body, face, left_hand, right_hand")
        raise LabelingConfigError(_nothing_matches(keypoints or skeletons, read, *names))
    return LabelingConfig(filled)


def _is_skeleton(control: Control) -> bool:
    return control.tag == "vectorlabels" and is_true(control.element, "skeleton")


def _target(read: Elements, image: str) -> ImageTarget:
    controls = [control for control in read.controls if image in control.aims]
    return ImageTarget(
        image,
        read.images[image].get("value", ""),
        tuple(_keypoint_controls([control for control in controls if control.tag == "keypointlabels"])),
        _box_control([control for control in controls if control.tag == "rectanglelabels"]),
        tuple(_skeleton_controls([control for control in controls if _is_skeleton(control)])),
    )


def _keypoint_controls(controls: list[Control]) -> Iterator[KeypointControl]:
    taken: set[int] = set()
    for control in controls:
        yield KeypointControl(
            control.name,
            *match_labels(control.labels, keypoints_of, taken),
            _number(control, "model_score_threshold", 0, 1) or 0.0,
            _number(control, "model_point_threshold", 0, 1),
            _number(control, "model_point_size", 0, 100),
        )


def _skeleton_controls(controls: list[Control]) -> Iterator[SkeletonControl]:
    taken: set[str] = set()
    for control in controls:
        yield SkeletonControl(
            control.name,
            *match_labels(control.labels, skeletons_of, taken),
            _number(control, "model_score_threshold", 0, 1) or 0.0,
            _number(control, "model_point_threshold", 0, 1),
        )


def _box_control(controls: list[Control]) -> BoxControl | None:
    """The first label called person (by name or `predicted_values`), else a control's only label."""
    named = ((control, label) for control in controls for label in control.labels if is_person(label))
    single = ((control, control.labels[0]) for control in controls if len(control.labels) == 1)
    for control, label in (*named, *single):
        threshold = _number(control, "model_score_threshold", 0, 1) or 0.0
        return BoxControl(control.name, emitted(label), threshold)
    return None


def _number(control: Control, attribute: str, low: float, high: float) -> float | None:
    text = control.element.get(attribute)
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise LabelingConfigError(
            f"{control.element.tag} {control.name!r}: {attribute}={text[:40]!r} must be a number from {low} to {high}"
        )
    return value


def _nothing_matches(controls: list[Control], read: Elements, tag: str, kind: str, known: str) -> str:
    if not any(control.aims & read.images.keys() for control in controls):
        return f"no <{tag}> has a toName of an <Image> ({in_short(read.images)}); correct toName"
    labels = [emitted(label) for control in controls for label in control.labels]
    if not labels:
        return f"the <{tag}> have no <Label>; {CURE}"
    some = in_short([*labels[:5], *(["..."] if len(labels) > 5 else [])])
    return f"none of the {len(labels)} {kind} labels ({some}) is known, such as {known}; {CURE}"
