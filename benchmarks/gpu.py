"""All that is measured on a GPU, in one run of at most eight minutes: `make bench DEVICE=cuda`.

Needs an NVIDIA driver, an environment with requirements-gpu.txt and requirements-dev.txt, and the test data
(WHOLEBODY_TESTDATA). `--device cpu` shows on any machine that it runs; what only a GPU has is left out then, and said.
"""

import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import onnx
import requests

from benchmarks.__main__ import FEW, gather_pictures, machine
from benchmarks.bulk import Load, measure_bulk, prefill_alone
from benchmarks.inputs import read_bgr, testdata_folder
from benchmarks.local_server import LABELING_CONFIG, LocalServer, local_server
from benchmarks.online import backend
from benchmarks.rivals import EDGE, Job
from benchmarks.stand_ins import CROWD, DETECTOR_WH, FOLDER, MEDIUM, Kind, stand_in_files
from benchmarks.table import Row, at_most, markdown, median_of_rounds, seconds

CROPS = (1, 4, 16, 64)
RUNS, ROUNDS = 10, 5
MOST_APART_PX = 0.1
FULL_HD, FULL_HD_NAME = (1920, 1080), "full_hd.jpg"
MOST_IDLE = 0.2
WORKERS = (4, 8, 16)
"""Images decoded, cut and written at a time beside the GPU; the first is what the product takes."""


class GpuBench:
    """What the parts share.

    Attributes:
        device: As DEVICE has it.
        left_out: What could not be measured here, and why.
    """

    def __init__(self, server: LocalServer, testdata: Path, pictures: Path, folder: Path, device: str, quick: bool):
        self.device = device
        self.left_out: list[str] = []
        self._server = server
        self._models = testdata / "models"
        self._pictures = pictures
        self._folder = folder
        self._quick = quick

    @property
    def on_gpu(self) -> bool:
        """Whether it is one."""
        return self.device.startswith("cuda")

    def job(self, kind: Kind | None) -> Job:
        """A pair of stand-ins, or the weights of the test data."""
        if kind is None:
            files = (self._models / "rtmdet_nano_person.onnx", self._models / "wholebody133_256x192.onnx")
        else:
            files = stand_in_files(kind)
        wh = kind.pose_wh if kind else (192, 256)
        return Job(str(files[0]), str(files[1]), wh, (), self._server.url, device=self.device)

    def answers(self) -> Iterator[Row]:
        """The backend's points on the device beside those on the processor, for the test data's pictures."""
        found = {}
        for device in (self.device, "cpu"):
            job = replace(self.job(None), device=device)
            with backend(job, self._folder, DEVICE=device) as served:
                found[device] = [_points(served.port, self._server, path) for path in self._photographs()]
        apart = [
            float(np.hypot(*np.subtract(xy, there[name])))
            for here, there in zip(found[self.device], found["cpu"], strict=True)
            for name, xy in here.items()
            if name in there
        ]
        count = sum(len(points) for points in found["cpu"])
        cells = (f"{np.median(apart):.3f} px", f"{np.percentile(apart, 99):.2f} px at the 99th percentile")
        what = f"/predict on {self.device}: points of the processor ({len(apart)} of {count} in both)"
        yield Row(what, *cells, "", f"median under {MOST_APART_PX} px", bool(np.median(apart) < MOST_APART_PX))

    def networks(self) -> Iterator[Row]:
        """The stand-ins by themselves, as the product opens them, and in other ways."""
        detector, pose = map(Path, stand_in_files(MEDIUM))
        width, height = DETECTOR_WH
        pose_w, pose_h = MEDIUM.pose_wh
        rng = np.random.default_rng(1)
        inputs = {"detector": (detector, rng.random((1, 3, height, width), np.float32))}
        inputs |= {
            f"pose network, {n} crops": (pose, rng.random((n, 3, pose_h, pose_w), np.float32))
            for n in (CROPS[:2] if self._quick else CROPS)
        }
        for name, (path, batch) in inputs.items():
            yield from self._network(name, path, batch)

    def bulk(self) -> Iterator[Row]:
        """The prefill beside rtmlib's loop, with the stand-ins."""
        tasks, rounds = (8, 1) if self._quick else (120, 2)
        for kind, factor in ((MEDIUM, 3.0), (CROWD, 5.0)):
            name = f"bulk on {self.device}, {kind.people} people in a picture"
            load = Load(name, tuple(self._pictures / one for one in FEW), tasks, {"rtmlib": factor})
            yield from measure_bulk(self._server, self.job(kind), load, rounds)

    def hands(self) -> Iterator[Row]:
        """More images in work beside the GPU."""
        if not self.on_gpu:
            self.left_out.append("more images in work at a time: only for a GPU")
            return
        tasks, rounds = (8, 1) if self._quick else (120, 2)
        load = Load("", (self._full_hd(),), tasks, {})
        with ExitStack() as stack:
            jobs = {count: replace(self.job(MEDIUM), workers=count) for count in WORKERS}
            runs = {
                str(count): stack.enter_context(prefill_alone(self._server, job, load)) for count, job in jobs.items()
            }
            times = median_of_rounds(runs, rounds)
        for count in WORKERS[1:]:
            yield at_most(f"{WORKERS[0]} images in work: {count}", times[str(WORKERS[0])], times[str(count)], None)

    def idle(self) -> Iterator[Row]:
        """How much of the time the GPU does nothing in bulk, with JPEGs of 1920x1080."""
        if not self.on_gpu:
            self.left_out.append("idle time: only of a GPU")
            return
        tasks = 8 if self._quick else 300
        load = Load("", (self._full_hd(),), tasks, {})
        with prefill_alone(self._server, self.job(MEDIUM), load) as run, watched_gpu() as used:
            taken = run()
        edge = int(len(used) * EDGE)  # where the pipeline fills and empties
        idle = 1 - statistics.fmean(used[edge : len(used) - edge] or [0]) / 100
        what = f"idle time of the GPU in bulk, {1 / taken:.0f} tasks/s of 1920x1080"
        yield Row(what, f"{idle:.0%}", "", "", f"under {MOST_IDLE:.0%}", idle < MOST_IDLE)

    def _network(self, name: str, path: Path, batch: np.ndarray) -> Iterator[Row]:
        product = session_run(path, self.device, batch, {})
        others: dict[str, Callable[[], Callable[[], object]]] = {
            "outputs bound": lambda: session_run(path, self.device, batch, {}, bound=True),
        }
        if self.on_gpu:
            others |= {
                "fp16 weights": lambda: session_run(half(path, self._folder), self.device, batch, {}),
                "exhaustive search": lambda: session_run(
                    path, self.device, batch, {"cudnn_conv_algo_search": "EXHAUSTIVE"}
                ),
                "largest workspace": lambda: session_run(
                    path, self.device, batch, {"cudnn_conv_use_max_workspace": "1"}
                ),
                "CUDA graph": lambda: session_run(path, self.device, batch, {"enable_cuda_graph": "1"}, bound=True),
                "fp16 weights, CUDA graph": lambda: session_run(
                    half(path, self._folder), self.device, batch, {"enable_cuda_graph": "1"}, bound=True
                ),
                "TensorRT, fp16": lambda: session_run(
                    path, self.device, batch, {"trt_fp16_enable": "1"}, provider="TensorrtExecutionProvider"
                ),
            }
        for other, open_it in others.items():
            try:
                run = open_it()
            except Exception as error:  # of kinds of its own; the others are still to be measured
                self.left_out.append(f"{name}, {other}: {' '.join(str(error).split())[:160]}")
                continue
            times = median_of_rounds(
                {"ours": partial(_mean_seconds, product), "other": partial(_mean_seconds, run)},
                1 if self._quick else ROUNDS,
            )
            yield at_most(f"{name}, as the product runs it: {other}", times["ours"], times["other"], None)

    def _photographs(self) -> list[Path]:
        return [self._pictures / name for name in FEW]

    def _full_hd(self) -> Path:
        path = self._pictures / FULL_HD_NAME
        cv2.imwrite(str(path), cv2.resize(read_bgr(self._pictures / FEW[0]), FULL_HD))
        return path


PARTS: dict[str, Callable[[GpuBench], Iterator[Row]]] = {
    "answers": GpuBench.answers,
    "networks": GpuBench.networks,
    "bulk": GpuBench.bulk,
    "hands": GpuBench.hands,
    "idle": GpuBench.idle,
}


def session_run(
    path: Path, device: str, batch: np.ndarray, options: dict[str, str], *, bound: bool = False, provider: str = ""
) -> Callable[[], object]:
    """A session, warm, as something to be called.

    Args:
        path: The ONNX file.
        device: As DEVICE has it.
        batch: Its input, float32.
        options: Of the provider.
        bound: Input and outputs stay on the device, at one place.
        provider: Another than the device's usual one.

    Raises:
        RuntimeError: The provider is not the one that was asked for.
    """
    import onnxruntime as ort

    on_gpu = device.startswith("cuda")
    if on_gpu:
        ort.preload_dlls()
        options = {"device_id": device.partition(":")[2] or "0", "cudnn_conv_algo_search": "HEURISTIC"} | options
    wanted = provider or ("CUDAExecutionProvider" if on_gpu else "CPUExecutionProvider")
    if provider:
        options = {key: value for key, value in options.items() if not key.startswith("cudnn")}
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    session = ort.InferenceSession(str(path), settings, providers=[(wanted, options)])
    if session.get_providers()[0] != wanted:
        raise RuntimeError(f"{wanted} cannot be had here")
    source = session.get_inputs()[0]
    batch = batch.astype(np.float16) if source.type == "tensor(float16)" else batch
    if not bound:
        run: Callable[[], object] = lambda: session.run(None, {source.name: batch})  # noqa: E731
    else:
        place = "cuda" if on_gpu else "cpu"
        binding = session.io_binding()
        value = ort.OrtValue.ortvalue_from_numpy(batch, place, 0)
        binding.bind_ortvalue_input(source.name, value)
        for output, shape, kind in _outputs(session, batch, source.name):
            binding.bind_ortvalue_output(output, ort.OrtValue.ortvalue_from_shape_and_type(shape, kind, place, 0))

        def run() -> object:
            value.update_inplace(batch)
            session.run_with_iobinding(binding)
            return binding.copy_outputs_to_cpu()

    for _ in range(3):
        run()
    return run


def half(path: Path, folder: Path) -> Path:
    """A file whose weights and arithmetic are float16, its input and outputs float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made = folder / f"half_{path.name}"
    if not made.exists():
        onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), made)
    return made


@contextmanager
def watched_gpu() -> Iterator[list[int]]:
    """How busy the GPU is in percent, five times a second, as nvidia-smi says."""
    used: list[int] = []
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield used
    finally:
        process.terminate()
        assert process.stdout is not None
        used += [int(line) for line in process.stdout.read().split() if line.isdecimal()]
        process.wait()


def _outputs(session: Any, batch: np.ndarray, name: str) -> list[tuple[str, Sequence[int], Any]]:
    """Name, shape and dtype of each output for a batch."""
    found = session.run(None, {name: batch})
    names = [output.name for output in session.get_outputs()]
    return [(one, array.shape, array.dtype.type) for one, array in zip(names, found, strict=True)]


def _points(port: int, server: LocalServer, path: Path) -> dict[tuple[int, str], tuple[float, float]]:
    """The keypoints of a picture in pixels, by person and name."""
    body = {
        "tasks": [{"id": 1, "data": {"image": f"{server.url}/images/{path.name}"}}],
        "label_config": LABELING_CONFIG,
    }
    answer = requests.post(f"http://127.0.0.1:{port}/predict", json=body, timeout=120)
    answer.raise_for_status()
    people: dict[str, int] = {}
    points = {}
    for region in answer.json()["results"][0]["result"]:
        value = region["value"]
        if labels := value.get("keypointlabels"):
            person = people.setdefault(region.get("parentID", ""), len(people))
            x, y = (value[axis] / 100 * region[f"original_{side}"] for axis, side in (("x", "width"), ("y", "height")))
            points[person, labels[0]] = (x, y)
    return points


def _mean_seconds(run: Callable[[], object]) -> float:
    return seconds(lambda: [run() for _ in range(RUNS)]) / RUNS


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--device", default="cuda", show_default=True)
@click.option("--quick", is_flag=True, help="One round of each, to see that it runs; the figures mean nothing.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the table, as Markdown.")
def main(parts: tuple[str, ...], device: str, quick: bool, out: Path | None) -> None:
    """Measure, and print the table."""
    testdata = testdata_folder()
    if testdata is None:
        raise click.ClickException("no test data; set WHOLEBODY_TESTDATA")
    FOLDER.mkdir(exist_ok=True)
    start, rows = time.monotonic(), []
    pictures = gather_pictures(testdata)
    with local_server(pictures) as server, tempfile.TemporaryDirectory() as folder:
        bench = GpuBench(server, testdata, pictures, Path(folder), device, quick)
        for part in parts or PARTS:
            try:
                for row in PARTS[part](bench):
                    click.echo(f"{time.monotonic() - start:4.0f} s: {' | '.join(row.cells)}", err=True)
                    rows.append(row)
            except (click.ClickException, RuntimeError, requests.RequestException) as error:
                bench.left_out.append(f"{part}: {error}")
    lines = [_device_name(device), "", markdown(rows), "", *(f"* Left out: {one}" for one in bench.left_out)]
    click.echo("\n".join(lines))
    if out:
        out.write_text("\n".join(lines) + "\n")


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return machine()
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError):
        return f"{subprocess.run(asked, capture_output=True, text=True).stdout.strip()}; {machine()}"
    return f"no nvidia-smi here; {machine()}"


if __name__ == "__main__":
    main()
