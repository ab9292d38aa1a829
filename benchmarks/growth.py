"""The prefill over more and more tasks, with a stand-in for the model: `python -m benchmarks.growth URL`."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.local_server import LocalServer
from benchmarks.rivals import TOKEN
from benchmarks.table import Row, seconds
from wholebody.settings import Settings

SIZES = (1_000, 10_000, 100_000)
CONSTANT, FLAT = 1.1, 1.1
STATUS = Path("/proc/self/status")
"""Linux's own count of this program's peak: `getrusage` has that of the program which started it, if it was larger."""


class StubAnnotator:
    """Answers at once."""

    model_version = "bench"
    workers = 2

    def __init__(self, settings: object, *, bulk: bool, stop: object) -> None:
        pass

    def annotate(self, task: dict[str, Any], config: object) -> dict[str, Any]:
        """A prediction with nobody."""
        return {"result": [], "score": 0.0, "model_version": self.model_version}

    def close(self) -> None:
        """It holds nothing back."""


def measure_growth(server: LocalServer, sizes: Sequence[int] = SIZES) -> list[Row]:
    """Time and memory of the larger beside the smallest, which is run right before each of them."""
    small, rows = sizes[0], []
    _fill(server, small)  # the first of all finds nothing warm
    for size in sizes[1:]:
        (before_s, before_bytes), (taken_s, peak_bytes) = _fill(server, small), _fill(server, size)
        ratio = taken_s / before_s
        cells = (f"{taken_s * 1e3:.2f} ms", f"{before_s * 1e3:.2f} ms", f"{ratio:.2f}")
        what = f"prefill, time a task, {size:,} tasks: {small:,}"
        rows.append(Row(what, *cells, f"at most {CONSTANT:g}", ratio <= CONSTANT))
    ratio = peak_bytes / before_bytes
    cells = (f"{peak_bytes / 1e6:.0f} MB", f"{before_bytes / 1e6:.0f} MB", f"{ratio:.2f}")
    what = f"prefill, peak memory, {size:,} tasks: {small:,}"
    return [*rows, Row(what, *cells, f"at most {FLAT:g}", ratio <= FLAT)]


def _fill(server: LocalServer, size: int) -> tuple[float, float]:
    """Seconds a task and peak bytes of a prefill in a process of its own."""
    server.reset(size, ["a:b"], 0.0)
    command = [sys.executable, "-m", "benchmarks.growth", server.url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = orjson.loads(output)
    return found["seconds"] / size, found["peak_bytes"]


@click.command(help=__doc__)
@click.argument("url")
def main(url: str) -> None:
    """Fill the project that is there."""
    from wholebody.prefill import run as prefill_run
    from wholebody.process.stopping import Stop

    prefill_run.Annotator = StubAnnotator  # type: ignore[assignment,misc]
    settings = Settings(
        label_studio_url=url,
        label_studio_api_token=TOKEN,  # type: ignore[arg-type]
        project_id=1,
        task_limit="all",
        request_delay_seconds=0,
        log_level="ERROR",
    )
    with tempfile.TemporaryDirectory() as folder:
        taken = seconds(
            lambda: prefill_run.run_prefill(settings, Stop(), dry_run=False, failures=Path(folder) / "failures")
        )
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[0]) * 1024
    click.echo(orjson.dumps({"seconds": taken, "peak_bytes": peak}).decode())


if __name__ == "__main__":
    main()
