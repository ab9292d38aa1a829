"""What a second box prompt on an image costs beside the pose network: `python -m benchmarks.prompt_latency`.

The prompt goes through the Flask app as Label Studio sends it; the pose network alone runs on the very crop that
the prompt led to, in the same session, in turns. `beside` is the median of the differences, round by round.
Absolute times belong to the machine, and to it alone: on a busy one they say little.
"""

import functools
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
from flask.testing import FlaskClient

import model
from benchmarks.inputs import figure_settings, pictures, read_bgr, testdata_settings
from wholebody.config_writer import write_config
from wholebody.decoding import BGR
from wholebody.keypoints import Part
from wholebody.networks import Network
from wholebody.poses import Floats
from wholebody.server import create_app

CONFIG = write_config(list(Part))
WIDENINGS = (0.25, 0.5, 1.0)
"""A box grown to each side by so much of its width and height is tried as the loose one."""


class Recorder:
    """A network that remembers what it was last given."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.batch, self.device = network.batch, network.device
        self.inputs: list[Floats] = []

    def run(self, batch: Floats) -> list[Floats]:
        """Run the network."""
        self.inputs.append(batch)
        return self.network.run(batch)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Standard error is the user's."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which a folder is served meanwhile."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def prompt_body(address: str, bgr: BGR, xyxy: Floats) -> bytes:
    """What Label Studio sends when a box is drawn."""
    height, width = bgr.shape[:2]
    left, top, right, bottom = (xyxy / (width, height, width, height) * 100).tolist()
    value = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0}
    region = {
        "id": "drawn",
        "type": "rectangle",
        "from_name": "prompt_box",
        "to_name": "img",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": value,
        "origin": "manual",
    }
    context = {"result": [region]}
    task = {"id": 1, "data": {"image": address}, "annotations": [], "drafts": [], "predictions": [], "meta": {}}
    params = {"login": None, "password": None, "context": context}
    body = {"tasks": [task], "project": "1.1", "label_config": CONFIG, "params": params}
    return json.dumps(body).encode()


def send(client: FlaskClient, body: bytes) -> None:
    """One prompt, answered."""
    response = client.post("/predict", data=body, content_type="application/json")
    if response.status_code != 200:
        raise click.ClickException(response.text)


def widened(xyxy: Floats, share: float) -> Floats:
    """A box grown to each side by a share of its width and height."""
    size = xyxy[2:] - xyxy[:2]
    return np.concatenate([xyxy[:2] - share * size, xyxy[2:] + share * size])


def find_body(client: FlaskClient, recorder: Recorder, bodies: list[bytes], runs: int) -> bytes | None:
    """The first prompt that takes so many runs of the pose network; what it gave to it is recorded then."""
    for body in bodies:
        recorder.inputs.clear()
        send(client, body)
        if len(recorder.inputs) == runs:
            return body
    return None


def times_ms(rivals: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The times of each, round by round, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(rounds + 1):
        for name, run in sorted(rivals.items(), reverse=bool(number % 2)):
            start = time.perf_counter()
            run()
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


def measure(client: FlaskClient, recorder: Recorder, address: str, path: Path, boxes: Floats, rounds: int) -> float:
    """Print the line of one image; returns the milliseconds that a prompt takes beside the network."""
    bgr = read_bgr(path)
    close = find_body(client, recorder, [prompt_body(address, bgr, box) for box in boxes], runs=1)
    if close is None:
        click.echo(f"{path.name:34} every box is loose")
        return float("nan")
    crop = recorder.inputs[0]
    wide = [prompt_body(address, bgr, widened(box, share)) for share in WIDENINGS for box in boxes]
    loose = find_body(client, recorder, wide, runs=2)
    rivals: dict[str, Callable[[], object]] = {
        "network": lambda: recorder.network.run(crop),
        "prompt": lambda: send(client, close),
    }
    if loose is not None:
        rivals["loose"] = lambda: send(client, loose)
    times = times_ms(rivals, rounds)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    beside = statistics.median(b - a for a, b in zip(times["network"], times["prompt"], strict=True))
    click.echo(
        f"{path.name:34} {medians['network']:9.1f} {medians['prompt']:9.1f} {beside:9.1f} "
        f"{medians['prompt'] / medians['network']:6.2f} {medians.get('loose', float('nan')):9.1f}"
    )
    return beside


@click.command(help=__doc__)
@click.option("--rounds", default=40, show_default=True, help="Calls of each on every image.")
def main(rounds: int) -> None:
    """Measure and print the table."""
    settings, folder = testdata_settings() or figure_settings()
    with mock.patch.object(model, "load_settings", lambda: settings), served(folder) as url:
        annotator = model.load_annotator()
        estimator = annotator._estimator
        recorder = Recorder(estimator._pose)
        estimator._pose = recorder
        client = create_app(model.WholebodyBackend, settings, annotator.model_version).test_client()
        click.echo(f"{annotator.model_version}, {os.cpu_count()} cores, {rounds} rounds, medians in ms\n")
        click.echo(f"{'image':34} {'network':>9} {'prompt':>9} {'beside':>9} {'ratio':>6} {'loose':>9}")
        beside = []
        for path in pictures(folder):
            found = estimator.detect(read_bgr(path))
            if len(found.xyxy):
                beside.append(measure(client, recorder, f"{url}/{path.name}", path, found.xyxy, rounds))
    click.echo(f"\nbeside the network: {np.nanmedian(beside):.1f} ms (median), {np.nanmax(beside):.1f} ms (most)")
    click.echo("A loose box is looked at once more, which takes a second run of the network.")


if __name__ == "__main__":
    main()
