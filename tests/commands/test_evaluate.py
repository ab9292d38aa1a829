"""`wholebody evaluate`, run as a user does."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.evaluation.tasks import ALICE, NOSE, annotated, at, predicted, task
from tests.fake_label_studio import FakeLabelStudio
from wholebody.__main__ import main

CORRECTED = task([predicted(ALICE, NOSE)], annotated(ALICE, at(NOSE, 30, 28)))
NOT_PREDICTED = task([], annotated(ALICE, NOSE)) | {"id": 3}
NOT_ANNOTATED = task([predicted(ALICE, NOSE)]) | {"id": 2}


pytestmark = pytest.mark.usefixtures("nowhere")


def run(*options: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["evaluate", *map(str, options)])
    return done.exit_code, done.stdout, done.stderr


def exported(*tasks: Any) -> Path:
    path = Path("export.json")
    path.write_text(json.dumps(tasks))
    return path


def test_a_file_without_server_or_token() -> None:
    code, said, errors = run("--tasks", exported(CORRECTED, NOT_ANNOTATED), "--out", "out")
    assert (code, errors) == (0, "")
    lines = said.splitlines()
    assert lines[0].split() == ["v1"]
    assert ["people", "kept", "1"] in [line.split() for line in lines]
    assert lines[-3:] == [
        "Wrote metrics.json and report.html to out.",
        "Nothing to compare, or not about people:",
        "  1 x a task without an annotation (task 2)",
    ]
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["source"] == {"tasks": "export.json"}
    assert metrics["model_versions"]["v1"]["points"]["keypoints"]["nose"]["moved"] == 1
    report = Path("out/report.html").read_text()
    assert "farthest nose" in report
    assert "is served by Label Studio; set LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN" in report


@pytest.mark.parametrize(("tasks", "expected"), [([CORRECTED, NOT_ANNOTATED], 0), ([CORRECTED, NOT_PREDICTED], 1)])
def test_strict(tasks: list[Any], expected: int) -> None:
    assert run("--tasks", exported(*tasks), "--out", "out", "--strict")[0] == expected


def test_a_project(fake: FakeLabelStudio) -> None:
    fake.add_tasks(3, 4)
    stored = fake.predict(3, "v1", result=[ALICE, NOSE])
    fake.tasks[3]["total_annotations"] = 1
    fake.tasks[3]["annotations"] = [annotated(ALICE, at(NOSE, 30, 28), parent_prediction=stored["id"])]
    code, _, errors = run("--project", 1, "--out", "out")
    assert (code, errors) == (0, "")
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["source"]["project"] == 1
    assert metrics["counts"]["left_out"] == [], "tasks that nobody annotated are not asked for"
    assert metrics["model_versions"]["v1"]["points"]["all"]["moved"] == 1
    assert {request.path for request in fake.requests} == {
        "/api/projects/1/", "/api/tasks/", "/api/projects/1/export",
    }  # fmt: skip


def test_a_ground_truth(testdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DET_MODEL", str(testdata / "models" / "rtmdet_nano_person.onnx"))
    monkeypatch.setenv("POSE_MODEL", str(testdata / "models" / "wholebody133_256x192.onnx"))
    content = json.loads((testdata / "coco_wholebody.json").read_text())
    first, second = (image["file_name"] for image in content["images"])
    Path("pictures").mkdir()
    shutil.copyfile(testdata / "images" / first, Path("pictures") / first)
    options = ("--coco", testdata / "coco_wholebody.json", "--images", "pictures", "--out", "out")
    code, said, _ = run(*options, "--strict")
    assert code == 1, "a picture is gone"
    assert f"1 x a picture that cannot be read: No such file or directory (image {second})" in said
    assert "AP body" in said
    assert "unmoved" not in said, "a ground truth corrects nothing"
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["counts"]["images"] == 1
    assert metrics["source"] == {"coco": "coco_wholebody.json", "images": "pictures"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "which project? give --project, or --tasks"),
        (("--tasks", "a.json", "--project", 1), "--project and --tasks exclude each other"),
        (("--tasks", "a.json", "--coco", "b.json", "--images", "."), "--tasks and --coco exclude each other"),
        (("--tasks", "a.json"), "a.json cannot be read: No such file or directory"),
        (("--config", "c.xml"), "--config goes with --tasks"),
        (("--coco", "b.json", "--images", ".", "--annotator", "1"), "--annotator and --coco exclude each other"),
        (("--coco", "b.json"), "--coco and --images go together"),
        (("--images", "."), "--coco and --images go together"),
        (("--coco", "b.json", "--images", "none"), "--images: there is no folder none"),
        (("--coco", "b.json", "--images", "."), "b.json cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_done(options: tuple[object, ...], complaint: str) -> None:
    code, said, errors = run("--out", "out", *options)
    assert (code, said) == (2, "")
    assert errors.startswith("error: ")
    assert complaint in errors
    assert len(errors.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"images": []}', "not with a list of tasks; export the project as JSON"),
        ('[{"id": 1,\n"data": {}, "annotations": [}]' + " " * 99, "line 2: is not JSON"),
        ('[{"image": "a.jpg", "kp": []}]', "its task 1 has no 'data'"),
        (json.dumps([NOT_ANNOTATED]), "nothing to compare: 1 x a task without an annotation (task 2...)"),
        ("[]", "nothing to compare: there are no tasks"),
        (json.dumps([CORRECTED | {"predictions": [3]}]), "take it with --project"),
    ],
)
def test_a_file_that_has_nothing_to_compare(content: str, complaint: str) -> None:
    Path("export.json").write_text(content)
    code, _, errors = run("--tasks", "export.json", "--out", "out")
    assert code == 2
    assert complaint in errors
    assert len(errors.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["export.json"], "written whole or not at all"


def test_labels_of_another_config_are_named() -> None:
    Path("config.xml").write_text(
        '<View><Image name="img" value="$image"/><KeyPointLabels name="points" toName="img">'
        '<Label value="nose"/></KeyPointLabels></View>'
    )
    code, said, _ = run("--tasks", exported(CORRECTED), "--config", "config.xml", "--out", "out", "--strict")
    assert code == 1
    assert "give each project its own config" in said


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("faster_coco_eval")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Without("faster_coco_eval"), *sys.meta_path])
    code, _, errors = run("--tasks", exported(CORRECTED), "--out", "out")
    assert code == 2
    assert errors == "error: the package faster_coco_eval is not installed; pip install -r requirements-dataset.txt\n"
    assert not Path("out").exists()


class _Without:
    """Finds no package of a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, *_: object) -> None:
        if name == self._name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
