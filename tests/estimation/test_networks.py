"""What ONNX Runtime is asked for on each device, as far as that can be seen without one."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from wholebody.errors import ModelError
from wholebody.estimation.networks import _OnnxRuntime
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
