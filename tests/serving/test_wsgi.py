"""The backend as gunicorn serves it, in a process of its own."""

import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(cwd: Path, port: int, **environment: str) -> subprocess.Popen[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "_wsgi:app"]
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={
            **clean,
            "PYTHONPATH": str(ROOT),
            "MODE": "figures",
            "PORT": str(port),
            "HOST": "127.0.0.1",
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def url(tmp_path: Path, port: int) -> Iterator[str]:
    process = start(tmp_path, port)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                if requests.get(address + "/ready", timeout=60).status_code == 200:
                    break
            except requests.ConnectionError:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_it_serves_once_the_model_is_loaded_and_stops_when_told(url: str) -> None:
    version = requests.get(url + "/ready", timeout=5).json()["model_version"]
    assert version.startswith("wholebody-figures-")
    assert requests.get(url + "/health", timeout=5).json() == {"status": "UP", "model_class": "WholebodyBackend"}
    assert requests.post(url + "/predict", data="?", timeout=5).status_code == 400


@pytest.mark.parametrize("host", ["x86_64-conda-linux-gnu", "0.0.0.0:9090"])
def test_host_that_is_none_ends_the_start_with_one_line(tmp_path: Path, port: int, host: str) -> None:
    process = start(tmp_path, port, HOST=host)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors.startswith(f"error: HOST={host!r}: ")
    assert len(errors.splitlines()) == 1


def test_the_status_line_says_what_is_wrong(url: str) -> None:
    """As `requests` tells it to Label Studio, which shows its user nothing else."""
    context = {"result": [{"type": "brush\r\nX-Injected: 1", "from_name": "ä"}]}
    sent = {"tasks": [{"id": 1}], "label_config": write_config([Part.BODY]), "params": {"context": context}}
    refused = requests.post(url + "/predict", json=sent, timeout=5)
    message = r"a prompt of type 'brush\r\nX-Injected: 1' says nothing about people: draw a box or click"
    assert (refused.status_code, refused.reason, refused.json()["error"]) == (400, message, message)
    context["result"] = [{"type": "rectangle", "to_name": "ä\n"}]
    refused = requests.post(url + "/predict", json=sent, timeout=5)
    assert refused.reason.startswith(r"the prompt was drawn on '?\n', which has no keypoints to fill")
    assert refused.json()["error"].startswith(r"the prompt was drawn on 'ä\n', which")
    with pytest.raises(requests.HTTPError, match=r"^400 Client Error: the prompt was drawn on "):
        refused.raise_for_status()


@pytest.mark.parametrize(
    ("host", "bind"),
    [("0.0.0.0", "0.0.0.0:9090"), ("localhost", "localhost:9090"), ("::", "[::]:9090"), ("::1", "[::1]:9090")],
)
def test_where_it_listens(monkeypatch: pytest.MonkeyPatch, host: str, bind: str) -> None:
    monkeypatch.setenv("HOST", host)
    assert runpy.run_path(str(ROOT / "gunicorn.conf.py"))["bind"] == bind


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"THREADS": "many"}, "error: THREADS='many': Input should be a valid integer, unable to parse string as an"),
        ({"DET_MODEL": "/no/such.onnx"}, "error: DET_MODEL='/no/such.onnx': no such file"),
        ({"DEVICE": "mps"}, "error: DEVICE=mps: the installed onnxruntime"),
        (
            {
                "LABEL_STUDIO_URL": "http://127.0.0.1:1",
                "LABEL_STUDIO_API_TOKEN": "e30.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.x",
            },
            "error: LABEL_STUDIO_API_TOKEN is an access token, which lives five minutes; give the personal",
        ),
    ],
)
def test_what_cannot_work_ends_in_one_line(
    tmp_path: Path, port: int, environment: dict[str, str], message: str
) -> None:
    process = start(tmp_path, port, **environment)
    errors = process.communicate(timeout=30)[1]
    assert process.returncode not in (0, None)
    assert "Traceback" not in errors
    (line,) = {line for line in errors.splitlines() if line.startswith("error: ")}
    assert line.startswith(message)
