"""Plays a scenario: the server in its own process, the prefill started again and again until all is well."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.backend import ROOT, environment
from tests.soak.project_api import FIRST_TOKEN, SECOND_TOKEN
from tests.soak.scenario import Scenario

ALL_WELL = 0
LOG = "client.log"
MOST_RUNS = 40
LONGEST_RUN_S = 1800.0
SERVER_END_S = 60.0
REVOKED = "Token is blacklisted"


class SoakError(Exception):
    """A scenario did not come to its end."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of the client's processes.

    Attributes:
        ends: Their exit codes in turn; -9 for a killed one.
        seconds: All of it.
        folder: `scenario.json`, `journal.jsonl`, `ledger.json` and `client.log`.
    """

    scenario: Scenario
    ends: list[int]
    seconds: float
    folder: Path

    @property
    def kills(self) -> int:
        """How many of them were killed."""
        return self.ends.count(-signal.SIGKILL)

    @property
    def log(self) -> str:
        """What the client wrote, all runs of it."""
        return _log(self.folder)


def play(scenario: Scenario, folder: Path) -> Played:
    """Run the prefill until a run ends well.

    Raises:
        SoakError: It does not within `MOST_RUNS` runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begun, ends = time.monotonic(), list[int]()
    with _server(scenario, folder) as url:
        while ALL_WELL not in ends:
            if len(ends) >= MOST_RUNS:
                raise SoakError(f"{scenario.name}: not done after {ends}; see {folder}/{LOG}")
            ends.append(_run_client(scenario, url, folder))
            if "Traceback" in (tail := _log(folder)):
                raise SoakError(f"{scenario.name}: the prefill broke down:\n{tail[tail.index('Traceback') :]}")
    return Played(scenario, ends, time.monotonic() - begun, folder)


def _run_client(scenario: Scenario, url: str, folder: Path) -> int:
    pid_path = folder / "client.pid"
    settings = {
        "LABEL_STUDIO_URL": url,
        "LABEL_STUDIO_API_TOKEN": _token(scenario, folder),
        "PROJECT_ID": str(scenario.project),
        "TASK_LIMIT": "all",
        "REQUEST_DELAY_SECONDS": str(scenario.delay_s),
        "MAX_RETRIES": "20",
        "MAX_BACKOFF_DELAY": "0.01",
        "LOG_LEVEL": "INFO",
    }
    command = [sys.executable, "-m", "tests.soak.client", *(["--replace"] if scenario.replace else [])]
    command += ["--bulk", str(scenario.bulk)] if scenario.bulk else []
    with (folder / LOG).open("ab") as log:
        client = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(settings)
            | {
                "PYTHONPATH": str(ROOT),
                "SOAK_READ_TIMEOUT_S": str(scenario.read_timeout_s),
                "SOAK_SETTLES_AFTER_S": str(scenario.settles_after_s),
                "NO_PROXY": "*",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        pid_path.write_text(str(client.pid))
        try:
            return client.wait(LONGEST_RUN_S)
        except subprocess.TimeoutExpired:
            raise SoakError(f"{scenario.name}: a run hangs; see {folder}/{LOG}") from None
        finally:
            pid_path.unlink()
            if client.poll() is None:
                client.send_signal(signal.SIGKILL)
                client.wait()


def _token(scenario: Scenario, folder: Path) -> str:
    """The first token until the prefill says that it was revoked, as a person would do."""
    if scenario.token:
        return scenario.token
    return SECOND_TOKEN if REVOKED in _log(folder) else FIRST_TOKEN


def _log(folder: Path) -> str:
    path = folder / LOG
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


@contextmanager
def _server(scenario: Scenario, folder: Path) -> Iterator[str]:
    path = folder / "scenario.json"
    scenario.write(path)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.server", str(path.absolute())],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "NO_PROXY": "*"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert server.stdout
        url = server.stdout.readline().strip()
        if not url:
            raise SoakError(f"{scenario.name}: the server did not start; see {folder}/server.log")
        yield url
        server.communicate(timeout=SERVER_END_S)
        if server.returncode:
            raise SoakError(f"{scenario.name}: the server failed; see {folder}/server.log")
    finally:
        if server.poll() is None:
            server.kill()
        server.communicate()
