"""Runs into files that are killed at any moment: each task once in the end, and never a file that is not whole."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from wholebody.prefill.shards import Shard
from wholebody.prefill.task_folder import TaskFolder

ROOT = Path(__file__).resolve().parents[2]
TASKS = 1200
ROUNDS = 4


def begin(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """A run in a process of its own; each task has 2 kB."""
    command = [sys.executable, "-m", "tests.prefill.killed_run", "--tasks", "tasks.jsonl", "--out", "out", *options]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TASK_LIMIT": "all", "LOG_LEVEL": "ERROR"}
    return subprocess.Popen(
        [*command, "--per-file", "90"],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def whole_files(folder: Path) -> list[int]:
    """The ids in the files that Label Studio would read at this moment."""
    return [task["id"] for file in (folder / "out").glob("*.json") for task in json.loads(file.read_bytes())]


def kill(runs: "list[subprocess.Popen[str]]", unfinished: Path, after_s: float) -> None:
    """End runs at once, a moment after each writes."""
    while any(one.poll() is None for one in runs) and len([*unfinished.glob("*.json")]) < len(runs):
        time.sleep(0.005)
    time.sleep(after_s)
    for one in runs:
        one.kill()
        one.communicate()


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    with (tmp_path / "tasks.jsonl").open("w") as file:
        for number in range(1, TASKS + 1):
            file.write(json.dumps({"id": number, "data": {"image": f"{number}.png", "text": "x" * 2000}}) + "\n")
    return tmp_path


@pytest.mark.thorough
@pytest.mark.parametrize("shards", [1, 3])
def test_killed_at_any_moment(tasks: Path, shards: int) -> None:
    chance = random.Random(shards)
    parts = [() if shards == 1 else ("--shard", f"{number}/{shards}") for number in range(1, shards + 1)]
    for _ in range(ROUNDS):
        runs = [begin(tasks, *part) for part in parts]
        kill(runs, tasks / "out" / ".unfinished", chance.uniform(0, 0.5))
        done = whole_files(tasks)
        assert len(done) == len(set(done))
    for part in parts:
        run = begin(tasks, *part)
        _, said = run.communicate(timeout=100)
        assert run.returncode == 0, said
    assert Counter(whole_files(tasks)) == Counter(range(1, TASKS + 1))
    assert not (tasks / "out" / ".unfinished").exists()


@pytest.mark.thorough
def test_a_run_alone_takes_over_what_parts_left(tasks: Path) -> None:
    runs = [begin(tasks, "--shard", f"{number}/3") for number in (1, 2, 3)]
    unfinished = tasks / "out" / ".unfinished"
    kill(runs, unfinished, 0.1)
    run = begin(tasks)
    _, said = run.communicate(timeout=100)
    assert run.returncode == 0, said
    assert Counter(whole_files(tasks)) == Counter(range(1, TASKS + 1))
    assert not unfinished.exists()


WHOLE = b'[\n{"id":1,"data":{"image":"1"},"predictions":[]},\n{"id":2,"data":{"image":"2"},"predictions":[]}\n]\n'


@pytest.mark.parametrize("end", range(len(WHOLE) + 1))
def test_every_beginning_of_a_file_is_taken_over(tmp_path: Path, end: int) -> None:
    """What the disk may have of a file when its run is killed."""
    unfinished = tmp_path / ".unfinished"
    unfinished.mkdir()
    (unfinished / "tasks-00001.json").write_bytes(WHOLE[:end])
    folder = TaskFolder(tmp_path, Shard())
    with folder.locked():
        found = [json.loads(file.read_bytes()) for file in folder.finished()]
    expected = WHOLE[:end].count(b"]}")  # as many tasks as end before it
    assert found == ([json.loads(WHOLE)[:expected]] if expected else [])
    assert [*tmp_path.iterdir()] == folder.finished()
