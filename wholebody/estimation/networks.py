"""One ONNX file opened on one device, proved to run there. Knows tensors, not people."""

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wholebody.errors import ModelError
from wholebody.estimation.precision import Numbers
from wholebody.poses import Floats
from wholebody.process.cores import count_cores
from wholebody.settings import BackendType

GPU_CURE = "install requirements-gpu.txt in place of requirements.txt, with a working NVIDIA driver"


class Network(Protocol):
    """An opened network. `run` may be called from several threads.

    Attributes:
        batch: How many inputs the file takes at a time; `None` when it takes any number.
        input_wh: Width and height of its input in pixels; `None` when the file leaves them open.
        device: Where it runs, as the runtime itself says.
    """

    batch: int | None
    input_wh: tuple[int, int] | None
    device: str

    def run(self, batch: Floats) -> list[Floats]:
        """`(b, 3, h, w)` float32 -> the network's outputs in the file's order, which share no memory with it."""


def open_network(
    path: Path, backend: BackendType, device: str, threads: int, runs: int = 1, numbers: Numbers = "f32"
) -> Network:
    """Open an ONNX file.

    Args:
        path: The ONNX file.
        backend: The runtime.
        device: `cpu`, `cuda`, `cuda:N` or `mps`.
        threads: Threads inside one run; 0 for as many as there are cores to use.
        runs: How many runs there will be at a time.
        numbers: The format in which it calculates; bfloat16 is for OpenVINO alone.

    Raises:
        ModelError: The file is no ONNX network, the runtime is not installed, or the device does not work.
    """
    openers: dict[str, Callable[[Path, str, int, int], Network]] = {
        "onnxruntime": _OnnxRuntime,
        "opencv": _OpenCV,
        "openvino": functools.partial(_OpenVINO, numbers=numbers),
    }
    try:
        return openers[backend](path, device, threads or count_cores(), runs)
    except ModelError:
        raise
    except Exception as error:  # each runtime has exceptions of its own; to the user they are one thing
        raise ModelError(f"{path}: {backend} cannot open it: {_one_line(error)}") from None


def _fixed(shape: Sequence[object]) -> tuple[int | None, tuple[int, int] | None]:
    """`(b, 3, h, w)` as a file states it, with names where it leaves something open -> batch; width and height."""
    batch, _, height, width = shape if len(shape) == 4 else (None,) * 4
    size_wh = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return batch if isinstance(batch, int) else None, size_wh


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


class _OnnxRuntime:
    def __init__(self, path: Path, device: str, threads: int, runs: int) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads of a session spin for 40 ms after a run, by default. Two networks that take turns do so against each
        # other: a person took 95 ms that takes 73 without. Within a run they spin as ever, which is faster.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3  # a missing CUDA library is reported by us, once, with its cure
        provider = self._provider(ort, device)
        self._session = ort.InferenceSession(str(path), options, providers=[provider])
        self._session.disable_fallback()
        self.device = str(self._session.get_providers()[0])
        if self.device != provider[0]:
            raise ModelError(
                f"DEVICE={device}: onnxruntime fell back to {self.device}; a CUDA or cuDNN library or the "
                f"driver is missing: {GPU_CURE}"
            )
        source = self._session.get_inputs()[0]
        self._input: str = source.name
        self.batch, self.input_wh = _fixed(source.shape)

    @staticmethod
    def _provider(ort: Any, device: str) -> tuple[str, dict[str, Any]]:
        kind, _, index = device.partition(":")
        names = {"cpu": "CPU", "cuda": "CUDA", "mps": "CoreML"}
        name = f"{names[kind]}ExecutionProvider"
        if name not in ort.get_available_providers():
            cure = GPU_CURE if kind == "cuda" else "only macOS has it; set DEVICE=cpu"
            raise ModelError(f"DEVICE={device}: the installed onnxruntime {ort.__version__} has no {name}: {cure}")
        if kind != "cuda":
            return name, {}
        ort.preload_dlls()
        # The default tries every algorithm again for each new number of crops in a run.
        return name, {"device_id": int(index or 0), "cudnn_conv_algo_search": "HEURISTIC"}

    def run(self, batch: Floats) -> list[Floats]:
        return list(self._session.run(None, {self._input: batch}))


class _OpenCV:
    batch: int | None = 1  # OpenCV fixes every shape at the first run

    def __init__(self, path: Path, device: str, threads: int, runs: int) -> None:
        import cv2

        self._path = path
        self._cv2_error = cv2.error
        self._lock = threading.Lock()
        self._cuda = device.startswith("cuda")
        self.device = "OpenCV CUDA" if self._cuda else "OpenCV CPU"
        cv2.setNumThreads(threads)
        _, self.input_wh = _fixed(_stated_input(path))  # which OpenCV does not tell
        if self._cuda:
            if not cv2.cuda.getCudaEnabledDeviceCount():
                raise ModelError(
                    f"DEVICE={device}: this OpenCV is built without CUDA, as all wheels are; "
                    "set BACKEND_TYPE=onnxruntime or build OpenCV yourself"
                )
            cv2.cuda.setDevice(int(device.partition(":")[2] or 0))
        self._net = self._read()
        self._outputs = self._net.getUnconnectedOutLayersNames()
        self._has_found = False

    def _read(self) -> Any:
        import cv2

        net = cv2.dnn.readNetFromONNX(str(self._path))
        if self._cuda:
            net.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
            net.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
        return net

    def run(self, batch: Floats) -> list[Floats]:
        with self._lock:
            self._net.setInput(batch)
            try:
                outputs = self._net.forward(self._outputs)
            except self._cv2_error as error:
                raise ModelError(
                    f"{self._path}: opencv cannot run it on this image ({_one_line(error)}); "
                    "set BACKEND_TYPE=onnxruntime"
                ) from None
            # A detector with NMS in its graph that finds nobody gives no array at all. If its very first run does
            # so, the labels of all later runs are garbage (seen in OpenCV 5.0.0); a fresh network has no past.
            found = all(output is not None for output in outputs)
            if not found and not self._has_found:
                self._net = self._read()
            self._has_found |= found
        return [np.zeros((1, 0, 5), np.float32) if output is None else np.array(output) for output in outputs]


def _stated_input(path: Path) -> Sequence[object]:
    """The shape that a file states for its input, by the runtime that is always there; `()` where that cannot say."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception:  # of kinds of its own; whether the file can be opened is for the other runtime to say
        return ()
    shape: Sequence[object] = session.get_inputs()[0].shape
    return shape


@functools.cache
def _openvino_core() -> Any:
    """One for the process's life: a signal after the end of a core has crashed the process (OpenVINO 2026)."""
    try:
        from openvino import Core
    except ImportError:
        raise ModelError(
            "BACKEND_TYPE=openvino, and PRECISION other than full, need OpenVINO, which is not installed: "
            "pip install -r requirements-openvino.txt"
        ) from None
    return Core()


class _OpenVINO:
    def __init__(self, path: Path, device: str, threads: int, runs: int, numbers: Numbers) -> None:
        model = _openvino_core().read_model(str(path))
        stated = model.input(0).get_partial_shape()
        self.batch, self.input_wh = _fixed([None if edge.is_dynamic else edge.get_length() for edge in stated])
        config = {
            # A stream each for what runs at a time. Without, the runs of several callers share the threads of one:
            # 4 crops on two cores took 158 ms, with two streams 114.
            "NUM_STREAMS": runs,
            "INFERENCE_NUM_THREADS": threads * runs,
            # Each network would bind its streams to cores, both to the same ones: with both networks here two runs at a
            # time took 406 ms a task instead of 262.
            "ENABLE_CPU_PINNING": False,
            # OpenVINO's own choice on recent processors is bfloat16: that is for PRECISION to say.
            "INFERENCE_PRECISION_HINT": numbers,
        }
        self._compiled = _openvino_core().compile_model(model, device.upper(), config)
        self._requests = threading.local()
        self.device = f"OpenVINO {device.upper()}" + (" in bfloat16" if numbers == "bf16" else "")

    def run(self, batch: Floats) -> list[Floats]:
        if not hasattr(self._requests, "one"):
            self._requests.one = self._compiled.create_infer_request()
        request = self._requests.one
        request.infer({0: batch})
        return [np.array(request.get_output_tensor(i).data) for i in range(len(self._compiled.outputs))]
