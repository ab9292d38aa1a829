"""A server process of the demo or the tests: started with a log file, waited for, stopped by its own id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.1
POLL_TIMEOUT_S = 3.0
LOG_TAIL_CHARS = 2000


class StartError(RuntimeError):
    """A server is not installed where it was looked for, or did not come up."""


class ServerProcess:
    """One server on a port of 127.0.0.1.

    Args:
        name: What to call it in errors.
        command: The program and its options.
        env: Its whole environment.
        cwd: Its working folder.
        log_path: File that its output is appended to.
        health_url: Address that answers 2xx once the server is up.
        stop_timeout_s: How long it may take to end by itself.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        log_path: Path,
        health_url: str,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._env = dict(env)
        self._cwd = cwd
        self._health_url = health_url
        self._stop_timeout_s = stop_timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    def start(self, timeout_s: float) -> None:
        """Start the server and wait until it answers.

        Raises:
            StartError: It runs already, ended early or did not answer in time; with the end of its log.
        """
        if self._process:
            raise StartError(f"{self.name} runs already")
        with self.log_path.open("ab") as log:
            log_start = log.tell()
            # A session of its own: Ctrl-C in the terminal reaches only the caller, which then stops it.
            self._process = subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_up(self._process, log_start, timeout_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server's process group: politely, then by force. Does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, signal_number)
            except ProcessLookupError:  # the whole group is gone
                break
            try:
                process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                continue
        process.wait()

    def _wait_until_up(self, process: subprocess.Popen[bytes], log_start: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise StartError(f"{self.name} ended with code {process.returncode}:\n{self._log_tail(log_start)}")
            try:
                if requests.get(self._health_url, timeout=POLL_TIMEOUT_S).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(POLL_INTERVAL_S)
        raise StartError(f"{self.name} did not answer within {timeout_s:.0f} s:\n{self._log_tail(log_start)}")

    def _log_tail(self, log_start: int) -> str:
        return self.log_path.read_bytes()[log_start:].decode(errors="replace")[-LOG_TAIL_CHARS:]


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Make sure that nothing listens on the port: its owner would seem to be the server that came up.

    Raises:
        StartError: Something does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: just after a stop
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StartError(f"port {port} of 127.0.0.1 is in use: choose another") from None
