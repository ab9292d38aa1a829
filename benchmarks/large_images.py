"""Clients with very large pictures at once: does the backend's memory stay within what it was allowed?"""

import threading
from pathlib import Path

import click
import cv2
import psutil

from benchmarks.inputs import read_bgr
from benchmarks.local_server import LocalServer
from benchmarks.online import CLIENTS, Client, backend
from benchmarks.process import peak_bytes, reset_peak, worker_of
from benchmarks.rivals import Job
from benchmarks.table import Row
from wholebody.settings import Settings

LARGE_WH = (10_000, 6_000)


def make_large_png(photograph: Path) -> Path:
    """A photograph of 60 megapixels, beside the one that it is made of."""
    path = photograph.with_name("large.png")
    if not path.exists():
        large = cv2.resize(read_bgr(photograph), LARGE_WH, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), large, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    return path


def measure_large_images(server: LocalServer, job: Job, picture: Path, folder: Path) -> Row:
    """The backend's peak while each of eight clients has it predict the picture, and how many were refused."""
    refused: list[str] = []

    def ask() -> None:
        try:
            Client(served.port).predict(f"{server.url}/images/{picture.name}")
        except click.ClickException as error:
            refused.append(str(error))

    with backend(job, folder) as served:
        worker = worker_of(served)
        idle = psutil.Process(worker.pid).memory_info().rss
        reset_peak(worker.pid)
        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        peak = peak_bytes(worker.pid)
    allowed = idle + Settings.model_fields["image_memory_bytes"].default
    megapixels, megabytes = LARGE_WH[0] * LARGE_WH[1] / 1e6, picture.stat().st_size / 1e6
    return Row(
        f"{CLIENTS} clients with a PNG of {megapixels:.0f} megapixels ({megabytes:.0f} MB) each, peak ({len(refused)} "
        "refused): the idle process and IMAGE_MEMORY_BYTES",
        f"{peak / 1e6:.0f} MB",
        f"{idle / 1e6:.0f} + {(allowed - idle) / 1e6:.0f} MB",
        f"{peak / allowed:.2f}",
        "at most 1, none refused",
        peak <= allowed and not refused,
    )
