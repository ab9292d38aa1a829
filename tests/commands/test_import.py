"""`wholebody import`, run as a user does."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.dataset.coco_truth import coco_file, differences
from wholebody.__main__ import main

pytestmark = pytest.mark.usefixtures("nowhere")


def run(*options: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [*map(str, options)])
    return done.exit_code, done.stdout, done.stderr


def test_there_and_back(testdata: Path, tmp_path: Path) -> None:
    coco = testdata / "coco_wholebody.json"
    code, said, errors = run("import", coco, "--out", "tasks.json", "--images", "/data/local-files/?d=coco/")
    assert (code, said, errors) == (0, "Wrote 2 tasks with 4 people as annotations to tasks.json.\n", "")
    tasks = json.loads(Path("tasks.json").read_text())
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=coco/000000000785.jpg"
    assert run("export", "--tasks", "tasks.json", "--out", "out", "--strict")[0] == 0
    assert differences(json.loads(coco.read_text()), json.loads(coco_file(Path("out")).read_text())) == []


@pytest.mark.parametrize(("strict", "expected"), [((), 0), (("--strict",), 1)])
def test_what_a_config_has_no_place_for(testdata: Path, strict: tuple[str, ...], expected: int) -> None:
    Path("body.xml").write_text(run("config", "--preset", "body")[1])
    code, said, _ = run("import", testdata / "coco_wholebody.json", "--out", "t.json", "--config", "body.xml", *strict)
    assert code == expected
    assert "x a point that the labeling config has no label for: face (pictures 000000000785.jpg" in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("none.json",), "which project? give --project, or --out for a file"),
        (("none.json", "--out", "t.json", "--project", 1), "--project and --out exclude each other"),
        (("none.json", "--config", "c.xml"), "--config goes with --out"),
        (("none.json", "--out", "t.json"), "none.json cannot be read: No such file or directory"),
        (("none.json", "--out", "t.json", "--config", "c.xml"), "c.xml cannot be read"),
    ],
)
def test_what_cannot_be_done(options: tuple[object, ...], complaint: str) -> None:
    code, said, errors = run("import", *options)
    assert (code, said) == (2, "")
    assert complaint in errors
    assert len(errors.splitlines()) == 1
