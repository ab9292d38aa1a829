"""`wholebody export`, run as a user does."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.dataset.coco_truth import coco_file
from tests.dataset.regions import box, point, task
from tests.fake_label_studio import FakeLabelStudio
from wholebody.__main__ import main

PEOPLE = [point("nose", 20, 30, "a"), box("a", 10, 10, 60, 90)]
MORE = [*PEOPLE, point("nose", 199, 1)]


pytestmark = pytest.mark.usefixtures("nowhere")


def run(*options: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["export", *map(str, options)])
    return done.exit_code, done.stdout, done.stderr


def exported(folder: Path, *tasks: Any) -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(tasks))
    return path


def test_a_file_without_server_or_token(tmp_path: Path) -> None:
    path = exported(tmp_path, task(*MORE), task(number=8, annotations=[]))
    code, said, errors = run("--tasks", path, "--out", tmp_path / "out")
    assert (code, errors) == (0, "")
    assert said == (
        f"Wrote 1 images with 1 people and 1 points to {tmp_path / 'out'}.\n"
        "Left out:\n"
        "  1 x a point without a person: in nobody's box (task 7)\n"
        "  1 x a task without an annotation (task 8)\n"
    )
    assert coco_file(tmp_path / "out").exists()


@pytest.mark.parametrize(("tasks", "expected"), [([task(*PEOPLE)], 0), ([task(*MORE)], 1)])
def test_strict(tmp_path: Path, tasks: list[Any], expected: int) -> None:
    assert run("--tasks", exported(tmp_path, *tasks), "--out", tmp_path / "out", "--strict")[0] == expected


def test_parts_of_the_dataset_and_of_people(tmp_path: Path) -> None:
    path = exported(tmp_path, *(task(*PEOPLE, number=number) for number in range(20)))
    options = ("--format", "yolo-pose", "--split", "train=0.5,val=0.5", "--parts", "body")
    code, said, _ = run("--tasks", path, "--out", tmp_path / "out", *options)
    assert code == 0
    assert said.splitlines()[1].startswith("  train ")
    row = next((tmp_path / "out" / "labels" / "val").iterdir()).read_text().split()
    assert len(row) == 5 + 17 * 3


def test_names_of_a_projects_own(tmp_path: Path) -> None:
    config = tmp_path / "config.xml"
    config.write_text(
        '<View><Image name="img" value="$image"/><KeyPointLabels name="body" toName="img">'
        '<Label value="Nase" predicted_values="nose"/></KeyPointLabels></View>'
    )
    path = exported(tmp_path, task(point("Nase", 20, 30)))
    assert run("--tasks", path, "--out", tmp_path / "a")[0] == 2
    assert run("--tasks", path, "--out", tmp_path / "b", "--config", config)[0] == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--out", "x"), "which project? give --project, or --tasks"),
        (("--out", "x", "--tasks", "a.json", "--project", 1), "--project and --tasks exclude each other"),
        (("--out", "x", "--tasks", "a.json"), "a.json cannot be read: No such file or directory"),
        (("--out", "x", "--tasks", "a.json", "--config", "c.xml"), "c.xml cannot be read"),
        (("--out", "x", "--config", "c.xml"), "--config goes with --tasks"),
        (("--out", "x", "--tasks", "a.json", "--split", "a"), "--split: 'a' must be a name and a share"),
        (("--out", "x", "--tasks", "a.json", "--parts", "nose"), "no such part 'nose'"),
    ],
)
def test_what_cannot_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, errors = run(*options)
    assert (code, said) == (2, "")
    assert errors.startswith("error: ")
    assert complaint in errors
    assert len(errors.splitlines()) == 1


def test_a_project(fake: FakeLabelStudio, tmp_path: Path) -> None:
    config = fake.project["label_config"]
    assert "left_wrist" in str(config)
    fake.add_tasks(3, 7)
    fake.tasks[3]["annotations"] = [{"id": 1, "result": PEOPLE, "completed_by": 1}]
    fake.predict(7, result=PEOPLE)
    code, said, errors = run("--project", 1, "--out", tmp_path / "out", "--annotator", "ann@example.com")
    assert (code, errors) == (0, "")
    assert "Wrote 1 images with 1 people" in said
    assert "1 x a task without an annotation (task 7)" in said
    code, said, _ = run("--project", 1, "--out", tmp_path / "predicted", "--of", "predictions")
    assert "Wrote 1 images with 1 people" in said
    assert {request.path for request in fake.requests} == {
        "/api/projects/1/", "/api/tasks/", "/api/projects/1/export", "/api/users/",
    }  # fmt: skip


def test_an_annotator_whom_nobody_knows(fake: FakeLabelStudio, tmp_path: Path) -> None:
    code, _, errors = run("--project", 1, "--out", tmp_path / "out", "--annotator", "who@example.com")
    assert code == 2
    assert "has no user 'who@example.com'" in errors
