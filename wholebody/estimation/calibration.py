"""Scores -> the share of points with such a score that annotators leave: a monotone curve a part, from a file.

`evaluation/calibrating.py` makes the file. What is in it binds it to the weights whose scores it is about.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wholebody.errors import ModelError
from wholebody.estimation.weights import Traits, Weights
from wholebody.keypoints import PART_SLICES, Part
from wholebody.poses import Floats, Poses

FORMAT = 1
"""Counts up when a file of before would be misread."""

MAX_BYTES = 1_000_000

Doubles = npt.NDArray[np.float64]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SizeWH = tuple[int, int]


class _Section(BaseModel):
    """A part of the file; what a later version adds to it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Curve(_Section):
    """A curve through points, straight between them, from score 0 to score 1. It rises everywhere, so it can be undone.

    Attributes:
        score: The scores, from 0 to 1.
        right: What becomes of them, from 0 on.
    """

    score: tuple[Share, ...] = Field(min_length=2, max_length=1000)
    right: tuple[Share, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.score) != len(self.right):
            raise ValueError("'score' and 'right' must be equally long")
        if (self.score[0], self.score[-1], self.right[0]) != (0, 1, 0):
            raise ValueError("'score' must lead from 0 to 1, 'right' from 0 on")
        if min(np.diff(self.score).min(), np.diff(self.right).min()) <= 0:
            raise ValueError("'score' and 'right' must rise")
        return self

    def apply(self, scores: Floats | Doubles) -> Doubles:
        """What becomes of scores, 0..1; 0 stays 0."""
        return np.interp(scores, self.score, self.right)

    def undo(self, calibrated: Floats | Doubles) -> Doubles:
        """The scores that become these."""
        return np.interp(calibrated, self.right, self.score)


class PartRecord(_Section):
    """What is known of a part.

    Attributes:
        curve: Its curve; `None` where it keeps its scores.
        points: How many points of annotated people the curve, or the lack of one, rests on.
        tasks: Of how many tasks.
        right: The share of them that annotators left.
        error_before: Expected calibration error of the scores as they are, on tasks that the curve does not know.
        error_after: Likewise of the calibrated ones, also of a curve that was not taken; `None` where none was tried.
    """

    curve: Curve | None
    points: int = 0
    tasks: int = 0
    right: float | None = None
    error_before: float | None = None
    error_after: float | None = None


class WeightsRecord(_Section):
    """The networks whose scores these are, and what else their scores follow from."""

    detector: str
    detector_sha256: str
    detector_wh: SizeWH
    pose: str
    pose_sha256: str
    pose_wh: SizeWH
    colors: str
    score_unit: float

    @classmethod
    def of(cls, weights: Weights, traits: Traits) -> Self:
        """Those that are open."""
        return cls(
            detector=weights.detector.name,
            detector_sha256=weights.sha256[0],
            detector_wh=traits.detector_wh,
            pose=weights.pose.name,
            pose_sha256=weights.sha256[1],
            pose_wh=traits.pose_wh,
            colors=traits.colors,
            score_unit=traits.score_unit,
        )

    def difference(self, other: "WeightsRecord") -> str:
        """The first thing that parts these from others, in words; `""` where their scores mean the same."""
        for network, mine, its in (
            ("pose network", (self.pose, self.pose_sha256), (other.pose, other.pose_sha256)),
            ("person detector", (self.detector, self.detector_sha256), (other.detector, other.detector_sha256)),
        ):
            if mine[1] != its[1]:
                return f"the {network} {mine[0]} (sha256 {mine[1][:8]}), not {its[0]} ({its[1][:8]})"
        for setting in ("pose_wh", "detector_wh", "colors", "score_unit"):
            mine, its = getattr(self, setting), getattr(other, setting)
            if mine != its:
                return f"{setting.replace('_wh', ' input size').replace('_', ' ')} {mine}, not {its}"
        return ""


class CalibrationFile(_Section):
    """The file that SCORE_CALIBRATION names.

    Attributes:
        format: `FORMAT`.
        weights: Whose scores it is about.
        within: By how much a point may have been moved and still count as left, as a share of the longer side of its
            person's box.
        model_versions: All that were known to be of these weights.
        earlier: The curves of calibrations that scores of these predictions had been through, by their digests.
        parts: Each part.
    """

    format: int = FORMAT
    weights: WeightsRecord
    within: float
    model_versions: tuple[str, ...] = ()
    earlier: dict[str, dict[Part, Curve]] = {}
    parts: dict[Part, PartRecord]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is done with the scores of people.

    Attributes:
        curves: Of the parts that have one; the others keep their scores.
        digest: The same where the curves are; `""` where scores stay as they are.
        source: The file, for words.
    """

    curves: Mapping[Part, Curve]
    digest: str = ""
    source: str = ""

    @classmethod
    def of(cls, file: CalibrationFile, source: str = "") -> Self:
        """That of a file."""
        curves = {part: record.curve for part, record in file.parts.items() if record.curve}
        told = json.dumps({part: (curve.score, curve.right) for part, curve in sorted(curves.items())})
        return cls(curves, hashlib.sha256(told.encode()).hexdigest()[:8], source)

    @property
    def in_words(self) -> str:
        """Whether scores are calibrated, and of which parts."""
        if not self.digest:
            return "scores not calibrated"
        return f"scores of {', '.join(sorted(self.curves)) or 'no part'} calibrated by {self.source}"

    def apply(self, poses: Poses) -> Poses:
        """The same people with calibrated keypoint scores; a score of 0, which has no place, stays 0."""
        if not self.curves or not len(poses):
            return poses
        scores = poses.scores.copy()
        for part, curve in self.curves.items():
            span = PART_SLICES[part]
            scores[:, span] = curve.apply(scores[:, span])
        return replace(poses, scores=scores)

    def undo(self, scores: Doubles, part: Part) -> Doubles:
        """The scores of a part as the networks gave them."""
        return self.curves[part].undo(scores) if part in self.curves else scores


AS_THEY_ARE = Calibration({})
"""Leaves scores as the networks give them."""


def load_calibration(path: Path | None, weights: Weights, traits: Traits) -> Calibration:
    """The calibration that SCORE_CALIBRATION names, if it is one of these weights.

    Raises:
        ModelError: It cannot be read, or is of other weights.
    """
    if path is None:
        return AS_THEY_ARE
    return Calibration.of(read_calibration_of(path, WeightsRecord.of(weights, traits)), str(path))


def read_calibration_of(path: Path, weights: WeightsRecord) -> CalibrationFile:
    """Read a calibration that must be one of these weights; raises as `load_calibration`."""
    file = read_calibration(path)
    if difference := file.weights.difference(weights):
        raise ModelError(
            f"SCORE_CALIBRATION={str(path)!r} was made for {difference}; make one from corrections of these weights' "
            "predictions (wholebody calibrate), or leave SCORE_CALIBRATION away"
        )
    return file


def read_calibration(path: Path) -> CalibrationFile:
    """Read a calibration.

    Raises:
        ModelError: It is not there, or something else, or of another version of the format.
    """
    named = f"SCORE_CALIBRATION={str(path)!r}"
    cure = "make it with wholebody calibrate, or leave SCORE_CALIBRATION away"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{named} is too large to be a calibration; {cure}")
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{named} cannot be read: {error.strerror}; {cure}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{named} is not JSON; {cure}") from None
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise ModelError(f"{named} is no calibration: it has no 'format'; {cure}")
    if found["format"] != FORMAT:
        told = f"{named} is of version {found['format']} of its format, this program reads version {FORMAT}"
        raise ModelError(f"{told}; make it anew with the wholebody calibrate of this program")
    try:
        return CalibrationFile.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(key) for key in first["loc"] if key != "curve") or "the file"
        message = first["msg"].removeprefix("Value error, ")
        raise ModelError(f"{named}: {where}: {message}; {cure}") from None
