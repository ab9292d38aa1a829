"""How long `wholebody export` takes over a file of many tasks, and how much memory at its peak.

python -m benchmarks.dataset_export --tasks 100000

Each task has four people with 133 points and a box: 150 kB, so 100,000 tasks are a file of 15 GB.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from wholebody.dataset.coco_reader import CocoImage, CocoPerson
from wholebody.dataset.task_writer import TaskWriter
from wholebody.keypoints import NAMES, Part
from wholebody.labeling.config_writer import write_config

PEOPLE, SIZE_WH, SEED = 4, (640, 480), 0
NAME = "picture.jpg"


@click.command()
@click.option("--tasks", "count", default=1000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where there is space for them.")
def main(count: int, folder: Path | None) -> None:
    """Write the tasks, export them in a process of its own, and say what it took."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "tasks.json"
        write_tasks(path, made_up_task(), count)
        command = [sys.executable, "-m", "wholebody", "export", "--tasks", str(path), "--out", f"{place}/out"]
        started = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    click.echo(f"{count} tasks: {seconds:.0f} s, {1000 * seconds / count:.1f} ms a task, {peak_mb:.0f} MB at the peak")


def made_up_task(noise_px: float = 0.0) -> dict[str, Any]:
    """A task with an annotation of four people, whose points stray from where they are by so many pixels."""
    rng = np.random.default_rng(SEED)
    people = []
    for left in np.linspace(0, SIZE_WH[0], PEOPLE, endpoint=False):
        xy = rng.uniform((left, 0), (left + SIZE_WH[0] / PEOPLE, SIZE_WH[1]), (len(NAMES), 2))
        rows = np.column_stack([xy + rng.normal(0, noise_px, xy.shape), np.full(len(NAMES), 2.0)])
        people.append(CocoPerson((left, 0, left + SIZE_WH[0] / PEOPLE, SIZE_WH[1]), rows, {}))
    writer = TaskWriter.of(write_config(tuple(Part)), "", "annotations")
    task, _ = writer.task(CocoImage({}, NAME, SIZE_WH, people))
    del task["meta"]
    return dict(task)


def write_tasks(path: Path, task: dict[str, Any], count: int) -> None:
    """A file of equal tasks whose pictures are called otherwise."""
    text = json.dumps(task)
    with path.open("w") as stream:
        for number in range(count):
            stream.write("[" if number == 0 else ",")
            stream.write(text.replace(NAME, f"{number}.jpg"))
        stream.write("]")


if __name__ == "__main__":
    main()
