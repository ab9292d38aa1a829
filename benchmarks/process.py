"""What a process costs: the time until it is ready, and its memory."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.local_server import LocalServer
from benchmarks.online import Client, backend
from benchmarks.rivals import Job
from benchmarks.table import Row, at_most, seconds
from tests.gunicorn_server import GunicornServer

ROOT = Path(__file__).resolve().parents[1]
LOAD_SESSIONS = """
import sys, time, onnxruntime
start = time.perf_counter()
sessions = [onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in sys.argv[1:]]
print(time.perf_counter() - start)
"""
IMPORTS = """
import time
start = time.perf_counter()
import model, onnxruntime, wholebody.serving.server
print(time.perf_counter() - start)
"""
RTMLIB = """
import re, sys, cv2
from pathlib import Path
from rtmlib import Wholebody
detector, pose, width, height, *images = sys.argv[1:]
size = int(width), int(height)
wholebody = Wholebody(det=detector, det_input_size=(640, 640), pose=pose, pose_input_size=size)
for image in images:
    wholebody(cv2.imread(image))
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""
FLAT = 1.05
SETTLED = 0.4
"""Of the requests, after which memory must not grow any more: the image cache is full by then."""


def measure_start(job: Job, folder: Path, rounds: int) -> list[Row]:
    """The backend, the imports and the help text."""
    ready, load, imports, help_text = [], [], [], []
    for _ in range(rounds):
        load.append(_printed(LOAD_SESSIONS, job.detector, job.pose))
        ready.append(_seconds_to_ready(job, folder))
        imports.append(_printed(IMPORTS))
        command = [sys.executable, "create_predictions.py", "--help"]
        help_text.append(seconds(lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)))  # noqa: B023
    return [
        at_most("from start to ready: loading the sessions", *map(statistics.median, (ready, load)), 1.2, 2.0),
        _alone("the backend's imports", statistics.median(imports), 1.0),
        _alone("create_predictions.py --help", statistics.median(help_text), 0.5),
    ]


def measure_peak(
    server: LocalServer, job: Job, name: str, images: Sequence[Path], folder: Path, factor: float | None
) -> Row:
    """The backend's peak beside rtmlib's on the same images."""
    paths = [str(path) for path in images] * 3
    theirs = 1024 * _printed(RTMLIB, job.detector, job.pose, *map(str, job.pose_wh), *paths)
    with backend(job, folder) as served:
        client = Client(served.port)
        for number in range(3 * len(images)):
            index = number % len(images)
            client.predict(f"{server.url}/images/{images[index].name}", task_id=10**9 + index)
        ours = peak_bytes(worker_of(served).pid)
    return _bytes(f"the backend's peak, {name}: rtmlib's on the same images", ours, theirs, factor)


def measure_leaks(server: LocalServer, job: Job, images: Sequence[Path], folder: Path, requests: int) -> Row:
    """The growth of the backend's memory over many requests."""
    # A cache that a short run fills: with the default of 256 MB it grows until then, as it is meant to.
    with backend(job, folder, IMAGE_CACHE_BYTES="50000000") as served:
        early, late = _grow(server, served, images, requests)
    what = f"its memory after {requests} requests: after {int(requests * SETTLED)}"
    return _bytes(what, late, early, FLAT)


def _grow(server: LocalServer, served: GunicornServer, images: Sequence[Path], requests: int) -> tuple[float, float]:
    client, worker = Client(served.port), worker_of(served)
    early = 0.0
    for number in range(requests):
        client.predict(f"{server.url}/images/{images[number % len(images)].name}")
        if number == int(requests * SETTLED):
            early = worker.memory_info().rss
    return early, worker.memory_info().rss


def _seconds_to_ready(job: Job, folder: Path) -> float:
    start = time.perf_counter()
    with backend(job, folder):
        return time.perf_counter() - start


def _printed(script: str, *arguments: str) -> float:
    command = [sys.executable, "-c", script, *arguments]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def worker_of(served: GunicornServer) -> psutil.Process:
    """The one process that has the model."""
    (worker,) = psutil.Process(served.process.pid).children()
    return worker


def reset_peak(pid: int) -> None:
    """Let a process's peak be counted from here on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> float:
    """The most resident memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024.0 * int(status.partition("VmHWM:")[2].split()[0])


def _alone(what: str, taken_s: float, most_s: float) -> Row:
    return Row(what, f"{taken_s:.2f} s", "", "", f"under {most_s:g} s", taken_s < most_s)


def _bytes(what: str, ours: float, theirs: float, factor: float | None) -> Row:
    cells = (f"{ours / 1e6:.0f} MB", f"{theirs / 1e6:.0f} MB", f"{ours / theirs:.2f}")
    return Row(what, *cells, *(("",) if factor is None else (f"at most {factor:g}", ours <= factor * theirs)))
