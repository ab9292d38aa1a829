"""Calibrations as files, made for a test. No test of its own."""

import json
from pathlib import Path
from typing import Any

from wholebody.estimation.calibration import CalibrationFile, Curve, PartRecord, WeightsRecord
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import find_weights
from wholebody.keypoints import Part
from wholebody.settings import Settings

HALF = Curve(score=(0, 1), right=(0, 0.5))


def weights_of(settings: Settings) -> WeightsRecord:
    """The networks of settings, opened."""
    weights = find_weights(settings)
    return WeightsRecord.of(weights, load_estimator(settings, weights, threads=0, concurrency=1).traits)


def written(folder: Path, weights: WeightsRecord, curves: dict[Part, Curve] | None = None, **changes: Any) -> Path:
    """A file whose parts have these curves; the others have none. `changes` are made to its outermost keys."""
    parts = {part: PartRecord(curve=(curves or {}).get(part)) for part in Part}
    file = CalibrationFile(format=1, weights=weights, within=0.02, parts=parts)
    path = folder / "calibration.json"
    path.write_text(json.dumps(file.model_dump(mode="json") | changes))
    return path
