"""How long `wholebody evaluate` takes over a file of many tasks, and how much memory at its peak.

python -m benchmarks.evaluation --tasks 10000

Each task has a prediction and an annotation of four people with 133 points, all of them moved: 350 kB, so 100,000 tasks
are a file of 35 GB. They come through a pipe, so that no disk must hold them.
"""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click

from benchmarks.dataset_export import made_up_task, write_tasks

MOVED_PX = 4.0


@click.command()
@click.option("--tasks", "count", default=1000, show_default=True)
def main(count: int) -> None:
    """Evaluate the tasks in a process of its own, and say what it took."""
    task = made_up_task()
    result = task["annotations"][0]["result"]
    predicted = made_up_task(MOVED_PX)["annotations"][0]["result"]
    for one, other in zip(predicted, result, strict=True):
        one |= {"id": other["id"], "score": 0.5} | ({"parentID": other["parentID"]} if "parentID" in other else {})
    task["predictions"] = [{"model_version": "made-up", "score": 0.5, "result": predicted}]
    task["annotations"][0]["completed_by"] = 1
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "tasks.json"
        os.mkfifo(path)
        command = [sys.executable, "-m", "wholebody", "evaluate", "--tasks", str(path), "--out", f"{place}/out"]
        writer = threading.Thread(target=write_tasks, args=(path, task, count))
        writer.start()
        started = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - started
        writer.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own_ms = 1000 * (used.ru_utime + used.ru_stime) / count
    click.echo(
        f"{count} tasks: {seconds:.0f} s, {own_ms:.1f} ms of a core a task, {used.ru_maxrss / 1024:.0f} MB at the peak"
    )


if __name__ == "__main__":
    main()
