"""One run of `wholebody calibrate`: tasks -> a file for SCORE_CALIBRATION. Prints only progress."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.left_out import LeftOut, LeftOutTally
from wholebody.errors import DatasetError
from wholebody.estimation.calibration import (
    AS_THEY_ARE,
    Calibration,
    CalibrationFile,
    WeightsRecord,
    read_calibration_of,
)
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import Traits, Weights, find_weights, model_version
from wholebody.evaluation.calibrating import PartResult, calibrate_parts
from wholebody.evaluation.evaluating import NOT_YET
from wholebody.evaluation.pairing import pair_task
from wholebody.evaluation.score_tally import ScoreTally
from wholebody.keypoints import Part
from wholebody.settings import Settings
from wholebody.versions import calibration_of

OTHER_VERSION = "a prediction of {}, which is not known to be of these weights; --model-version says that it is"
UNKNOWN_CALIBRATION = "a prediction of {}, whose scores a calibration changed that is not at hand"
SKELETONS = "joints of skeletons, which have one score for all of them"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """The networks that are calibrated, and what is known of predictions of theirs.

    Attributes:
        settings: All settings, without a calibration.
        weights: The files.
        traits: The networks without a calibration.
        versions: Model versions of their predictions.
        calibrations: What the scores of these may have been through, by its digest; `""`: nothing.
    """

    settings: Settings
    weights: Weights
    traits: Traits
    versions: frozenset[str]
    calibrations: dict[str, Calibration]

    @classmethod
    def open(cls, given: Settings, versions: Iterable[str] = ()) -> "KnownModel":
        """Open the networks of the settings.

        Args:
            given: The settings of the backend. A calibration that they name and that is there is undone where
                predictions have been through it.
            versions: More model versions that are theirs.

        Raises:
            ModelError: They cannot be opened, or the calibration cannot be read or is of others.
        """
        path, settings = given.score_calibration, given.model_copy(update={"score_calibration": None})
        weights = find_weights(settings)
        traits = load_estimator(settings, weights, threads=0, concurrency=1).traits
        known = {model_version(settings, weights, traits), *versions}
        calibrations = {"": AS_THEY_ARE}
        if path and path.exists():
            file = read_calibration_of(path, WeightsRecord.of(weights, traits))
            present = Calibration.of(file, str(path))
            calibrations |= {digest: Calibration(curves, digest) for digest, curves in file.earlier.items()}
            calibrations[present.digest] = present
            known |= {
                *file.model_versions,
                model_version(settings, weights, replace(traits, calibration=present.digest)),
            }
        return cls(settings, weights, traits, frozenset(known), calibrations)

    def version_with(self, calibration: Calibration) -> str:
        """The model version of predictions with a calibration."""
        return model_version(self.settings, self.weights, replace(self.traits, calibration=calibration.digest))


@dataclass(slots=True)
class Calibrated:
    """What came of a run.

    Attributes:
        file: What is to be written.
        parts: What came of each part.
        versions: Model version -> how many annotations of its predictions counted.
        left_out: What did not count.
    """

    file: CalibrationFile
    parts: dict[Part, PartResult]
    versions: Counter[str] = field(default_factory=Counter)
    left_out: LeftOutTally = field(default_factory=LeftOutTally)


def calibrate(
    tasks: Iterable[dict[str, Any]], reader: TaskReader, model: KnownModel, within: float, total: int | None = None
) -> Calibrated:
    """Learn from tasks what the scores of a model's predictions are worth.

    Args:
        tasks: As Label Studio exports them.
        reader: What is read of them.
        model: The model.
        within: By how much a point may have been moved and still count as left, as a share of the longer side of its
            person's box.
        total: How many tasks there are, where that is known.

    Raises:
        SettingsError: scipy is not installed.
    """
    tally, versions, left_out = ScoreTally(within), Counter[str](), LeftOutTally()
    with logging_redirect_tqdm():
        for task in tqdm(tasks, total=total, unit="task", disable=None):
            for one in _count(task, reader, model, tally, versions):
                left_out.add(task["id"], one)
    parts = calibrate_parts(tally)
    file = CalibrationFile(
        weights=WeightsRecord.of(model.weights, model.traits),
        within=within,
        model_versions=tuple(sorted(model.versions)),
        earlier={digest: dict(one.curves) for digest, one in sorted(model.calibrations.items()) if digest},
        parts={part: result.record for part, result in parts.items()},
    )
    return Calibrated(file, parts, versions, left_out)


def _count(
    task: dict[str, Any], reader: TaskReader, model: KnownModel, tally: ScoreTally, versions: Counter[str]
) -> Iterator[LeftOut]:
    """Count a task; what of it does not count."""
    paired = pair_task(task, reader)
    yield from (replace(one, is_loss=False) if one.reason in NOT_YET else one for one in paired.left_out)
    for image in paired.images:
        version = image.model_version
        if version not in model.versions:
            yield LeftOut(OTHER_VERSION.format(version))
        elif calibration_of(version) not in model.calibrations:
            yield LeftOut(UNKNOWN_CALIBRATION.format(version))
        else:
            versions[version] += 1
            if joints := tally.add(image, model.calibrations[calibration_of(version)]):
                yield LeftOut(SKELETONS, joints)


def write_calibration(file: CalibrationFile, path: Path) -> None:
    """Write a calibration whole or not at all, in the place of an older one.

    Raises:
        DatasetError: Something else is there, or it cannot be written.
    """
    check_place(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(orjson.dumps(file.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DatasetError(f"{path} cannot be written: {error.strerror}; choose another place with --out") from None


def check_place(path: Path) -> None:
    """See, before anything is read, that nothing else would be overwritten.

    Raises:
        DatasetError: Something that is no calibration is there, or there is no folder for it.
    """
    if not path.parent.is_dir():
        raise DatasetError(
            f"{path} cannot be written: there is no folder {path.parent}; choose another place with --out"
        )
    if not path.exists():
        return
    try:
        CalibrationFile.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise DatasetError(f"{path} is there already and is no calibration; choose another place with --out") from None
