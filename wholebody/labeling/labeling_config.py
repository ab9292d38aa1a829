"""Labeling config (Label Studio's XML) -> which controls and labels keypoints, skeletons and boxes fill."""

import functools
from dataclasses import dataclass

from wholebody.errors import LabelingConfigError
from wholebody.labeling.expansion import depends_on_task, write_out
from wholebody.labeling.label_names import emitted
from wholebody.labeling.labeling_xml import MAX_LABELS, Control, Elements, in_short, parse_xml, read_elements
from wholebody.labeling.targets import ImageTarget, is_skeleton, read_target

KEPT_CONFIGS = 16
"""Parsed configs of the last projects; each may take some megabytes."""

CURE = "use COCO-WholeBody's names or predicted_values, or take a config from `wholebody config`"


@dataclass(frozen=True, slots=True)
class LabelingConfig:
    """What of a labeling config this backend fills: at least one image with a keypoint or a skeleton.

    Attributes:
        targets: What is filled. Where that depends on the task: an example, with each `<Repeater>` written out once.
        of_tasks: The whole config, where what is filled depends on the task; else `""`.
    """

    targets: tuple[ImageTarget, ...]
    of_tasks: str = ""

    def for_task(self, data: object) -> "LabelingConfig":
        """What is filled of a task, by its data.

        Raises:
            LabelingConfigError: Nothing is, or too much.
        """
        if not self.of_tasks:
            return self
        root = parse_xml(self.of_tasks)
        write_out(root, data)
        read = read_elements(root, max_images=MAX_LABELS)
        if not read.images:
            raise LabelingConfigError("the <Repeater> of the labeling config finds nothing in the task's data")
        return LabelingConfig(_targets(read))


@functools.lru_cache(maxsize=KEPT_CONFIGS)
def parse_labeling_config(xml: object) -> LabelingConfig:
    """Read a labeling config.

    A label stands for a keypoint by its `predicted_values`, else by its name (case, space, `-` and `_` alike),
    else by its `model_index` (0..132). A keypoint goes to the first label that stands for it.

    Raises:
        LabelingConfigError: Not XML, or nothing in it can be filled; says what is missing and the cure.
    """
    root = parse_xml(xml)
    of_tasks = str(xml) if depends_on_task(root) else ""
    if of_tasks:
        write_out(root, None, as_example=True)
    return LabelingConfig(_targets(read_elements(root), as_example=bool(of_tasks)), of_tasks)


def _targets(read: Elements, *, as_example: bool = False) -> tuple[ImageTarget, ...]:
    """The images with anything to fill; of an example, also those whose labels each task says."""
    if not read.images:
        raise LabelingConfigError('the labeling config has no <Image name="..." value="$..."> to find people in')
    apart = any(control.tag == "labels" for control in read.controls)
    keypoints = [c for c in read.controls if c.tag == "keypointlabels"]
    keypoints += [c for c in read.tools if c.tag == "keypoint" and apart]
    skeletons = [c for c in read.controls if is_skeleton(c)] + [c for c in read.tools if is_skeleton(c) and apart]
    if not keypoints and not skeletons:
        raise LabelingConfigError(f"the labeling config has no <KeyPointLabels> to fill; {CURE}")
    targets = [read_target(read.images[name], *of_image) for name, of_image in read.on_images().items()]
    filled = tuple(t for t in targets if any(c.labels or (as_example and c.task_labels) for c in t.controls))
    if not filled:
        if keypoints:
            names = ("KeyPointLabels", "keypoint", "nose, left_wrist, face-0")
        else:
            names = ("VectorLabels", "skeleton", "body, face, left_hand, right_hand")
        labelled = [control for control in read.controls if control.tag in (names[0].lower(), "labels")]
        raise LabelingConfigError(_nothing_matches(labelled, read, *names))
    return filled


def _nothing_matches(controls: list[Control], read: Elements, tag: str, kind: str, known: str) -> str:
    if not any(control.aims & read.images.keys() for control in controls):
        return f"no <{tag}> has a toName of an <Image> ({in_short(read.images)}); correct toName"
    labels = [emitted(label) for control in controls for label in control.labels]
    if not labels:
        return f"the <{tag}> have no <Label>; {CURE}"
    some = in_short([*labels[:5], *(["..."] if len(labels) > 5 else [])])
    return f"none of the {len(labels)} {kind} labels ({some}) is known, such as {known}; {CURE}"
