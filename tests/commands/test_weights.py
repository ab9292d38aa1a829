"""What `wholebody weights` says and fetches."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.estimation.test_model_dir import NETWORK, SHA256
from tests.file_host import archive, hosting
from tests.http_server import ScriptedServer
from wholebody.__main__ import main
from wholebody.estimation.checksums import write_record
from wholebody.figures import DETECTOR_PATH

DETECTOR = "yolox_tiny_8xb8-300e_humanart-6f3252f9"
POSE = "rtmw-dw-l-m_simcc-cocktail14_270e-256x192_20231122"


def run(*options: str) -> Result:
    return CliRunner().invoke(main, ["weights", *options])


@pytest.fixture(autouse=True)
def model_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MODE", "lightweight")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def test_it_names_what_to_fetch_and_where_to_put_it(model_dir: Path) -> None:
    done = run()
    assert done.exit_code == 0
    projects = "https://download.openmmlab.com/mmpose/v1/projects"
    copies = "https://huggingface.co/Tau-J/RTMPose/resolve/main"
    assert done.stdout.splitlines() == [
        f"DET_MODEL: {model_dir}/{DETECTOR}.onnx",
        "  not here",
        f"  from {projects}/rtmposev1/onnx_sdk/{DETECTOR}.zip",
        f"  from {copies}/rtmposev1/onnx_sdk/{DETECTOR}.zip",
        f"POSE_MODEL: {model_dir}/{POSE}.onnx",
        "  not here",
        f"  from {projects}/rtmw/onnx_sdk/{POSE}.zip",
        f"  from {copies}/rtmw/onnx_sdk/{POSE}.zip",
    ]
    assert not model_dir.exists()


def test_what_it_downloads_is_all_that_a_machine_without_a_network_needs(
    server: ScriptedServer, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTS_MIRROR", f"{server.url}/weights/")
    server.on("GET", f"/weights/{DETECTOR}.zip", hosting(archive(b"detector")))
    server.on("GET", f"/weights/{POSE}.zip", hosting(archive(NETWORK)))
    assert run("--download").exit_code == 0
    asked = len(server.requests)

    model_dir.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("WEIGHTS_MIRROR")
    done = run("--download")
    assert done.exit_code == 0
    assert f"POSE_MODEL: {tmp_path}/elsewhere/{POSE}.onnx\n  sha256 {SHA256}\n" in done.stdout
    assert len(server.requests) == asked == 2


def test_a_file_that_is_not_what_was_recorded_is_an_error(model_dir: Path) -> None:
    model_dir.mkdir()
    (model_dir / f"{DETECTOR}.onnx").write_bytes(b"other")
    write_record(model_dir / f"{DETECTOR}.onnx", SHA256)
    done = run()
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {model_dir}/{DETECTOR}.onnx is changed or cut off: its sha256 begins with")


def test_a_record_without_its_file_is_what_a_download_must_have(model_dir: Path) -> None:
    model_dir.mkdir()
    write_record(model_dir / f"{DETECTOR}.onnx", SHA256)
    assert f"  not here; must have the sha256 {SHA256}\n" in run().stdout


def test_own_files_have_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DET_MODEL", str(DETECTOR_PATH))
    monkeypatch.setenv("POSE_MODEL", "https://me:secret@host/pose.onnx?key=secret")
    done = run()
    assert done.stdout.count("  from ") == 1
    assert "  from https://host/pose.onnx\n" in done.stdout
