"""Worker processes with a model that only sleeps, into files.

`python -m benchmarks.cluster FOLDER WORKERS SLEEP_S REGIONS` does what is left of FOLDER/tasks.jsonl and prints what it
took.

A process of its own is the client, and the scheduler too, which Dask runs in it where the workers are local: what is
measured of the client is of both.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from benchmarks.growth import FLAT, STATUS
from benchmarks.regions import point_regions
from benchmarks.table import Row

SLEEP_S = 0.2
MANY = 16
POINTS = 134
"""Regions of a prediction of real size: one person."""
LEAST_SHARE, MOST_MS = 0.9, 3.0
SECONDS_OF_WORK = 120.0
"""For each worker, so that the beginning and the end, where some of them rest, are a small part."""


class SleepingModel:
    """Takes its time, and none of the processor's; a task at a time, by the environment of its worker."""

    model_version = "bench"

    def __init__(self, cores: int) -> None:
        self.workers = 1
        self._sleep_s = float(os.environ["BENCH_SLEEP_S"])
        self._regions = point_regions(int(os.environ["BENCH_REGIONS"]))
        self._places = threading.Semaphore(1)

    def annotate(self, task: dict[str, Any], config: object) -> Any:
        """A prediction of so many regions."""
        with self._places:
            time.sleep(self._sleep_s)
        return {"result": self._regions, "score": 0.5, "model_version": self.model_version}


def measure_cluster(*, quick: bool) -> Iterator[Row]:
    """Many workers beside one, what the client costs, and its memory over many tasks."""
    share = 0.05 if quick else 1.0
    each = int(SECONDS_OF_WORK * share / SLEEP_S)
    one, many = _take(1, each, SLEEP_S, POINTS), _take(MANY, MANY * each, SLEEP_S, POINTS)
    ratio = many["rate"] / one["rate"] / MANY
    cells = (f"{many['rate']:.1f} tasks/s", f"{one['rate']:.2f} tasks/s", f"{ratio:.2f}")
    what = f"{MANY} workers, {SLEEP_S * 1e3:g} ms a task: {MANY} times one"
    yield Row(what, *cells, f"at least {LEAST_SHARE:g}", ratio >= LEAST_SHARE)
    cost_ms = many["cpu_s"] / (MANY * each) * 1e3
    cells = (f"{cost_ms:.2f} ms", "", "")
    what = f"client and scheduler, processor time a task of {POINTS} regions, into files"
    yield Row(what, *cells, f"at most {MOST_MS:g} ms", cost_ms <= MOST_MS)
    small, large = (100, 1000) if quick else (1000, 100_000)
    before, after = _take(2, small, 0.0, 0), _take(2, large, 0.0, 0)
    ratio = after["peak_bytes"] / before["peak_bytes"]
    cells = (f"{after['peak_bytes'] / 1e6:.0f} MB", f"{before['peak_bytes'] / 1e6:.0f} MB", f"{ratio:.2f}")
    what = f"client and scheduler, peak memory, {large:,} tasks: {small:,}"
    yield Row(what, *cells, f"at most {FLAT:g}", ratio <= FLAT)


def _take(workers: int, tasks: int, sleep_s: float, regions: int) -> dict[str, float]:
    """Tasks a second, the client's seconds of processor, and its peak bytes."""
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "tasks.jsonl").open("wb") as file:
            for number in range(1, tasks + 1):
                file.write(
                    orjson.dumps({"id": number, "data": {"image": f"https://images.example/{number}.jpg"}}) + b"\n"
                )
        command = [sys.executable, "-m", "benchmarks.cluster", folder, str(workers), str(sleep_s), str(regions)]
        found: dict[str, float] = orjson.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found | {"rate": tasks / found["seconds"]}


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("workers", type=int)
@click.argument("sleep_s", type=float)
@click.argument("regions", type=int)
def main(folder: Path, workers: int, sleep_s: float, regions: int) -> None:
    """Do the tasks that are there."""
    from benchmarks.cluster import SleepingModel as Model  # under the name that workers find it by
    from wholebody.cluster.opening import predict_on_cluster
    from wholebody.prefill.file_runs import FileRun, run_to_files
    from wholebody.prefill.shards import Shard
    from wholebody.process.stopping import Stop
    from wholebody.settings import Settings

    os.environ |= {"BENCH_SLEEP_S": str(sleep_s), "BENCH_REGIONS": str(regions)}
    opened = partial(predict_on_cluster, workers=workers, load=Model)
    began: list[tuple[float, float]] = []

    @contextmanager
    def timed(*given: Any) -> Iterator[Any]:
        with opened(*given) as predictor:
            began.append((time.perf_counter(), time.process_time()))
            yield predictor
            began.append((time.perf_counter(), time.process_time()))

    run = FileRun(folder / "out", folder / "tasks.jsonl", None, Shard(), 1000, False, folder / "failed", None)
    outcome = run_to_files(Settings(task_limit="all"), Stop(), run, timed)
    if outcome.summary.failed or outcome.summary.stopped:
        raise click.ClickException(str(outcome.summary))
    (start_s, start_cpu_s), (end_s, end_cpu_s) = began
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[0]) * 1024
    found = {"seconds": end_s - start_s, "cpu_s": end_cpu_s - start_cpu_s, "peak_bytes": peak}
    click.echo(orjson.dumps(found).decode())


if __name__ == "__main__":
    main()
