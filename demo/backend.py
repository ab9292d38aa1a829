"""Runs this project's ML backend as `make serve` does, for the demo and the integration tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from demo.process import ServerProcess, free_port, require_free

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 600.0  # the first start in a mode downloads its weights
STOP_TIMEOUT_S = 30.0


class BackendServer:
    """The backend under gunicorn on 127.0.0.1; a context manager.

    Args:
        settings: Environment variables of the backend; nothing else of the caller's settings reaches it.
        log_path: File that its log is appended to.
        port: Port on 127.0.0.1; None takes a free one.
    """

    def __init__(self, settings: Mapping[str, str], log_path: Path, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = log_path
        self._process = ServerProcess(
            name="the backend",
            command=[sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "_wsgi:app"],
            env=environment(settings) | {"HOST": "127.0.0.1", "PORT": str(self.port), "PYTHONPATH": str(ROOT)},
            cwd=log_path.parent,  # no .env is read there
            log_path=log_path,
            health_url=f"{self.url}/ready",
            stop_timeout_s=STOP_TIMEOUT_S,
        )

    def __enter__(self) -> BackendServer:
        require_free(self.port)
        self._process.start(START_TIMEOUT_S)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.stop()


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without this project's settings, then `settings`."""
    from wholebody.settings import variables

    own = variables()
    return {name: value for name, value in os.environ.items() if name.upper() not in own} | dict(settings)
