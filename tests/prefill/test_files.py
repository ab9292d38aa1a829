"""Runs whose predictions go into files: what is in them, what a second run does, and what is refused."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from filelock import FileLock

from tests.fake_label_studio import FakeLabelStudio
from tests.prefill_runner import ALL_WELL, COULD_NOT_START, SOME_FAILED, Prefill, StubAnnotator
from wholebody.commands.prefill import INTERRUPTED
from wholebody.prefill import file_predictions, run

ROOT = Path(__file__).resolve().parents[2]
FOUND = [{"result": [{"id": "a"}], "score": 0.9, "model_version": "stub-1"}]


def write_tasks(count: int, path: str = "tasks.json", **others: Any) -> list[dict[str, Any]]:
    tasks = [{"id": n, "data": {"image": f"{n}.png"}} | others for n in range(1, count + 1)]
    Path(path).write_text(json.dumps(tasks))
    return tasks


def written(folder: str = "out") -> list[dict[str, Any]]:
    """All tasks of a folder, in which nothing else is left."""
    assert not (Path(folder) / ".unfinished").exists()
    return [task for file in sorted(Path(folder).iterdir()) for task in json.loads(file.read_text())]


def ids(folder: str = "out") -> Counter[int]:
    return Counter(task["id"] for task in written(folder))


@pytest.fixture
def files(prefill: Prefill) -> Iterator[Prefill]:
    """The command for `tasks.json` and `out`."""

    def fill(*options: str, **variables: str) -> Result:
        return prefill(
            "--tasks", "tasks.json", "--out", "out", *options, PROJECT_ID="", LABEL_STUDIO_URL="", **variables
        )

    yield fill


def test_whole_tasks_with_their_predictions(files: Prefill) -> None:
    tasks = write_tasks(5, meta={"by": "me"}, created_at="2026", predictions=[], annotations=[])
    done = files()
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 5 (0 empty), skipped 0, failed 0.\n")
    expected = [{"id": task["id"], "data": task["data"], "meta": {"by": "me"}, "predictions": FOUND} for task in tasks]
    assert sorted(written(), key=lambda task: task["id"]) == expected
    assert [file.name for file in Path("out").iterdir()] == ["tasks-00001.json"]


def test_files_are_numbered_and_of_one_size(files: Prefill) -> None:
    write_tasks(7)
    files("--per-file", "3")
    names = [f"tasks-0000{number}.json" for number in (1, 2, 3)]
    assert {file.name: len(json.loads(file.read_text())) for file in sorted(Path("out").iterdir())} == dict(
        zip(names, (3, 3, 1), strict=True)
    )


def test_a_file_is_no_larger_than_label_studio_takes(files: Prefill, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tasks(9)
    monkeypatch.setattr(file_predictions, "MOST_BYTES", 400)
    files()
    assert max(file.stat().st_size for file in Path("out").iterdir()) <= 400 + len("\n]\n")
    assert ids() == Counter(range(1, 10))


def test_what_has_no_id_gets_none(files: Prefill) -> None:
    Path("tasks.json").write_text("https://a.example/1.jpg\n\nempty\n")
    files("--images", "/data/local-files/?d=")
    done = files("--images", "", IMAGE_FILES_PREFIX="/data/local-files/?d=", IMAGE_FILES_DIR=".")
    assert done.exit_code == COULD_NOT_START
    assert not any("id" in task for task in written())
    images = {task["data"]["image"] for task in written()}
    assert images == {"https://a.example/1.jpg", "/data/local-files/?d=empty"}


def test_a_second_run_does_what_is_left(files: Prefill) -> None:
    write_tasks(9)
    assert files("--limit", "4").stdout == "Predicted 4 (0 empty), skipped 0, failed 0.\n"
    assert files().stdout == "Predicted 5 (0 empty), skipped 4, failed 0.\n"
    assert files().stdout == "Predicted 0 (0 empty), skipped 9, failed 0.\n"
    assert ids() == Counter(range(1, 10))
    write_tasks(12)  # a newer export
    assert files().stdout == "Predicted 3 (0 empty), skipped 9, failed 0.\n"
    assert ids() == Counter(range(1, 13))


def test_lines_may_come_between(files: Prefill) -> None:
    Path("tasks.json").write_text("https://a.example/1.jpg\nhttps://a.example/2.jpg\n")
    files()
    Path("tasks.json").write_text("https://a.example/0.jpg\nhttps://a.example/2.jpg\nhttps://a.example/1.jpg\n")
    assert files().stdout == "Predicted 1 (0 empty), skipped 2, failed 0.\n"


def test_annotated_and_predicted_tasks_are_done(files: Prefill) -> None:
    tasks = write_tasks(4)
    tasks[0]["annotations"] = [{"result": []}]
    tasks[1]["predictions"] = [12]
    tasks[2]["annotations"] = [{"result": [], "was_cancelled": True}]
    Path("tasks.json").write_text(json.dumps(tasks))
    assert files().stdout == "Predicted 1 (0 empty), skipped 3, failed 0.\n"
    assert ids() == Counter([4])


def test_equal_tasks_are_done_once(files: Prefill) -> None:
    Path("tasks.json").write_text("https://a.example/1.jpg\n" * 3)
    done = files()
    assert done.stdout == "Predicted 1 (0 empty), skipped 2, failed 0.\n"
    assert "tasks.json: 2 tasks are there several times; each is done once\n" in done.stderr


def test_failed_tasks_are_listed_and_tried_again(files: Prefill) -> None:
    Path("tasks.json").write_text('[{"id": 1, "data": {"image": "missing"}}, {"data": {"image": "missing"}}]')
    done = files()
    assert (done.exit_code, done.stdout.splitlines()[0]) == (SOME_FAILED, "Predicted 0 (0 empty), skipped 0, failed 2.")
    failed = [json.loads(line)["task"] for line in Path("prefill-failures.jsonl").read_text().splitlines()]
    assert sorted(failed, key=str) == [1, "element 2"]
    assert not Path("out").exists()
    Path("tasks.json").write_text(
        '[{"id": 1, "data": {"image": "x"}}, {"data": {"image": "y"}}, {"data": {"image": "z"}}]'
    )
    assert files("--retry-failed", "prefill-failures.jsonl").stdout == "Predicted 2 (0 empty), skipped 0, failed 0.\n"
    assert not Path("prefill-failures.jsonl").exists()
    assert sorted(task["data"]["image"] for task in written()) == ["x", "y"]


def test_a_list_of_a_files_failures_is_none_of_a_project(prefill: Prefill) -> None:
    Path("failed").write_text('{"task": "line 2", "error": "x"}\n')
    done = prefill("--retry-failed", "failed")
    assert done.exit_code == COULD_NOT_START
    assert done.stderr.endswith(
        "error: failed: 'line 2' is in a file of tasks, and not in a project; give it with --tasks\n"
    )


def test_dry_run_and_start(files: Prefill) -> None:
    write_tasks(5)
    assert files("--dry-run").stdout == "Would have predicted 5 (0 empty), skipped 0, failed 0.\n"
    assert not Path("out").exists()
    assert files("--start", "4").stdout == "Predicted 2 (0 empty), skipped 0, failed 0.\n"
    assert ids() == Counter([4, 5])


@pytest.mark.parametrize("count", [1, 3, 12])
def test_parts_share_a_folder(files: Prefill, count: int) -> None:
    write_tasks(10)
    numbers = range(1, count + 1)
    for number in numbers:
        assert files("--shard", f"{number}/{count}").exit_code == ALL_WELL
    assert ids() == Counter(range(1, 11))
    if count == 3:
        assert sorted(file.name for file in Path("out").iterdir()) == [f"tasks-{n}-of-3-00001.json" for n in numbers]
        assert files().stdout == "Predicted 0 (0 empty), skipped 10, failed 0.\n"
        assert (
            files("--shard", "/2", JOB_COMPLETION_INDEX="1").stdout == "Predicted 0 (0 empty), skipped 5, failed 0.\n"
        )


def test_parts_list_their_failures_apart(files: Prefill) -> None:
    write_tasks(4)
    Path("tasks.json").write_text(Path("tasks.json").read_text().replace("2.png", "missing"))
    files("--shard", "2/3")
    assert Path("prefill-failures-2-of-3.jsonl").exists()


def test_tasks_of_a_project_go_into_files(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 9), 30)
    fake.predict(2)
    assert prefill("--out", "out").stdout == "Predicted 8 (0 empty), skipped 1, failed 0.\n"
    assert (ids(), fake.posts()) == (Counter([1, *range(3, 9), 30]), [])
    fake.add_tasks(40, 41)
    assert prefill("--out", "out", "--shard", "1/2").stdout == "Predicted 1 (0 empty), skipped 4, failed 0.\n"
    assert prefill("--out", "out").stdout == "Predicted 1 (0 empty), skipped 9, failed 0.\n"
    assert ids() == Counter([1, *range(3, 9), 30, 40, 41])
    fake.tasks[1]["data"] = {"image": "another"}
    done = prefill("--out", "out")
    assert done.exit_code == COULD_NOT_START
    message = "error: out has tasks that are not those of project 1 'Figures'; choose another folder with --out\n"
    assert done.stderr.endswith(message)


def refused(done: Result) -> str:
    assert (done.exit_code, done.stdout) == (COULD_NOT_START, "")
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_a_folder_of_another_model(files: Prefill, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tasks(3)
    files()
    before = Path("out/tasks-00001.json").read_bytes()
    monkeypatch.setattr(StubAnnotator, "model_version", "stub-2")
    expected = (
        "out has predictions of stub-1, and this run's are of stub-2; choose another folder with --out, or the "
        "settings and weights of that one"
    )
    assert refused(files()) == expected
    assert [file.read_bytes() for file in Path("out").iterdir()] == [before]


@pytest.mark.parametrize(
    ("tasks", "complaint"),
    [
        ('[{"id": 1, "data": {"image": "1.png"}}]', "out has 2 tasks that are not in tasks.json, such as task 2"),
        ('[{"id": 9, "data": {"image": "1.png"}}]', "out has 3 tasks that are not in tasks.json, such as task 1"),
        ("https://a.example/1.jpg", "out has 3 tasks that are not in tasks.json, such as task 1"),
    ],
)
def test_a_folder_of_other_tasks(files: Prefill, tasks: str, complaint: str) -> None:
    write_tasks(3)
    files()
    Path("tasks.json").write_text(tasks)
    assert refused(files()) == f"{complaint}; choose another folder with --out"


def test_a_folder_of_the_same_ids_with_other_images(files: Prefill) -> None:
    write_tasks(3)
    files()
    Path("tasks.json").write_text(Path("tasks.json").read_text().replace("2.png", "4.png"))
    assert refused(files()) == "out has task 2 with other data than tasks.json; choose another folder with --out"


def test_a_file_that_is_changed_before_its_tasks_are_done(files: Prefill, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tasks(3)

    class Slow(StubAnnotator):
        """Is loaded after the file was read for the first time."""

        def __init__(self, settings: object, *, bulk: bool, stop: object) -> None:
            write_tasks(2)

    monkeypatch.setattr(run, "Annotator", Slow)
    done = files()
    assert (done.exit_code, done.stdout.splitlines()) == (
        SOME_FAILED,
        [
            "Predicted 0 (0 empty), skipped 0, failed 0.",
            "Stopped early: tasks.json was changed during the run; run again to go on",
        ],
    )


def test_two_tasks_with_one_id(files: Prefill) -> None:
    Path("tasks.json").write_text('[{"id": 4, "data": {"image": "a"}}, {"id": 4, "data": {"image": "b"}}]')
    expected = "tasks.json: its tasks 1 and 2 both have the id 4, and are not the same; delete the ids"
    assert refused(files()) == expected


def test_a_folder_with_other_things_in_it(files: Prefill) -> None:
    write_tasks(1)
    Path("out").mkdir()
    Path("out/.DS_Store").touch()
    assert files().exit_code == ALL_WELL
    Path("out/photo.jpg").touch()
    assert refused(files()) == "out has other things in it, such as 'photo.jpg'; choose a folder of its own"


@pytest.mark.parametrize(
    ("old", "new"), [('{"id"', '{"di"'), ('"data"', '"atad"'), ('"predictions"', '"pre"'), ("[", "[1")]
)
def test_a_file_that_was_changed(files: Prefill, old: str, new: str) -> None:
    write_tasks(2)
    files()
    file = Path("out/tasks-00001.json")
    file.write_text(file.read_text().replace(old, new, 1))
    assert "out" in refused(files())


def test_what_the_words_are_in_is_read_right(files: Prefill) -> None:
    tricky = {"image": '1.png","predictions":[', "x": {"a": 1, "predictions": [1]}, "predictions": [2]}
    Path("tasks.json").write_text(json.dumps([{"id": 1, "data": tricky}, {"data": tricky}]))
    assert files().stdout == "Predicted 2 (0 empty), skipped 0, failed 0.\n"
    assert files().stdout == "Predicted 0 (0 empty), skipped 2, failed 0.\n"
    assert [task["data"] for task in written()] == [tricky, tricky]


def test_numbers_and_characters_that_json_alone_allows(files: Prefill) -> None:
    Path("tasks.json").write_text('[{"id": 1, "data": {"image": "\\ud800", "n": 99999999999999999999999}}]')
    assert files().exit_code == ALL_WELL
    assert files().stdout == "Predicted 0 (0 empty), skipped 1, failed 0.\n"
    (task,) = written()
    assert task["data"] == {"image": "\ud800", "n": 99999999999999999999999}


def test_another_run_in_the_same_folder(files: Prefill, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tasks(4)
    monkeypatch.setattr("wholebody.prefill.task_folder.LOCK_S", 0.0)
    Path("out/.unfinished").mkdir(parents=True)
    busy = "out: another run writes to it, or to this part of it; wait until it ends, or give all runs at once a part"
    with FileLock("out/.unfinished/tasks-2-of-4.lock"):
        assert refused(files("--shard", "2/4")).startswith(busy)
        assert refused(files()).startswith(busy)
        assert refused(files("--shard", "2/3")).startswith(busy)
        assert files("--shard", "1/4").exit_code == ALL_WELL
    assert files().exit_code == ALL_WELL
    assert ids() == Counter(range(1, 5))


@pytest.mark.parametrize("room", [0, 1, 100, 150, 230, 260])
def test_a_full_disk(files: Prefill, room: int) -> None:
    """The system itself refuses what goes beyond a size, as it does on a full disk."""
    write_tasks(9)
    # In a process of its own: a limit on all threads of this one has broken others of its tests, and their log.
    command = [sys.executable, "-m", "tests.prefill.killed_run", "--tasks", "tasks.json", "--out", "out"]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TASK_LIMIT": "all", "FILE_ROOM": str(room)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == SOME_FAILED
    assert done.stdout.splitlines()[-1] == (
        "Stopped early: out cannot be written: File too large; mend that, and run again to go on"
    )
    for file in Path("out").glob("*.json"):
        json.loads(file.read_text())
    assert files().exit_code == ALL_WELL
    assert ids() == Counter(range(1, 10))


def test_a_list_of_failures_that_is_full(files: Prefill) -> None:
    Path("tasks.json").write_text('[{"id": 1, "data": {"image": "missing"}}]')
    done = files("--failures", "/dev/full")
    assert done.exit_code == SOME_FAILED
    full = "/dev/full: a failure cannot be written: No space left on device; mend that, and run again to go on"
    assert done.stdout.splitlines()[-1] == f"Stopped early: {full}"


def test_an_interrupted_run_leaves_a_whole_file(files: Prefill) -> None:
    """In a process of its own: a signal crashes one in which OpenVINO has ended, as in other tests."""
    write_tasks(3000)
    command = [sys.executable, "-m", "tests.prefill.killed_run", "--tasks", "tasks.json", "--out", "out"]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TASK_LIMIT": "all"}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        while not any(file.stat().st_size for file in Path("out", ".unfinished").glob("*.json")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
    assert (process.returncode, said.splitlines()[-1]) == (INTERRUPTED, "Interrupted; run again to go on.")
    assert 0 < len(written()) < 3000
    assert files().exit_code == ALL_WELL
    assert ids() == Counter(range(1, 3001))


def test_a_folder_that_cannot_be_made(files: Prefill) -> None:
    write_tasks(1)
    Path("file").touch()
    assert refused(files("--out", "file/out")) == "file/out cannot be read: Not a directory"
    assert "Directory 'file' is a file" in files("--out", "file").stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--tasks", "a", "--project", "1", "--out", "o"], "--project and --tasks exclude each other"),
        (["--tasks", "a"], "--tasks goes with --out, the folder that gets the predictions"),
        (["--config", "a"], "--config goes with --tasks; a project has its own labeling config"),
        (["--shard", "1/2"], "--shard and --per-file go with --out; one run at a time writes to Label Studio"),
        (["--out", "o", "--replace"], "--replace is for the predictions in Label Studio"),
        (["--out", "o", "--watch"], "--watch takes on a whole project"),
        (["--limit", "3", "--watch"], "--watch takes on a whole project"),
        (["--tasks", "none", "--out", "o"], "--tasks none: there is no such file"),
    ],
)
def test_options_that_do_not_go_together(prefill: Prefill, options: list[str], complaint: str) -> None:
    assert complaint in refused(prefill(*options))
    assert not Path("o").exists()


def test_without_tasks(prefill: Prefill) -> None:
    assert refused(prefill("--out", "o", PROJECT_ID="")) == "of which tasks? give --tasks with a file, or --project"


def test_the_log_says_how_much_there_is(files: Prefill) -> None:
    write_tasks(3)
    files("--limit", "1")
    assert re.search(r"tasks\.json: 2 tasks to predict, 1 done before\n", files().stderr)
