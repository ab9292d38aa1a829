"""The memory of a prefill does not grow with the number of tasks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.memory_runner import FAIL_EVERY
from tests.memory_server import TASKS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.memory_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()


@pytest.mark.thorough
def test_memory_after_a_tenth_and_at_the_end_is_the_same_within_a_tenth(url: str) -> None:
    command = [sys.executable, "-m", "tests.memory_runner", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["stopped"] == ""
    assert (told["failed"], told["predicted"]) == (TASKS // FAIL_EVERY, TASKS - TASKS // FAIL_EVERY)
    after_a_tenth, at_the_end = told["rss_bytes"]
    assert at_the_end <= 1.1 * after_a_tenth
