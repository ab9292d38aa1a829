"""The prefill from a file into files, over more and more tasks, with a stand-in for the model.

`python -m benchmarks.file_growth FOLDER REGIONS` does what is left of FOLDER/tasks.json and prints what it took.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.growth import CONSTANT, FLAT, SIZES, STATUS, StubAnnotator
from benchmarks.regions import point_regions
from benchmarks.table import Row, seconds
from wholebody.settings import Settings

POINTS = 268
"""Of two people, with their boxes."""

MOST_MS = 3.0


def measure_file_growth(sizes: Sequence[int] = SIZES) -> list[Row]:
    """Time and memory of the largest beside the smallest, from nothing and with everything done; and of real sizes."""
    small, large = sizes[0], sizes[-1]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        _take(Path(folder) / "warm", small)
        found = {size: _take(Path(folder) / f"{size}", size) for size in (small, large)}
        again = {size: _take(Path(folder) / f"{size}", size) for size in (small, large)}
        full_s, _ = _take(Path(folder) / "full", small, POINTS)
    for what, taken in (("", found), (", all done before", again)):
        (before_s, before_bytes), (taken_s, peak_bytes) = taken[small], taken[large]
        ratio, of_memory = taken_s / before_s, peak_bytes / before_bytes
        name = f"files{what}, time a task, {large:,} tasks: {small:,}"
        cells = (f"{taken_s * 1e3:.2f} ms", f"{before_s * 1e3:.2f} ms", f"{ratio:.2f}")
        rows.append(Row(name, *cells, f"at most {CONSTANT:g}", ratio <= CONSTANT))
        name = f"files{what}, peak memory, {large:,} tasks: {small:,}"
        cells = (f"{peak_bytes / 1e6:.0f} MB", f"{before_bytes / 1e6:.0f} MB", f"{of_memory:.2f}")
        rows.append(Row(name, *cells, f"at most {FLAT:g}", of_memory <= FLAT))
    cells = (f"{full_s * 1e3:.2f} ms", "", "")
    rows.append(
        Row(f"files, time a task of {POINTS} regions", *cells, f"at most {MOST_MS:g} ms", full_s * 1e3 <= MOST_MS)
    )
    return rows


def _take(folder: Path, size: int, regions: int = 0) -> tuple[float, float]:
    """Seconds a task and peak bytes of a run in a process of its own, over a file of so many tasks."""
    folder.mkdir(exist_ok=True)
    with (folder / "tasks.json").open("wb") as file:
        file.write(b"[")
        for number in range(1, size + 1):
            data = {"image": f"https://images.example/{number}.jpg"}
            file.write(b"," * (number > 1) + orjson.dumps({"id": number, "data": data, "annotations": []}))
        file.write(b"]")
    command = [sys.executable, "-m", "benchmarks.file_growth", str(folder), str(regions)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = orjson.loads(output)
    return found["seconds"] / size, found["peak_bytes"]


class PointsAnnotator(StubAnnotator):
    """Answers at once with as many regions as it is told."""

    regions = 0

    def annotate(self, task: dict[str, Any], config: object) -> dict[str, Any]:
        """A prediction of real size."""
        return {"result": point_regions(self.regions), "score": 0.5, "model_version": self.model_version}


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("regions", type=int)
def main(folder: Path, regions: int) -> None:
    """Do what is left of the file's tasks."""
    from wholebody.prefill import run as prefill_run
    from wholebody.prefill.file_predictions import TASKS_A_FILE
    from wholebody.prefill.file_runs import FileRun, run_to_files
    from wholebody.prefill.shards import Shard
    from wholebody.process.stopping import Stop

    PointsAnnotator.regions = regions
    prefill_run.Annotator = PointsAnnotator  # type: ignore[assignment,misc]
    settings = Settings(task_limit="all", log_level="ERROR")
    names = (folder / "out", folder / "tasks.json", None, Shard(), TASKS_A_FILE)
    run = FileRun(*names, dry_run=False, failures=folder / "failures", retry_failed=None)
    taken = seconds(lambda: run_to_files(settings, Stop(), run))
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[0]) * 1024
    click.echo(orjson.dumps({"seconds": taken, "peak_bytes": peak}).decode())


if __name__ == "__main__":
    main()
