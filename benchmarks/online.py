"""`/predict` of a served backend beside the bare sessions: one task, a second prompt, eight clients at once."""

import gzip
import itertools
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from benchmarks.bare import Bare
from benchmarks.inputs import read_bgr
from benchmarks.local_server import HEAD_END, LABELING_CONFIG, LocalServer
from benchmarks.rivals import Job
from benchmarks.table import Row, at_least, at_most, seconds
from tests.gunicorn_server import GunicornServer
from wholebody.estimation.detections import ious
from wholebody.estimation.prompted import TIGHT_IOU, sure_hull
from wholebody.poses import Floats

PAUSE_S = 0.02
"""Between two rivals, as between two requests of one who labels."""
KEPT_S = 1.0
CLIENTS = 8
CLIENTS_RUN_S = 6.0
REQUEST_HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Accept-Encoding: gzip, deflate\r\nContent-Length: %d\r\n\r\n"
)


class Client:
    """One kept connection to the backend, which asks as Label Studio does.

    A bare socket: Python's own client takes half a millisecond for an answer, which is no cost of the backend.
    """

    numbers = itertools.count(1)

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._socket = socket.create_connection(self._address)
        self._used = time.monotonic()

    def predict(self, image: str, task_id: int = 0, context: object = None) -> float:
        """One task, another each time unless a number is given; returns the seconds until its answer was there."""
        task = {"id": task_id or next(self.numbers), "data": {"image": image}}
        body = orjson.dumps({"tasks": [task], "label_config": LABELING_CONFIG, "params": {"context": context}})
        if time.monotonic() - self._used > KEPT_S:  # gunicorn has closed it
            self._socket.close()
            self._socket = socket.create_connection(self._address)
        start = time.perf_counter()
        self._socket.sendall(REQUEST_HEAD % len(body) + body)
        head, content = self._receive()
        taken = time.perf_counter() - start
        self._used = time.monotonic()
        status = head.split(b" ")[1]
        answer = orjson.loads(gzip.decompress(content) if b"Content-Encoding: gzip" in head else content)
        if status != b"200" or not answer["results"][0]:
            raise click.ClickException(f"/predict of {image}: HTTP {status.decode()} {str(answer)[:300]}")
        return taken

    def _receive(self) -> tuple[bytes, bytes]:
        """Head and body of an answer."""
        received, end, length = b"", -1, 0
        while end < 0 or len(received) < end + length:
            piece = self._socket.recv(1 << 20)
            if not piece:
                raise click.ClickException("the backend has closed the connection")
            received += piece
            if end < 0 and (end := received.find(HEAD_END)) >= 0:
                length = int(received[:end].partition(b"Content-Length: ")[2].split(b"\r\n")[0])
                end += len(HEAD_END)
        return received[:end], received[end:]


@contextmanager
def backend(job: Job, folder: Path, **environment: str) -> Iterator[GunicornServer]:
    """The backend as `make serve` starts it."""
    width, height = job.pose_wh
    given = {
        "DET_MODEL": job.detector,
        "POSE_MODEL": job.pose,
        "POSE_INPUT_SIZE": f"{width},{height}",
        "LOG_LEVEL": "WARNING",
    }
    with GunicornServer("_wsgi:app", folder, **given | environment) as server:
        yield server


def measure_one_task(
    server: LocalServer, job: Job, name: str, images: Sequence[Path], port: int, rounds: int, factor: float | None
) -> Row:
    """The medians of some images, averaged."""
    bare, client, found = Bare(job), Client(port), []
    for path in images:
        address = f"{server.url}/images/{path.name}"
        whole = bare.whole(read_bgr(path))
        found.append(in_turns(partial(client.predict, address), partial(seconds, whole), rounds))
    ours, theirs = np.mean(found, axis=0)
    return at_most(f"/predict of one task, {name}: the bare sessions", ours, theirs, factor, 0.005)


def measure_prompt(server: LocalServer, job: Job, path: Path, port: int, rounds: int) -> Row:
    """A second box on the same image."""
    bare, client, bgr = Bare(job), Client(port), read_bgr(path)
    box = tight_box(bare, bgr)
    context = {"result": [drawn(bgr, box)]}
    address = f"{server.url}/images/{path.name}"
    ours, theirs = in_turns(
        partial(client.predict, address, task_id=10**9, context=context),
        partial(seconds, bare.crops(bgr, box[None])),
        rounds,
    )
    return at_most("a second prompt: the bare pose network", ours, theirs, None)


def measure_clients(server: LocalServer, port: int, path: Path, rounds: int, name: str, *, counts: bool) -> list[Row]:
    """Eight at once beside one alone, in turns; `counts` says whether there are targets."""
    address = f"{server.url}/images/{path.name}"
    alone, together, slowest = [], [], []
    for _ in range(rounds):
        alone.append(throughput(port, address, 1)[0])
        rate, taken = throughput(port, address, CLIENTS)
        together.append(rate)
        slowest.append((float(np.percentile(taken, 99)), CLIENTS / rate))  # beside the round's own share
    one, eight = statistics.median(alone), statistics.median(together)
    p99, share = sorted(slowest, key=lambda round_: round_[0] / round_[1])[len(slowest) // 2]
    what = f"{CLIENTS} clients at once, {name}"
    return [
        at_least(f"{what}: one client's throughput", 1 / eight, 1 / one, 0.95 if counts else None, "tasks"),
        at_most(f"{what}, p99: the fair share", p99, share, 1.5 if counts else None),
    ]


def throughput(port: int, address: str, clients: int) -> tuple[float, list[float]]:
    """Tasks a second, and how long each took."""
    taken: list[float] = []
    end = time.perf_counter() + CLIENTS_RUN_S

    def ask() -> None:
        client = Client(port)
        while time.perf_counter() < end:
            taken.append(client.predict(address))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken) / (time.perf_counter() - start), taken


def in_turns(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> tuple[float, float]:
    """The medians of the seconds that both tell."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for place in (0, 1) if number % 2 else (1, 0):
            time.sleep(PAUSE_S)
            taken = (ours, theirs)[place]()
            if number:  # the first round warms up
                times[place].append(taken)
    return statistics.median(times[0]), statistics.median(times[1])


def tight_box(bare: Bare, bgr: Any) -> Floats:
    """A box that the backend looks at once: one whose person fills it."""
    for box in bare.estimator.detect(bgr).xyxy:
        hull = sure_hull(bare.estimator.pose(bgr, box[None], np.ones(1, np.float32)), 0)
        if hull is None or ious(box[None], hull)[0] >= TIGHT_IOU:
            return box
    raise click.ClickException("every box in the picture is loose")


def drawn(bgr: Any, xyxy: Floats) -> dict[str, Any]:
    """The region that Label Studio sends when a box is drawn."""
    height, width = bgr.shape[:2]
    left, top, right, bottom = (xyxy / (width, height, width, height) * 100).tolist()
    return {
        "id": "drawn",
        "type": "rectangle",
        "from_name": "prompt_box",
        "to_name": "img",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0},
        "origin": "manual",
    }
