"""The backend under a real gunicorn, for tests that send it signals. No test of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import requests

from demo.process import free_port

ROOT = Path(__file__).resolve().parents[1]
WAIT_S = 60.0
"""Far more than anything takes, on a busy machine as well."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    limit = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


class GunicornServer:
    """gunicorn with the project's own configuration on a free port; a context manager.

    Args:
        app: What it serves, as on its command line.
        folder: Its working directory, where its log is as well.
        python: The Python that runs it.
        environment: Settings.
    """

    health = "/ready"

    def __init__(self, app: str, folder: Path, python: str | Path = sys.executable, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self._log = folder / "gunicorn.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"PYTHONPATH": str(ROOT), "MODE": "figures", "HOST": "127.0.0.1", "PORT": str(self.port)}
        self._environment = kept | own | environment
        self._command = [str(python), "-m", "gunicorn", *self.options(), app]

    def options(self) -> list[str]:
        """gunicorn's, on its command line."""
        return ["-c", str(ROOT / "gunicorn.conf.py")]

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self._command, cwd=self.folder, env=self._environment, stderr=log)
        until(self.is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
        self.process.wait(WAIT_S)
        assert "Traceback" not in self.log()

    def is_ready(self) -> bool:
        """Whether it says so."""
        assert self.process.poll() is None, self.log()
        try:
            return requests.get(self.url + self.health, timeout=WAIT_S).status_code == 200
        except requests.ConnectionError:
            return False

    def log(self) -> str:
        """Its log so far."""
        return self._log.read_text()

    def workers(self) -> list[int]:
        """Process ids of all workers so far, in order."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log())]

    def predict(self, tasks: list[dict[str, Any]], config: str, context: Any = None) -> requests.Response:
        """Ask as Label Studio does."""
        body = {"tasks": tasks, "label_config": config, "params": {"context": context}}
        return requests.post(self.url + "/predict", json=body, timeout=WAIT_S)
