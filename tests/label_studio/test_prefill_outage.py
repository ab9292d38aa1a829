"""A real Label Studio that is away for a while in the middle of a prefill whose images it serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.backend import ROOT, environment
from demo.label_studio import LabelStudioServer

from .figure_tasks import import_figures, make_project

pytestmark = pytest.mark.thorough

TASKS = 200
AWAY_S = 6.0


@pytest.fixture
def own_server(label_studio_venv: Path, tmp_path: Path) -> Iterator[LabelStudioServer]:
    with LabelStudioServer(tmp_path / "data", tmp_path / "files", venv=label_studio_venv) as server:
        yield server


def restart(server: LabelStudioServer) -> None:
    server.stop()
    time.sleep(AWAY_S)
    server.start()


def freeze(server: LabelStudioServer) -> None:
    assert server.pid
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(AWAY_S)
    os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize("be_away", [restart, freeze])
def test_no_image_is_lost(
    own_server: LabelStudioServer, tmp_path: Path, be_away: Callable[[LabelStudioServer], None]
) -> None:
    """A dry run, so that nothing but images is asked for while it is away."""
    admin = own_server.admin()
    project = make_project(admin, "away for a while")
    first = import_figures(admin, own_server, project, 1)
    admin.import_tasks(project, [admin.tasks(project)[0]["data"]] * (TASKS - len(first)))
    settings = {
        "MODE": "figures",
        "LABEL_STUDIO_URL": own_server.url,
        "LABEL_STUDIO_API_TOKEN": admin.personal_access_token(),
        "PROJECT_ID": str(project),
        "TASK_LIMIT": "all",
        "MAX_RETRIES": "10",
        "MAX_BACKOFF_DELAY": "4",
        "IMAGE_TIMEOUT_SECONDS": "2",
    }
    command = [sys.executable, str(ROOT / "create_predictions.py"), "--dry-run"]
    log = tmp_path / "prefill.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=tmp_path, env=environment(settings), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as run,
    ):
        while f"{TASKS} tasks to predict" not in log.read_text() and run.poll() is None:
            time.sleep(0.05)
        time.sleep(0.5)
        be_away(own_server)
        told, _ = run.communicate(timeout=200)
    assert f"Would have predicted {TASKS} (0 empty), skipped 0, failed 0." in told, told + log.read_text()
    waits = [line for line in log.read_text().splitlines() if "/data/local-files/" in line and "repeated in" in line]
    assert waits, "images were waited for"
