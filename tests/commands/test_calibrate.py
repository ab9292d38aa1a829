"""`wholebody calibrate` as a user runs it, with the weights for figures; and what its file does to predictions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.dataset.regions import skeleton
from tests.estimation.calibrations import weights_of, written
from tests.evaluation.corrections import corrected_task
from tests.fake_label_studio import LEGACY_TOKEN, FakeLabelStudio
from wholebody.__main__ import main
from wholebody.annotator import Annotator
from wholebody.estimation.calibration import Curve, read_calibration
from wholebody.keypoints import Part
from wholebody.settings import load_settings

PLAIN = "wholebody-figures-f3f10cf9"
TASKS = 60


@pytest.fixture(autouse=True)
def _figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODE", "figures")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")


def squared(score: float) -> float:
    return score**2


def exported(*tasks: Any, name: str = "export.json") -> Path:
    path = Path(name)
    path.write_text(json.dumps(tasks))
    return path


def drawn(version: str = PLAIN, count: int = TASKS, first: int = 1, **options: Any) -> list[dict[str, Any]]:
    rng = np.random.default_rng(first)
    return [corrected_task(first + n, squared, rng, version=version, **options) for n in range(count)]


def run(*options: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["calibrate", *map(str, options)])
    return done.exit_code, done.stdout, done.stderr


def curve_of(path: str | Path) -> Curve:
    curve = read_calibration(Path(path)).parts[Part.BODY].curve
    assert curve is not None
    return curve


def at(curve: Curve, score: float) -> float:
    return float(curve.apply(np.array([score]))[0])


def test_a_file_is_made_that_the_model_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    path = exported(*drawn())
    code, said, errors = run("--tasks", path, "--out", "c.json")
    assert (code, errors) == (0, "")
    lines = said.splitlines()
    assert lines[0] == f"Corrected predictions: {TASKS} of {PLAIN}"
    assert lines[1].split() == ["part", "points", "tasks", "left", "error", "after", "0.3", "->"]
    body = lines[2].split()
    assert body[:3] == ["body", str(TASKS * 17), str(TASKS)]
    left, before, after, threshold = map(float, body[3:])
    assert 0.4 < left < 0.6 and before > 0.15 and after < 0.08 and threshold < 0.3
    assert lines[3].split(maxsplit=7)[-1] == "keeps its scores: needs 300 more points and 40 more tasks and 25 more " \
        "points that annotators left and 25 more points that annotators corrected"  # fmt: skip
    assert at(curve_of("c.json"), 0.9) == pytest.approx(0.81, abs=0.1)
    monkeypatch.setenv("SCORE_CALIBRATION", "c.json")
    version = Annotator(load_settings()).model_version
    assert version.startswith("wholebody-figures-") and "-calibrated-" in version
    assert lines[-2] == (
        "Wrote c.json. To apply it, set SCORE_CALIBRATION=c.json for the backend and the prefill, and restart these."
    )
    assert lines[-1].startswith(f"Their predictions are then of {version};")


def test_what_was_calibrated_is_not_calibrated_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions made with the file, under another threshold too, teach the same curve again."""
    assert run("--tasks", exported(*drawn()), "--out", "c.json")[0] == 0
    monkeypatch.setenv("SCORE_CALIBRATION", "c.json")
    curve = curve_of("c.json")
    version = Annotator(load_settings()).model_version
    again = drawn(version, first=1_000, shown=lambda score: at(curve, score))
    code, said, _ = run("--tasks", exported(*again), "--out", "d.json")
    assert code == 0
    assert said.startswith(f"Corrected predictions: {TASKS} of {version}\n")
    assert at(curve_of("d.json"), 0.9) == pytest.approx(0.81, abs=0.1)
    file = read_calibration(Path("d.json"))
    assert {PLAIN, version} <= set(file.model_versions)
    # The new file knows what the old one did, also when that is gone.
    monkeypatch.setenv("SCORE_CALIBRATION", "d.json")
    code, said, _ = run("--tasks", exported(*again, *drawn()), "--out", "e.json")
    assert said.startswith(f"Corrected predictions: {TASKS} of {version}, {TASKS} of {PLAIN}\n")
    assert at(curve_of("e.json"), 0.9) == pytest.approx(0.81, abs=0.1)
    # Without any of the files nobody knows what the scores were.
    monkeypatch.delenv("SCORE_CALIBRATION")
    code, said, _ = run("--tasks", exported(*again), "--out", "f.json", "--model-version", version)
    assert code == 1
    assert f"{TASKS} x a prediction of {version}, whose scores a calibration changed that is not at hand" in said
    assert not Path("f.json").exists()


def test_predictions_of_other_weights_do_not_count_unless_told() -> None:
    path = exported(*drawn("wholebody-balanced-12345678"), *drawn(count=2, first=500))
    code, said, _ = run("--tasks", path, "--out", "c.json")
    assert code == 1
    assert said.startswith(f"Corrected predictions: 2 of {PLAIN}\n")
    assert (
        f"  {TASKS} x a prediction of wholebody-balanced-12345678, which is not known to be of these weights; " in said
    )
    assert said.endswith("No part got a curve, so nothing was written.\n")
    assert not Path("c.json").exists()
    assert run("--tasks", path, "--out", "c.json", "--model-version", "wholebody-balanced-12345678")[0] == 0


def test_a_project_is_asked_for_its_annotated_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeLabelStudio() as fake:
        monkeypatch.setenv("LABEL_STUDIO_URL", fake.url)
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", LEGACY_TOKEN)
        fake.add_tasks(*range(1, TASKS + 2))
        for task in drawn():
            annotation = task["annotations"][0]
            stored = fake.predict(task["id"], PLAIN, result=annotation.pop("prediction")["result"])
            annotation["parent_prediction"] = stored["id"]
            fake.tasks[task["id"]] |= {
                "data": task["data"], "annotations": [annotation], "total_annotations": 1,
            }  # fmt: skip
        code, said, errors = run("--project", 1, "--out", "c.json", "--strict")
        assert (code, errors) == (0, "")
        assert said.startswith(f"Corrected predictions: {TASKS} of {PLAIN}\n")
        assert not [request for request in fake.requests if request.method != "GET"]


def test_skeletons_are_named() -> None:
    task = drawn(count=1)[0]
    (annotation,) = task["annotations"]
    joints = skeleton("s", "body", {"nose": (30, 20), "left_shoulder": (20, 30)}) | {"score": 0.8}
    annotation["result"] = annotation["prediction"]["result"] = [joints]
    _, said, _ = run("--tasks", exported(task), "--out", "c.json")
    assert "  2 x joints of skeletons, which have one score for all of them (task 1)" in said


def test_strict_says_so_where_something_was_left_out() -> None:
    todo = {"id": 98, "data": {"image": "/data/98.jpg"}, "annotations": [], "predictions": [98]}
    assert run("--tasks", exported(*drawn(), todo), "--out", "c.json", "--strict")[0] == 0
    path = exported(*drawn(), corrected_task(99, squared, np.random.default_rng(1), version="other"))
    assert run("--tasks", path, "--out", "c.json")[0] == 0
    assert run("--tasks", path, "--out", "c.json", "--strict")[0] == 1


def test_what_counts_as_left_can_be_told() -> None:
    """All wrong points are 20 of 80 pixels away."""
    code, said, _ = run("--tasks", exported(*drawn()), "--out", "c.json", "--within", "0.3")
    assert code == 1
    assert "needs 25 more points that annotators corrected" in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "which project? give --project, or --tasks"),
        (("--tasks", "export.json", "--project", 1), "--project and --tasks exclude each other"),
        (("--tasks", "gone.json"), "gone.json cannot be read: No such file or directory"),
        (("--config", "c.xml"), "--config goes with --tasks"),
        (("--tasks", "export.json", "--out", "there.txt"), "there.txt is there already and is no calibration; choose"),
        (
            ("--tasks", "export.json", "--out", "no/folder.json"),
            "no/folder.json cannot be written: there is no folder no; choose",
        ),
    ],
)
def test_what_cannot_be_done(options: tuple[object, ...], complaint: str) -> None:
    exported(*drawn())
    Path("there.txt").write_text("mine")
    code, said, errors = run(*(options if "--out" in options else (*options, "--out", "c.json")))
    assert (code, said) == (2, "")
    assert errors.startswith("error: ") and complaint in errors
    assert len(errors.splitlines()) == 1
    assert Path("there.txt").read_text() == "mine"
    assert not [path for path in Path().rglob("*") if "partial" in path.name]


def test_a_calibration_of_other_weights_is_no_ground_to_learn_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    weights = weights_of(load_settings()).model_copy(update={"pose_sha256": "0" * 64})
    path = written(tmp_path, weights)
    monkeypatch.setenv("SCORE_CALIBRATION", str(path))
    code, _, errors = run("--tasks", exported(*drawn()), "--out", "c.json")
    assert code == 2
    assert f"error: SCORE_CALIBRATION='{path}' was made for the pose network" in errors


def test_the_setting_may_name_a_file_that_is_still_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORE_CALIBRATION", "c.json")
    assert run("--tasks", exported(*drawn()), "--out", "c.json")[0] == 0
    assert Path("c.json").exists()


def test_without_scipy_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.optimize", None)
    code, _, errors = run("--tasks", exported(*drawn(count=1)), "--out", "c.json")
    assert code == 2
    assert "is not installed; pip install -r requirements-dataset.txt" in errors
