"""A whole run of the prefill on a cluster, against a stand-in for Label Studio."""

import base64
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest

from tests.cluster.models import load_stub
from tests.cluster.processes import ROOT, dask_processes
from tests.fake_label_studio import LOST, PREDICTIONS, FakeLabelStudio, settings_for
from tests.prefill_runner import settings_for as settings_of_prefill
from wholebody.cluster import roster
from wholebody.cluster.opening import predict_on_cluster
from wholebody.figures.drawing import draw_figures
from wholebody.prefill.run import Outcome, run_prefill
from wholebody.process.stopping import Stop


def _run(fake: FakeLabelStudio, folder: Path, stop: Stop | None = None, **changes: Any) -> Outcome:
    changes, workers = dict(changes), changes.pop("workers", None)
    open_predictor = partial(predict_on_cluster, workers=workers, load=load_stub)
    settings = settings_for(fake, **changes)
    return run_prefill(
        settings, stop or Stop(), dry_run=False, failures=folder / "failed.jsonl", open_predictor=open_predictor
    )


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_two_thousand_tasks_with_a_killed_worker_a_new_one_and_lost_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "LOOK_EVERY_S", 0.2)
    faults = random.Random(8)
    with FakeLabelStudio() as fake, dask_processes(tmp_path / "dask", workers=4) as dask:
        fake.add_tasks(*range(1, 2001), image="sleep 0.05")
        lost = [LOST if faults.random() < 0.08 else None for _ in range(4000)]
        fake.fail("POST", PREDICTIONS, *lost)
        happened: list[str] = []

        def happen(request: object) -> None:
            if len(fake.predictions) >= 667 and "killed" not in happened:
                happened.append("killed")
                dask.workers[0].send_signal(signal.SIGKILL)
            if len(fake.predictions) >= 1000 and "added" not in happened:
                happened.append("added")
                dask.add_worker()

        fake.before = happen
        outcome = _run(fake, tmp_path, dask_scheduler=dask.address)
        assert happened == ["killed", "added"]
        assert fake.predicted() == list(range(1, 2001))
        assert len([one for one in lost[: len(fake.posts())] if one]) > 100
        assert (outcome.summary.failed.total(), outcome.summary.stopped) == (0, "")
        assert all(one["result"] == [{"id": str(one["task"])}] for one in fake.predictions)


@pytest.mark.thorough
def test_a_run_that_is_stopped_leaves_the_rest_for_the_next(tmp_path: Path) -> None:
    stop = Stop()
    with FakeLabelStudio() as fake:
        fake.add_tasks(*range(1, 121), image="sleep 0.01")
        fake.before = lambda request: stop.set() if len(fake.predictions) == 10 else None
        assert _run(fake, tmp_path, stop, workers=2).interrupted
        assert 10 <= len(fake.predictions) < 60
        fake.before = lambda request: None
        outcome = _run(fake, tmp_path, workers=2)
        assert fake.predicted() == list(range(1, 121))
        assert outcome.summary.skipped >= 10


@pytest.mark.thorough
def test_ctrl_c_ends_the_command_and_its_workers_and_the_next_run_does_the_rest(tmp_path: Path) -> None:
    with FakeLabelStudio() as fake:
        fake.add_tasks(*range(1, 41), image=_figure())
        variables = settings_of_prefill(fake) | {"MODE": "figures", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "wholebody", "prefill", "--workers", "2"]

        def start() -> "subprocess.Popen[str]":
            return subprocess.Popen(
                command,
                cwd=tmp_path,
                env=os.environ | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

        first = start()
        while len(fake.predictions) < 3:
            assert first.poll() is None
            time.sleep(0.05)
        workers = psutil.Process(first.pid).children(recursive=True)
        os.killpg(first.pid, signal.SIGINT)  # as a terminal does: the workers get it as well
        said, _ = first.communicate(timeout=60)
        assert (first.returncode, said.count("Traceback")) == (130, 0)
        assert said.endswith("Interrupted; run again to go on.\n")
        assert psutil.wait_procs(workers, timeout=20)[1] == []
        second = start()
        said, _ = second.communicate(timeout=120)
        assert (second.returncode, said.count("Traceback")) == (0, 0), said
        assert fake.predicted() == list(range(1, 41))
        assert all(one["result"] for one in fake.predictions)


def _figure() -> str:
    png = cv2.imencode(".png", draw_figures(1, 1, (320, 400)).bgr)[1].tobytes()
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
