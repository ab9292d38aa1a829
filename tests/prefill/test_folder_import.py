"""`wholebody import --predictions`: whose predictions they are, and the one writer's care."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.fake_label_studio import LOST, PREDICTIONS, FakeLabelStudio
from tests.prefill_runner import ALL_WELL, COULD_NOT_START, SOME_FAILED, settings_for
from wholebody.__main__ import main

Import = Callable[..., Result]


def write(*tasks: dict[str, Any], name: str = "tasks-00001.json", version: str = "stub-1", result: Any = ()) -> None:
    """A file as the prefill writes it."""
    prediction = {"result": list(result), "score": 0.5, "model_version": version}
    lines = ",\n".join(json.dumps(task | {"predictions": [prediction]}, separators=(",", ":")) for task in tasks)
    Path("out").mkdir(exist_ok=True)
    (Path("out") / name).write_text(f"[\n{lines}\n]\n")


def task(task_id: int | None, image: str) -> dict[str, Any]:
    return ({} if task_id is None else {"id": task_id}) | {"data": {"image": image}}


@pytest.fixture
def store(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Import]:
    """The command on project 1 of the stand-in, with the folder `out`."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*options: str, **variables: str) -> Result:
        settings = settings_for(fake) | {"TASK_LIMIT": ""} | variables
        return CliRunner(env=settings).invoke(main, ["import", "--predictions", "out", *options])

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


def test_by_id_and_by_data(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(1, image="a")
    fake.add_tasks(2, image="b")
    fake.add_tasks(3, 4, image="c")
    write(task(1, "a"), task(3, "b"), name="tasks-1-of-2-00001.json")
    write(task(None, "c"), name="tasks-2-of-2-00001.json")
    done = store()
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Stored 4 (4 empty), skipped 0, failed 0.\n")
    assert fake.predicted() == [1, 2, 3, 4]
    assert store().stdout == "Stored 0 (0 empty), skipped 4, failed 0.\n"
    assert fake.predicted() == [1, 2, 3, 4]


def test_predicted_and_annotated_tasks_keep_what_they_have(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(1, 2, 3, image="a")
    fake.predict(1)
    fake.tasks[2]["total_annotations"] = 1
    write(task(1, "a"), task(2, "a"), task(3, "a"))
    assert store().stdout == "Stored 1 (1 empty), skipped 2, failed 0.\n"
    assert fake.predicted() == [1, 3]


def test_tasks_that_the_project_lacks(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(1, image="a")
    write(task(1, "another"), task(None, "b"))
    done = store()
    assert (done.exit_code, done.stdout.splitlines()) == (
        SOME_FAILED,
        [
            "Stored 0 (0 empty), skipped 0, failed 2.",
            "  2 x project 1 has no task with this id and data, nor with this data",
            "The tasks that failed are listed in import-failures.jsonl; the next run tries them again.",
        ],
    )
    failed = [json.loads(line)["task"] for line in Path("import-failures.jsonl").read_text().splitlines()]
    assert failed == ["out/tasks-00001.json, task 1", "out/tasks-00001.json, task 2"]


def test_names_that_the_project_lacks(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(1, image="a")
    region = {"id": "x", "from_name": "other", "to_name": "img", "type": "keypointlabels", "value": {}}
    write(task(1, "a"), result=[region])
    done = store()
    assert done.exit_code == SOME_FAILED
    assert "its prediction has labels or controls that the project's labeling config lacks" in done.stdout
    assert fake.posts() == []


def test_lost_answers_double_nothing(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(*range(1, 6), image="a")
    write(*(task(number, "a") for number in range(1, 6)))
    fake.fail("POST", PREDICTIONS, LOST, None, LOST)
    assert store().stdout == "Stored 5 (5 empty), skipped 0, failed 0.\n"
    assert fake.predicted() == [1, 2, 3, 4, 5]


def test_more_than_one_page(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(*range(1, 251), image="a")
    write(*(task(number, "a") for number in range(1, 251)))
    assert store().stdout == "Stored 250 (250 empty), skipped 0, failed 0.\n"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--out", "x"], "--predictions goes with --project alone"),
        (["--images", "x"], "--predictions goes with --project alone"),
        (["coco.json"], "import what? give either a COCO file, or --predictions with a folder"),
    ],
)
def test_options_that_do_not_go_together(store: Import, options: list[str], complaint: str) -> None:
    write(task(1, "a"))
    done = store(*options)
    assert (done.exit_code, done.stderr.startswith(f"error: {complaint}")) == (COULD_NOT_START, True)


def test_what_is_no_folder_of_predictions(store: Import) -> None:
    Path("out").mkdir()
    assert store().stderr == "error: out has no predictions; give the folder that a prefill with --out wrote\n"
    write(task(1, "a"))
    write(task(2, "a"), name="tasks-00002.json", version="stub-2")
    assert (
        store().stderr == "error: out has predictions of several model versions: stub-1, stub-2; give each a folder\n"
    )
    assert store(PROJECT_ID="").stderr == "error: into which project? give --project\n"
    Path("out/photo.jpg").touch()
    assert store().stderr == "error: out has other things in it, such as 'photo.jpg'; choose a folder of its own\n"


def test_a_folder_that_is_still_written_is_a_warning(fake: FakeLabelStudio, store: Import) -> None:
    fake.add_tasks(1, image="a")
    write(task(1, "a"))
    Path("out/.unfinished").mkdir()
    Path("out/.unfinished/tasks-00002.json").touch()
    done = store()
    assert done.exit_code == ALL_WELL
    assert "out: a run still writes to it, or was killed; run it again, and this import after it\n" in done.stderr
