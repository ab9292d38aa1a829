"""A Dask scheduler and workers as their users start them: processes of their own. No test of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class DaskProcesses:
    """A scheduler on loopback, and its workers.

    Args:
        folder: Where the logs go.
        options: For all of them, such as certificates.

    Attributes:
        address: The scheduler's.
        scheduler: Its process.
        workers: Theirs, in the order in which they were started.
    """

    def __init__(self, folder: Path, *options: str, protocol: str = "tcp") -> None:
        self._folder = folder
        self._options = options
        port = free_port()
        self._protocol, self._port = protocol, port
        self.address = f"{protocol}://127.0.0.1:{port}"
        self.scheduler = self._start_scheduler()
        self.workers: list[subprocess.Popen[bytes]] = []
        _wait_until_listening(port)

    def add_worker(self, *options: str, address: str = "", nanny: bool = False, **variables: str) -> None:
        """Start one; `variables` of its environment."""
        usual = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--nanny" if nanny else "--no-nanny"]
        arguments = (address or self.address, *usual, "--local-directory", str(self._folder), *options)
        self.workers.append(self._start("worker", *arguments, **variables))

    def restart_scheduler(self) -> None:
        """Kill it, and start another one at the same address at once."""
        self.scheduler.kill()
        self.scheduler.wait()
        self.scheduler = self._start_scheduler()

    def _start_scheduler(self) -> "subprocess.Popen[bytes]":
        return self._start(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--dashboard-address",
            "127.0.0.1:0",
            "--protocol",
            self._protocol,
        )

    def log(self) -> str:
        """What all of them wrote."""
        return "".join(path.read_text() for path in sorted(self._folder.glob("dask-*.log")))

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.terminate()
        for process in (*self.workers, self.scheduler):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, what: str, *arguments: str, **variables: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, *self._options]
        path = self._folder / f"dask-{what}-{len(list(self._folder.glob('dask-*.log')))}.log"
        with path.open("wb") as log:
            environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
            return subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)


@contextmanager
def dask_processes(folder: Path, *options: str, protocol: str = "tcp", workers: int = 0) -> Iterator[DaskProcesses]:
    """Scheduler and workers, meanwhile."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        processes = DaskProcesses(folder, *options, protocol=protocol)
        stack.callback(processes.close)
        for _ in range(workers):
            processes.add_worker()
        yield processes


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_listening(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")
