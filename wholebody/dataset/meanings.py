"""What the labels of regions mean: keypoints, parts of skeletons or person boxes. Knows no coordinates."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, Self

from wholebody.labeling.label_names import keypoints_of, names_person, skeletons_of
from wholebody.labeling.targets import ImageTarget

LabelKey = tuple[str, str]
"""`from_name` of the control that has the label, and the label."""


class Meanings(Protocol):
    """What labels stand for on one image of a labeling config."""

    def keypoints(self, control: str, label: str) -> tuple[int, ...]:
        """Indices into `keypoints.NAMES`; none where the label stands for no keypoint."""

    def is_skeleton(self, control: str, label: str) -> bool:
        """Whether the label is that of a skeleton, whose vertices are named after joints."""

    def is_person(self, control: str, label: str) -> bool:
        """Whether a box with the label is a person's."""

    def has_control(self, control: str) -> bool:
        """Whether points or skeletons of the control are of this labeling config."""


@dataclass(frozen=True, slots=True)
class ConfigMeanings:
    """Labels as a labeling config means them: the same table that predictions are written by, read backwards."""

    _keypoints: dict[LabelKey, list[int]] = field(default_factory=dict)
    _skeletons: set[LabelKey] = field(default_factory=set)
    _people: set[LabelKey] = field(default_factory=set)
    _controls: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, target: ImageTarget) -> Self:
        """Read the controls of an image."""
        meanings = cls()
        meanings._controls.update(name for one in target.controls for name in (one.name, one.labels_name) if name)
        for points in target.keypoints:
            for keypoint, label in points.labels.items():
                meanings._keypoints.setdefault((points.labels_name or points.name, label), []).append(keypoint)
        for skeleton in target.skeletons:
            meanings._skeletons.update((skeleton.labels_name or skeleton.name, one) for one in skeleton.labels.values())
        if target.box:
            meanings._people.add((target.box.labels_name or target.box.name, target.box.label))
        return meanings

    def keypoints(self, control: str, label: str) -> tuple[int, ...]:
        """See `Meanings`."""
        return tuple(self._keypoints.get((control, label), ()))

    def is_skeleton(self, control: str, label: str) -> bool:
        """See `Meanings`."""
        return (control, label) in self._skeletons

    def is_person(self, control: str, label: str) -> bool:
        """See `Meanings`. A label called person is one in whatever control."""
        return (control, label) in self._people or names_person(label)

    def has_control(self, control: str) -> bool:
        """See `Meanings`."""
        return control in self._controls


class NameMeanings:
    """Labels by their names alone, where no labeling config is at hand: those that `wholebody config` prints."""

    def keypoints(self, control: str, label: str) -> tuple[int, ...]:
        """See `Meanings`."""
        return _named_keypoints(label)

    def is_skeleton(self, control: str, label: str) -> bool:
        """See `Meanings`."""
        return _names_skeleton(label)

    def is_person(self, control: str, label: str) -> bool:
        """See `Meanings`."""
        return names_person(label)

    def has_control(self, control: str) -> bool:
        """See `Meanings`: any may be."""
        return True


@lru_cache(maxsize=4096)
def _named_keypoints(label: str) -> tuple[int, ...]:
    return tuple(keypoints_of({"value": label}))


@lru_cache(maxsize=4096)
def _names_skeleton(label: str) -> bool:
    return bool(skeletons_of({"value": label}))
