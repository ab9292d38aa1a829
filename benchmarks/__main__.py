"""All that is measured in one run, as one table: `python -m benchmarks`. Writes docs/performance.md.

Every figure stands beside what it is measured against, taken in turns in the same run: absolute times belong to the
machine. Needs the test data (WHOLEBODY_TESTDATA), and nothing else at work on the machine.
"""

import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.bulk import Load, measure_bulk, measure_delay, measure_workers
from benchmarks.cluster import measure_cluster
from benchmarks.file_growth import measure_file_growth
from benchmarks.growth import SIZES, measure_growth
from benchmarks.inputs import ROOT, read_bgr, testdata_folder
from benchmarks.large_images import make_large_png, measure_large_images
from benchmarks.local_server import LocalServer, local_server
from benchmarks.online import backend, measure_clients, measure_one_task, measure_prompt
from benchmarks.process import measure_leaks, measure_peak, measure_start
from benchmarks.rivals import Job
from benchmarks.stand_ins import CROWD, FOLDER, LARGE, MEDIUM, Kind, stand_in_files
from benchmarks.table import Row, markdown
from wholebody.estimation.precision import knows_bfloat16
from wholebody.settings import Precision

PAGE = ROOT / "docs" / "performance.md"
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- /table -->)", re.DOTALL)
FEW = ("000000000785.jpg", "000000040083.jpg", "crowd_crowdpose_103319.jpg")
"""One, three and two people."""
NOBODY = "animal_animalpose_ho105.jpeg"
CROWD_IMAGE, TILED = "rtmlib_demo.jpg", "tiled.jpg"
"""Eight people, and that picture beside itself."""
SMALL = "small networks"
"""Those of the test data, which nobody uses for work: their rows have no target."""
PACKAGES = ("onnxruntime", "openvino", "opencv-python-headless", "numpy", "rtmlib")


class Bench:
    """What the parts share.

    Attributes:
        server: The local server, which has the pictures.
        job: The weights of the test data.
    """

    def __init__(
        self, server: LocalServer, job: Job, pictures: Path, folder: Path, *, requests: int, quick: bool
    ) -> None:
        self.server = server
        self.job = job
        self._pictures = pictures
        self._folder = folder
        self._requests = requests
        self._quick = quick

    def rounds(self, many: int) -> int:
        """How many: one, where it is only to be seen that all of it runs."""
        return 1 if self._quick else many

    def tasks(self, many: int) -> int:
        """How many in a round, likewise."""
        return 6 if self._quick else many

    def pictures(self, *names: str) -> tuple[Path, ...]:
        """Where they are."""
        return tuple(self._pictures / name for name in names)

    def bulk(self) -> Iterator[Row]:
        """Bulk, with the stand-ins and the weights of the test data."""
        for kind in (MEDIUM, LARGE):
            load = Load(f"bulk, {kind.name}", self.pictures(*FEW), self.tasks(12), {"limit": 0.95, "rtmlib": None})
            yield from measure_bulk(self.server, self.stand_in(kind), load, rounds=self.rounds(3))
        yield from self.precisions()
        everyone: dict[str, float | None] = {"limit": None, "rtmlib": None, "script": None}
        few = Load(f"bulk, {SMALL}, 1 to 3 people", self.pictures(*FEW), self.tasks(36), everyone)
        crowd = Load(f"bulk, {SMALL}, crowds", self.pictures(CROWD_IMAGE, TILED), self.tasks(32), {"limit": None})
        yield from measure_bulk(self.server, self.job, few, rounds=self.rounds(3))
        yield from measure_bulk(self.server, self.job, crowd, rounds=self.rounds(2))
        yield measure_delay(self.server, self.stand_in(CROWD), self.pictures(*FEW), tasks=self.tasks(20))

    def precisions(self) -> Iterator[Row]:
        """Bulk in bfloat16, beside the bare sessions in 32-bit floats."""
        if not knows_bfloat16():
            return
        factors: tuple[tuple[Precision, float], ...] = (("fast", 1.7), ("fastest", 1.9))
        for precision, factor in factors:
            job = replace(self.stand_in(MEDIUM), precision=precision)
            load = Load(
                f"bulk, {MEDIUM.name}, PRECISION={precision}", self.pictures(*FEW), self.tasks(12), {"limit": factor}
            )
            yield from measure_bulk(self.server, job, load, rounds=self.rounds(3))

    def online(self) -> Iterator[Row]:
        """Online, likewise."""
        self.server.reset(0, ["a:b"], 0.0)
        for kind, images, rounds in ((MEDIUM, FEW, 9), (CROWD, FEW[:1], 9)):
            job = self.stand_in(kind)
            with backend(job, self._folder) as served:
                given = (self.server, job, kind.name, self.pictures(*images), served.port)
                yield measure_one_task(*given, rounds=self.rounds(rounds), factor=1.05)
                if kind is MEDIUM:
                    yield from self.clients(served.port, kind.name, counts=True)
        with backend(self.job, self._folder) as served:
            for name, pictures in ((f"{SMALL}, 1 to 3 people", FEW), (f"{SMALL}, a crowd", (CROWD_IMAGE,))):
                given = (self.server, self.job, name, self.pictures(*pictures), served.port)
                yield measure_one_task(*given, rounds=self.rounds(25), factor=None)
            yield measure_prompt(self.server, self.job, self.pictures(FEW[0])[0], served.port, rounds=self.rounds(25))
            yield from self.clients(served.port, SMALL, counts=False)

    def clients(self, port: int, name: str, *, counts: bool) -> list[Row]:
        """Many clients of a backend."""
        picture, rounds = self.pictures(FEW[0])[0], self.rounds(5 if counts else 3)
        return measure_clients(self.server, port, picture, rounds, name, counts=counts)

    def start(self) -> Iterator[Row]:
        """Start and imports."""
        yield from measure_start(self.job, self._folder, rounds=self.rounds(3))

    def memory(self) -> Iterator[Row]:
        """Memory."""
        self.server.reset(0, ["a:b"], 0.0)
        images = self.pictures(*FEW, CROWD_IMAGE)
        for job, name, factor in ((self.stand_in(MEDIUM), MEDIUM.name, 1.3), (self.job, SMALL, None)):
            yield measure_peak(self.server, job, name, images, self._folder, factor)
        others, requests = self.pictures(FEW[0], NOBODY), 30 if self._quick else self._requests
        yield measure_leaks(self.server, self.job, others, self._folder, requests)
        large = make_large_png(self.pictures(FEW[0])[0])
        yield measure_large_images(self.server, self.stand_in(MEDIUM), large, self._folder)

    def growth(self) -> Iterator[Row]:
        """Many tasks."""
        sizes = SIZES[: 2 if self._quick else 3]
        yield from measure_growth(self.server, sizes)
        yield from measure_file_growth(sizes)

    def cluster(self) -> Iterator[Row]:
        """Worker processes."""
        yield from measure_cluster(quick=self._quick)
        load = Load(f"bulk, {MEDIUM.name}", self.pictures(*FEW), self.tasks(120), {})
        yield measure_workers(self.server, self.stand_in(MEDIUM), load, self.rounds(3))

    def stand_in(self, kind: Kind) -> Job:
        """The stand-ins as weights."""
        detector, pose = stand_in_files(kind)
        return Job(str(detector), str(pose), kind.pose_wh, (), self.server.url)


PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "bulk": Bench.bulk,
    "online": Bench.online,
    "start": Bench.start,
    "memory": Bench.memory,
    "growth": Bench.growth,
    "cluster": Bench.cluster,
}


def gather_pictures(testdata: Path) -> Path:
    """A folder of the photographs and the crowd beside itself."""
    folder = FOLDER / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FEW, NOBODY, CROWD_IMAGE):
        (folder / name).write_bytes((testdata / "images" / name).read_bytes())
    crowd = read_bgr(folder / CROWD_IMAGE)
    cv2.imwrite(str(folder / TILED), np.concatenate([crowd, crowd], axis=1))
    return folder


def machine() -> str:
    """What it was measured on, in a line."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    weights = "stand-ins of real size, or rtmdet_nano_person and wholebody133_256x192 (small networks)"
    return (
        f"{os.cpu_count()} cores of {cpu[1] if cpu else platform.machine()}, Python {platform.python_version()}, "
        f"{packages}. Weights: {weights}."
    )


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--quick", is_flag=True, help="One round of each, to see that it runs; the figures mean nothing.")
@click.option("--requests", default=600, show_default=True, help="After so many, the backend's memory must be flat.")
def main(parts: tuple[str, ...], quick: bool, requests: int) -> None:
    """Measure, print the table and, if it is the whole one, write it into the page."""
    testdata = testdata_folder()
    if testdata is None:
        raise click.ClickException("no test data; set WHOLEBODY_TESTDATA")
    pictures, models, rows = gather_pictures(testdata), testdata / "models", []
    start = time.monotonic()
    with local_server(pictures) as server, tempfile.TemporaryDirectory() as folder:
        detector, pose = models / "rtmdet_nano_person.onnx", models / "wholebody133_256x192.onnx"
        job = Job(str(detector), str(pose), (192, 256), (), server.url)
        bench = Bench(server, job, pictures, Path(folder), requests=requests, quick=quick)
        for part in parts or PARTS:
            for row in PARTS[part](bench):
                load = os.getloadavg()[0]
                click.echo(f"{time.monotonic() - start:4.0f} s, load {load:.1f}: {' | '.join(row.cells)}", err=True)
                rows.append(row)
    table = f"{machine()}\n\n{markdown(rows)}\n"
    click.echo(table)
    if not (parts or quick):
        PAGE.write_text(TABLE.sub(lambda _: table, PAGE.read_text()))


if __name__ == "__main__":
    main()
