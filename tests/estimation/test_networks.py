"""What ONNX Runtime is asked for on each device, as far as that can be seen without one."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from wholebody.errors import ModelError
from wholebody.estimation.networks import _OnnxRuntime, open_network
from wholebody.figures import DETECTOR_PATH


def runtime(*providers: str) -> Any:
    """What is used of the `onnxruntime` package, with these providers."""
    loaded: list[str] = []
    return SimpleNamespace(
        __version__="1.99",
        get_available_providers=lambda: [f"{name}ExecutionProvider" for name in providers],
        preload_dlls=lambda: loaded.append("dlls"),
        loaded=loaded,
    )


@pytest.mark.parametrize(("device", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:3", 3)])
def test_cuda_does_not_try_all_algorithms_for_each_number_of_crops(device: str, index: int) -> None:
    cuda = runtime("CUDA", "CPU")
    options = {"device_id": index, "cudnn_conv_algo_search": "HEURISTIC"}
    assert _OnnxRuntime._provider(cuda, device) == ("CUDAExecutionProvider", options)
    assert cuda.loaded == ["dlls"]


@pytest.mark.parametrize(("device", "provider"), [("cpu", "CPU"), ("mps", "CoreML")])
def test_other_devices_have_no_options(device: str, provider: str) -> None:
    plain = runtime("CPU", "CoreML")
    assert _OnnxRuntime._provider(plain, device) == (f"{provider}ExecutionProvider", {})
    assert plain.loaded == []


@pytest.mark.parametrize(("device", "cure"), [("cuda:1", "install requirements-gpu.txt"), ("mps", "only macOS has it")])
def test_a_device_that_this_onnxruntime_has_not(device: str, cure: str) -> None:
    with pytest.raises(ModelError, match=rf"DEVICE={device}: the installed onnxruntime 1\.99 has no .*: {cure}"):
        _OnnxRuntime._provider(runtime("CPU"), device)


def test_threads_rest_after_a_run() -> None:
    """By default they spin for 40 ms and more, against those of the other network."""
    script = """
import sys, time
import numpy as np
from pathlib import Path
from wholebody.estimation.networks import open_network
network = open_network(Path(sys.argv[1]), "onnxruntime", "cpu", threads=2)
network.run(np.zeros((1, 3, 640, 640), np.float32))
before = time.process_time()
time.sleep(0.3)
print(time.process_time() - before)
"""
    ran = subprocess.run([sys.executable, "-c", script, str(DETECTOR_PATH)], capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 0.02


def onnx_file(folder: Path, batch: str | None, outputs: dict[str, tuple[int | str | None, ...] | None]) -> Path:
    """A network whose outputs are those columns of its input `(b, 3)` that are above zero in the first row.

    Args:
        batch: What it calls the first axis of its input.
        outputs: What it says of their shapes; one named as the input is the input itself.
    """
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0])
    first = helper.make_tensor("first", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("Gather", ["input", "first"], ["row"], axis=0),
        helper.make_node("Greater", ["row", "zero"], ["above"]),
        helper.make_node("Squeeze", ["above", "first"], ["chosen"]),
        *(helper.make_node("Compress", ["input", "chosen"], [name], axis=1) for name in outputs if name != "input"),
    ]
    claimed = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    graph = helper.make_graph(nodes, "net", [source], claimed, [zero, first])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "network.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("batch", "outputs", "steady", "bound"),
    [
        ("b", {"x": ("b", 3), "y": ("b", 3)}, True, True),
        # a detector's
        ("b", {"x": ("b", 3), "y": ("b", 3)}, False, False),
        # what it is, only the run will tell
        ("b", {"x": ("b", 3), "y": ("b", "n")}, True, False),
        ("b", {"x": ("b", 3), "y": None}, True, False),
        ("b", {"x": ("c", 3)}, True, False),
        (None, {"x": (None, 3)}, True, False),
        # which is not true of every run
        ("b", {"x": (1, 3)}, True, False),
        ("b", {"x": ("b", 3), "input": ("b", 3)}, True, False),
    ],
)
def test_outputs_of_stated_shape_are_arrays_of_ours(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    batch: str | None,
    outputs: dict[str, tuple[int | str | None, ...] | None],
    steady: bool,
    bound: bool,
) -> None:
    network = open_network(onnx_file(tmp_path, batch, outputs), "onnxruntime", "cpu", threads=1, steady=steady)
    into: list[int] = []
    really = ort.InferenceSession.run_with_iobinding
    monkeypatch.setattr(ort.InferenceSession, "run_with_iobinding", lambda *given: (into.append(1), really(*given))[1])
    strided = np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2] + 1
    batches = [np.arange(6, dtype=np.float32).reshape(2, 3) + 1, np.full((1, 3), 7, np.float32), strided]
    found = [network.run(one) for one in batches]
    for one, arrays in zip(batches, found, strict=True):
        assert len(arrays) == len(outputs)
        for array in arrays:
            np.testing.assert_array_equal(array, one)  # though there have been runs since
    assert len(into) == (3 if bound else 0)


def test_a_detector_finds_as_many_as_there_are_whatever_its_file_says(tmp_path: Path) -> None:
    network = open_network(onnx_file(tmp_path, "b", {"x": ("b", 3)}), "onnxruntime", "cpu", threads=1)
    assert [network.run(np.array([row], np.float32))[0].shape for row in ([1, 2, 3], [0, 1, 2])] == [(1, 3), (1, 2)]
