"""What a run shows of itself while it works."""

import logging
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fake_label_studio import FakeLabelStudio
from tests.prefill_runner import COULD_NOT_START, SOME_FAILED, Prefill
from wholebody.prefill import run_progress
from wholebody.prefill.progress import show_progress
from wholebody.prefill.run_progress import RunProgress, duration


class _Predictor:
    model_version = "stub-1"

    def __init__(self, workers: int | None) -> None:
        self.workers = workers

    def predict(self, tasks: object) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("total", "workers", "line"),
    [
        (1000, 16, "150 of 1000 tasks done, 2.5 a second, 16 workers, 6 min left"),
        (1000, 1, "150 of 1000 tasks done, 2.5 a second, 1 worker, 6 min left"),
        (1000, None, "150 of 1000 tasks done, 2.5 a second, 6 min left"),
        (None, 3, "150 tasks done, 2.5 a second, 3 workers"),
    ],
)
def test_where_there_is_no_terminal_a_line_a_minute_says_how_far_it_is(
    total: int | None,
    workers: int | None,
    line: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    clock = iter([0.0, *[i / 2.5 for i in range(1, 150)], 60.0, 60.0, *[60.0 + i for i in range(50)]])
    monkeypatch.setattr(run_progress.time, "monotonic", lambda: next(clock))
    progress = RunProgress(total, _Predictor(workers), show_progress(total=total))
    for _ in range(180):
        progress.update()
    assert [record.getMessage() for record in caplog.records] == [line]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_run_serves_its_metrics_while_it_lasts(fake: FakeLabelStudio, prefill: Prefill, tmp_path: Path) -> None:
    fake.add_tasks(1, 2)
    fake.add_tasks(3, image="missing")
    fake.add_tasks(4, image="empty")
    fake.predict(5)
    with FakeLabelStudio() as other:  # whose port is free again
        port = int(other.url.rpartition(":")[2])
    seen: list[str] = []

    def look(request: object) -> None:
        if fake.posts():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                seen.append(answer.read().decode())

    fake.before = look
    result = prefill("--metrics-port", str(port), HOST="127.0.0.1")
    assert result.exit_code == SOME_FAILED
    assert 'wholebody_prefill_tasks_total{outcome="predicted"}' in seen[-1]
    for name in ("wholebody_prefill_tasks_left", "wholebody_prefill_workers 1.0", 'model_version="stub-1"'):
        assert name in seen[-1]
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")


def test_a_port_that_is_taken_ends_the_run_in_a_line(fake: FakeLabelStudio, prefill: Prefill) -> None:
    port = fake.url.rpartition(":")[2]
    result = prefill("--metrics-port", port, HOST="127.0.0.1")
    assert result.exit_code == COULD_NOT_START
    assert f"METRICS_PORT={port}: cannot listen there at 127.0.0.1: Address already in use" in result.output
