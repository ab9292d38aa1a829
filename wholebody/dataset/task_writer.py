"""People of a COCO file -> tasks for Label Studio's import, with regions as predictions have them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from lxml import etree

from wholebody.dataset.coco_format import KEPT
from wholebody.dataset.coco_reader import CocoImage, CocoPerson
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.meanings import ConfigMeanings
from wholebody.dataset.people import Person, assemble
from wholebody.dataset.shapes import read_shapes
from wholebody.errors import LabelingConfigError
from wholebody.images.picture_folder import reference_of
from wholebody.keypoints import NAMES, PARTS
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.skeletons import SKELETONS
from wholebody.labeling.targets import ImageTarget
from wholebody.labeling.visibility import HIDDEN, VISIBILITY
from wholebody.poses import Floats, Poses
from wholebody.predictions import Region

As = Literal["annotations", "predictions"]

MODEL_VERSION = "coco"
"""Of predictions that were imported: not this project's own, so the prefill leaves these tasks alone."""

NO_CONTROL = "a point that the labeling config has no label for: "
ALONE = "a point that is the only one of its skeleton, which needs two"
NOTHING = "somebody of whom the labeling config has neither a box nor a point"
UNMARKED = "a hidden point taken over as visible, for the labeling config has no per-region choice `hidden`"
MOVED = "a point outside the picture, moved to its border"

SAME_PX = 0.05


@dataclass(frozen=True, slots=True)
class TaskWriter:
    """Writes tasks for a labeling config.

    Attributes:
        target: What of the labeling config is filled.
        key: The key of a task's data that has the image.
        choices: What may be chosen for a region, `hidden` or the name of a joint -> the control that offers it.
        prefix: What comes before a picture's name, so that Label Studio finds it.
        kind: Whether people become annotations or predictions.
    """

    target: ImageTarget
    key: str
    choices: dict[str, str]
    prefix: str
    kind: As

    @classmethod
    def of(cls, label_config: str, prefix: str, kind: As) -> "TaskWriter":
        """A writer for a project's labeling config.

        Raises:
            LabelingConfigError: It has nothing to fill, or more than one picture.
        """
        config: LabelingConfig = parse_labeling_config(label_config)
        target, key = config.targets[0], image_key(config)
        return cls(target, key, region_choices(label_config, target.name), prefix, kind)

    def with_visibility(self) -> "TaskWriter":
        """The same, for a config that marks hidden points as that of `wholebody config --visibility` does."""
        return replace(self, choices={HIDDEN: VISIBILITY})

    def task(self, image: CocoImage) -> tuple[dict[str, Any], list[LeftOut]]:
        """The task of an image, and what of it Label Studio cannot have."""
        left_out = list(image.left_out)
        regions: list[Region] = []
        marks: list[Region] = []
        kept: dict[str, Any] = {}
        for wanted in image.people:
            alone = _alone(wanted, image.size_wh)
            drawn = write_regions(alone, self.target, Shown.of(alone, self.target, 0.0))
            written, _ = assemble(read_shapes(drawn, ConfigMeanings.of(self.target), image.size_wh))
            if not written:
                left_out.append(LeftOut(NOTHING, what=str(wanted.kept.get("id"))))
                continue
            (person,) = written
            kept[person.box.region_id if person.box else next(filter(None, person.region_ids))] = wanted.kept
            marks += self._marks(wanted, person, drawn, left_out)
            regions += drawn
        # A choice that comes before its region takes the region's place in the editor, which then loses the point.
        regions = self._stacked(regions)
        if self.kind == "annotations":
            for region in regions:
                del region["score"]
            entry: dict[str, Any] = {"result": regions + marks, "ground_truth": False}
        else:
            entry = {"result": regions + marks, "model_version": MODEL_VERSION, "score": 1.0}
        meta = {KEPT: {"image": image.entry, "people": kept}}
        return {
            "data": {self.key: reference_of(self.prefix, image.file_name)},
            "meta": meta,
            self.kind: [entry],
        }, left_out

    def _stacked(self, regions: list[Region]) -> list[Region]:
        """All points, then all skeletons, then all boxes: as `write_regions` has them of everybody at once."""
        parts = {label: rank for one in self.target.skeletons for rank, part in enumerate(SKELETONS)
                 if (label := one.labels.get(part))}  # fmt: skip
        ranks: dict[str, int] = {}
        for region in regions:
            if region["type"].startswith("rectangle"):
                ranks[region["id"]] = len(SKELETONS) + 1
            elif region["type"].startswith("vector") or "vertices" in region["value"]:
                labels = region["value"].get("vectorlabels") or region["value"].get("labels") or [""]
                ranks[region["id"]] = 1 + parts.get(labels[0], 0)
        return sorted(regions, key=lambda region: ranks.get(region["id"], 0))

    def _marks(self, wanted: CocoPerson, person: Person, drawn: list[Region], left_out: list[LeftOut]) -> list[Region]:
        """The choices of hidden points; a skeleton's are said by its vertices. Names what was not written."""
        vertices = {(one["id"], v["id"]): v for one in drawn for v in one["value"].get("vertices", ())}
        chosen: dict[tuple[str, str], list[str]] = {}
        has_label = {k for control in self.target.keypoints for k in control.labels}
        for keypoint in np.flatnonzero(wanted.rows[:, 2]).tolist():
            name, region_id = NAMES[keypoint], person.region_ids[keypoint]
            if not person.visibility[keypoint]:
                alone = _has_skeleton(self.target, keypoint)
                reason = ALONE if alone else NO_CONTROL + PARTS[keypoint].replace("_", " ")
                left_out.append(LeftOut(reason, what=name))
                continue
            if np.abs(person.keypoints[keypoint] - wanted.rows[keypoint, :2]).max() > SAME_PX:
                left_out.append(LeftOut(MOVED, what=name))
            if wanted.rows[keypoint, 2] == 1:
                self._hide(name, region_id, vertices, chosen)
                if keypoint in has_label and HIDDEN not in self.choices:
                    left_out.append(LeftOut(UNMARKED, what=name))
        return [self._mark(region_id, control, names) for (region_id, control), names in chosen.items()]

    def _hide(
        self,
        name: str,
        region_id: str,
        vertices: dict[tuple[str, str], dict[str, Any]],
        chosen: dict[tuple[str, str], list[str]],
    ) -> None:
        """Say that a point is hidden: by a choice, or where there is none by the vertex itself."""
        vertex = vertices.get((region_id, name))
        choice = HIDDEN if vertex is None else name
        if choice in self.choices:
            chosen.setdefault((region_id, self.choices[choice]), []).append(choice)
        elif vertex is not None:
            vertex["visibility"] = 1

    def _mark(self, region_id: str, control: str, names: list[str]) -> Region:
        where = {"id": region_id, "from_name": control, "to_name": self.target.name}
        return where | {"type": "choices", "value": {"choices": names}}


def image_key(config: LabelingConfig) -> str:
    """The key of a task's data that has its only image.

    Raises:
        LabelingConfigError: The labeling config has more than one picture, or it is not a key alone.
    """
    target = config.targets[0]
    key = target.value.removeprefix("$")
    if config.of_tasks or len(config.targets) > 1 or target.has_pages or f"${key}" != target.value:
        raise LabelingConfigError(
            f'tasks are made for a labeling config with one <Image value="$...">, not for {target.value!r};'
            " take one from `wholebody config`"
        )
    return key


def region_choices(label_config: str, image: str) -> dict[str, str]:
    """What may be chosen for a region of an image -> the name of the control that offers it."""
    found: dict[str, str] = {}
    for control in etree.fromstring(label_config.strip().encode()).iter():
        attributes = {str(name).lower(): str(value) for name, value in control.attrib.items()}
        if str(control.tag).lower() != "choices" or attributes.get("perregion", "").lower() != "true":
            continue
        if image in attributes.get("toname", "").split(","):
            for choice in control.iter("Choice"):
                found.setdefault(str(choice.get("alias") or choice.get("value")), attributes.get("name", ""))
    return found


def _alone(person: CocoPerson, size_wh: tuple[int, int]) -> Poses:
    """A person alone, with a score of 1 where a point is labelled."""
    rows = person.rows[None]
    scores: Floats = (rows[:, :, 2] > 0).astype(np.float32)
    xyxy = np.array([person.xyxy], np.float32)
    return Poses(size_wh, xyxy, np.ones(1, np.float32), rows[:, :, :2].astype(np.float32), scores)


def _has_skeleton(target: ImageTarget, keypoint: int) -> bool:
    return any(keypoint in SKELETONS[part] for control in target.skeletons for part in control.labels)
