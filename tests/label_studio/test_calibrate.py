"""Scores learned from corrections in a real Label Studio, and applied by backend and prefill, with real weights."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demo.backend import ROOT, BackendServer, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import Json, LabelStudioAdmin
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.estimation.calibration import AS_THEY_ARE, read_calibration
from wholebody.evaluation.calibrating import calibration_error
from wholebody.evaluation.pairing import pair_task
from wholebody.evaluation.score_tally import STEPS, ScoreTally
from wholebody.keypoints import NAMES, PARTS, Part

from .figure_tasks import make_project
from .simulated_annotator import corrected, import_degraded

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]

LEARNED, UNSEEN, FRESH = 60, 25, 1


def wholebody(settings: dict[str, str], *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "wholebody", *options],
        cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def unseen_error(tasks: list[Json], part: Part) -> float:
    """The calibration error of the scores as they stand in predictions, on tasks that were annotated."""
    tally = ScoreTally(within=0.02)
    for task in tasks:
        for image in pair_task(task, TaskReader(None, "annotations")).images:
            tally.add(image, AS_THEY_ARE)
    counts = tally.counts[:, list(Part).index(part)].sum(axis=0)
    assert counts.sum() > 100
    return calibration_error(counts, np.arange(STEPS + 1) / STEPS)


def scores(prediction: Json) -> dict[tuple[str, float], float]:
    """Keypoint and place -> score."""
    points = [one for one in prediction["result"] if one["type"] == "keypointlabels"]
    return {(one["value"]["keypointlabels"][0], one["value"]["x"]): one["score"] for one in points}


def test_from_corrections_to_scores_that_tell_the_truth(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, testdata: Path, tmp_path: Path
) -> None:
    project = make_project(admin, "calibrate")
    people = import_degraded(admin, label_studio, project, testdata, LEARNED + UNSEEN + FRESH)
    settings = {
        "DET_MODEL": str(testdata / "models" / "rtmdet_nano_person.onnx"),
        "POSE_MODEL": str(testdata / "models" / "wholebody133_256x192.onnx"),
        "CONFIDENCE_THRESHOLD": "0.05",
        "DETECTION_THRESHOLD": "0.15",
        "MAX_PEOPLE": "1",
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
        "PROJECT_ID": str(project),
        "REQUEST_DELAY_SECONDS": "0",
    }
    tasks = list(people)
    wholebody(settings, "prefill", "--limit", "all")
    before = {task: admin.predictions(task)[0] for task in tasks}
    for task in tasks[:LEARNED]:
        admin.annotate(task, corrected(before[task]["result"], people[task]))

    out = tmp_path / "calibration.json"
    said = wholebody(settings, "calibrate", "--out", str(out))
    assert said.startswith(f"Corrected predictions: {LEARNED} of {before[tasks[0]]['model_version']}\n")
    (version,) = re.findall(r"^Their predictions are then of (\S+);", said, re.M)
    curves = {part: record.curve for part, record in read_calibration(out).parts.items()}
    assert curves[Part.BODY]

    # The prefill does anew what nobody has annotated; the backend does the same to a task that is opened.
    settings["SCORE_CALIBRATION"] = str(out)
    fresh = tasks[-1]
    admin.request("DELETE", f"/api/predictions/{before[fresh]['id']}/")
    with BackendServer(settings, tmp_path / "backend.log") as backend:
        admin.connect_backend(project, backend.url)
        admin.open_task(project, fresh)
    wholebody(settings, "prefill", "--limit", "all", "--replace")
    after = {task: admin.predictions(task) for task in tasks[LEARNED:]}
    assert {one["model_version"] for found in after.values() for one in found} == {version}
    assert version != before[fresh]["model_version"]
    for task, (prediction,) in after.items():
        raw = scores(before[task])
        for (name, x), score in scores(prediction).items():
            curve = curves[PARTS[NAMES.index(name)]]
            given = raw.get((name, x), 0.0)  # below the threshold before
            expected = curve.apply(np.array([given]))[0] if curve else given
            assert given == 0 or score == pytest.approx(float(expected), abs=2e-3)
    assert any(prediction["score"] != before[task]["score"] for task, (prediction,) in after.items())

    def as_annotated(predictions: dict[int, Json]) -> list[Json]:
        return [
            {
                "id": task,
                "data": {"image": str(task)},
                "predictions": [predictions[task]],
                "annotations": [{"id": 1, "result": corrected(predictions[task]["result"], people[task])}],
            }
            for task in tasks[LEARNED:]
        ]

    calibrated = {task: found[0] for task, found in after.items()}
    raw_error, error = (unseen_error(as_annotated(one), Part.BODY) for one in (before, calibrated))
    assert error < 0.8 * raw_error
