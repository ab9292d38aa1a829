"""What bulk work is measured against, each in a process of its own that runs when told: `python -m benchmarks.rivals`.

One line in, one line out: how many tasks to do, and how many seconds a task took. Each is loaded and warm before
the first, so that the four can take turns within seconds of each other.
"""

import atexit
import contextlib
import io
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import orjson
import requests

from benchmarks.inputs import read_bgr
from benchmarks.local_server import LABELING_CONFIG
from wholebody.estimation.weights import Weights, find_weights
from wholebody.process.cores import count_cores
from wholebody.settings import Precision, Settings

TOKEN = "0" * 40
DELAY_S = 1.0
"""The prefill's default delay, and the script's."""
EDGE = 0.2
"""At each end, so much of a run is not counted: there the pipeline fills and empties."""
TRIAL_ROUNDS, TRIAL_TASKS = 2, 8


@dataclass(frozen=True, slots=True)
class Job:
    """What a rival works on.

    Attributes:
        detector: Path of the ONNX file; `pose` likewise.
        pose_wh: Input size of the pose network in pixels.
        images: Paths of the pictures, which the tasks have in turn.
        url: Where the project and its pictures are.
        delay_s: Between two writes.
        precision: Of ours; the others calculate in 32-bit floats.
        device: As DEVICE has it; of ours and of rtmlib.
        workers: Images that ours has in work at a time beside a GPU; 0 for as many as it takes by itself.
    """

    detector: str
    pose: str
    pose_wh: tuple[int, int]
    images: tuple[str, ...]
    url: str
    delay_s: float = 0.0
    precision: Precision = "full"
    device: str = "cpu"
    workers: int = 0

    def settings(self) -> Settings:
        """The settings of the prefill."""
        return Settings(
            det_model=self.detector,
            pose_model=self.pose,
            det_input_size=(640, 640),
            pose_input_size=self.pose_wh,
            label_studio_url=self.url,
            label_studio_api_token=TOKEN,  # type: ignore[arg-type]
            project_id=1,
            task_limit="all",
            request_delay_seconds=self.delay_s,
            precision=self.precision,
            device=self.device,
            log_level="ERROR",
        )

    @property
    def weights(self) -> Weights:
        """The files."""
        return find_weights(self.settings())


Run = Callable[[int], float]
"""Do so many tasks; seconds a task."""


def prepare_ours(job: Job) -> Run:
    """The prefill command, with its model loaded before."""
    from wholebody import annotator as annotator_module
    from wholebody.annotator import Annotator
    from wholebody.prefill import run as prefill_run
    from wholebody.process.stopping import Stop

    if job.workers:
        annotator_module.GPU_WORKERS = job.workers
    settings = job.settings()
    annotator = Annotator(settings, bulk=True)
    prefill_run.Annotator = lambda *_, **__: annotator  # type: ignore[assignment,misc]

    def run(tasks: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            outcome = prefill_run.run_prefill(settings, Stop(), dry_run=False, failures=Path(folder) / "failures")
        if outcome.summary.failed or outcome.summary.stopped:
            raise click.ClickException(str(outcome.summary))
        return middle(requests.get(f"{job.url}/bench/posted", timeout=10).json())

    return run


def prepare_workers(job: Job) -> Run:
    """The same by a worker process for each core, which are there and warm before the first task."""
    from wholebody.cluster.opening import predict_on_cluster
    from wholebody.labeling.labeling_config import parse_labeling_config
    from wholebody.prefill.run import run_prefill
    from wholebody.process.stopping import Stop

    settings = job.settings()
    for name in ("det_model", "pose_model", "label_studio_url"):
        os.environ[name.upper()] = str(getattr(settings, name))
    for name in ("det_input_size", "pose_input_size"):
        os.environ[name.upper()] = ",".join(map(str, getattr(settings, name)))
    os.environ |= {"LABEL_STUDIO_API_TOKEN": TOKEN, "LOG_LEVEL": "ERROR"}
    config, stop = parse_labeling_config(LABELING_CONFIG), Stop()
    opened = ExitStack()
    predictor = opened.enter_context(predict_on_cluster(settings, config, stop, workers=count_cores()))
    atexit.register(opened.close)

    def run(tasks: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            outcome = run_prefill(
                settings,
                stop,
                dry_run=False,
                failures=Path(folder) / "failures",
                open_predictor=lambda *_: nullcontext(predictor),
            )
        if outcome.summary.failed or outcome.summary.stopped:
            raise click.ClickException(str(outcome.summary))
        return middle(requests.get(f"{job.url}/bench/posted", timeout=10).json())

    return run


def prepare_limit(job: Job) -> Run:
    """The bare sessions on the very inputs, in the best of the ways to run them, and nothing else."""
    work = [network_inputs(job, image) for image in job.images]
    cores = count_cores()
    ways = {
        f"{runs} at a time, {threads} thread(s) each, {batch} crop(s) a run": (
            bare_session(job.detector, threads),
            bare_session(job.pose, threads),
            runs,
            batch,
        )
        for threads, runs in ((1, cores), (cores, 1))
        for batch in (1, 4)
    }
    best = min(ways, key=lambda way: min(run_bare(*ways[way], work, TRIAL_TASKS) for _ in range(TRIAL_ROUNDS)))
    click.echo(f"limit: {best}", err=True)
    return lambda tasks: run_bare(*ways[best], work, tasks)


def prepare_rtmlib(job: Job) -> Run:
    """rtmlib's `Wholebody`, image by image, from files."""
    wholebody = load_rtmlib(job)

    def run(tasks: int) -> float:
        start = time.perf_counter()
        for image in itertools.islice(itertools.cycle(job.images), tasks):
            wholebody(cv2.imread(image))
        return (time.perf_counter() - start) / tasks

    return run


def prepare_script(job: Job) -> Run:
    """List one task, download its picture, infer, post, sleep; and again."""
    wholebody, session = load_rtmlib(job), requests.Session()

    def run(tasks: int) -> float:
        start = time.perf_counter()
        for _ in range(tasks):
            query = '{"filters":{"conjunction":"and","items":[{"filter":"filter:tasks:total_predictions"}]}}'
            page = session.get(f"{job.url}/api/tasks/", params={"page_size": 1, "query": query}, timeout=10).json()
            task = page["tasks"][0]
            content = session.get(task["data"]["image"], timeout=10).content
            bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            keypoints, scores = wholebody(bgr)
            body = {"task": task["id"], "model_version": "script", "result": points_json(keypoints, scores, bgr)}
            session.post(f"{job.url}/api/predictions/", json=body, timeout=10).raise_for_status()
            time.sleep(job.delay_s)
        return (time.perf_counter() - start) / tasks

    return run


RIVALS = {
    "ours": prepare_ours,
    "workers": prepare_workers,
    "limit": prepare_limit,
    "rtmlib": prepare_rtmlib,
    "script": prepare_script,
}


def load_rtmlib(job: Job) -> Any:
    """rtmlib as its user writes it."""
    from rtmlib import Wholebody

    weights = job.weights
    with contextlib.redirect_stdout(io.StringIO()):
        return Wholebody(
            det=str(weights.detector),
            det_input_size=weights.detector_wh[::-1],
            pose=str(weights.pose),
            pose_input_size=weights.pose_wh,
            device=job.device.partition(":")[0],
        )


def points_json(keypoints: Any, scores: Any, bgr: Any) -> list[dict[str, Any]]:
    """Label Studio's regions, as plainly as they can be written."""
    height, width = bgr.shape[:2]
    return [
        {
            "from_name": "body",
            "to_name": "img",
            "type": "keypointlabels",
            "original_width": width,
            "original_height": height,
            "value": {"x": x / width * 100, "y": y / height * 100, "width": 0.5, "keypointlabels": ["nose"]},
        }
        for points, row in zip(keypoints.tolist(), scores.tolist(), strict=True)
        for (x, y), score in zip(points, row, strict=True)
        if score >= 0.3
    ]


def network_inputs(job: Job, image: str) -> tuple[Any, Any]:
    """The detector's input `(1, 3, h, w)` for an image, and the crops `(n, 3, h, w)` of the people that we find."""
    from wholebody.estimation.estimator import load_estimator
    from wholebody.estimation.geometry import Crop, Letterbox
    from wholebody.estimation.tensors import detector_input, write_pose_input

    bgr, weights = read_bgr(Path(image)), job.weights
    found = load_estimator(job.settings(), weights, threads=0, concurrency=1).detect(bgr)
    crops = np.empty((len(found.xyxy), 3, *weights.pose_wh[::-1]), np.float32)
    for crop, planes in zip(Crop.around(found.xyxy, weights.pose_wh), crops, strict=True):
        write_pose_input(crop.cut(bgr), planes)
    letterbox = Letterbox.fit((bgr.shape[1], bgr.shape[0]), weights.detector_wh)
    pixels = detector_input(letterbox.scaled(bgr), weights.detector_wh)
    return pixels, crops


def bare_session(path: str, threads: int) -> Callable[[Any], Any]:
    """An ONNX session and nothing around it."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Otherwise the threads of one network spin against those of the other for 40 ms.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})


def run_bare(detector: Any, pose: Any, runs: int, batch: int, work: list[tuple[Any, Any]], tasks: int) -> float:
    """Seconds a task of the sessions alone."""

    def one(inputs: tuple[Any, Any]) -> float:
        detector(inputs[0])
        for i in range(0, len(inputs[1]), batch):
            pose(inputs[1][i : i + batch])
        return time.perf_counter()

    with ThreadPoolExecutor(runs) as pool:
        return middle(list(pool.map(one, itertools.islice(itertools.cycle(work), tasks))))


def middle(times: list[float]) -> float:
    """Seconds a task by the moments at which they were done, the edges left out.

    The slope of a line through them: the last minus the first would hang on whether two were just done at once.
    """
    edge = int(len(times) * EDGE)
    inner = np.sort(times)[edge : len(times) - edge]
    return float(np.polynomial.Polynomial.fit(np.arange(len(inner)), inner, 1).convert().coef[1])


class Rival:
    """A rival's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, tasks: int) -> float:
        """Seconds a task."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{tasks}\n")
        self._process.stdin.flush()
        return float(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise click.ClickException(f"a rival ended with {self._process.wait()}")
        return line.strip()

    def wait_until_ready(self) -> None:
        """Wait until it is loaded."""
        self._read()


@contextmanager
def rival(kind: str, job: Job) -> Iterator[Rival]:
    """A rival that is loaded and warm."""
    command = [sys.executable, "-m", "benchmarks.rivals", kind, orjson.dumps(asdict(job)).decode()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        started = Rival(process)
        started.wait_until_ready()
        yield started
    finally:
        process.terminate()
        process.communicate()


@click.command(help=__doc__)
@click.argument("kind", type=click.Choice(list(RIVALS)))
@click.argument("job")
def main(kind: str, job: str) -> None:
    """Load, then run as told."""
    given = orjson.loads(job)
    given |= {name: tuple(given[name]) for name in ("pose_wh", "images")}
    run = RIVALS[kind](Job(**given))
    for line in itertools.chain([None], sys.stdin):
        click.echo("ready" if line is None else f"{run(int(line)):.6f}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
