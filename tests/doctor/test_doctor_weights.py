"""What the doctor says of weights that are not what they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor_runner import all_in_order, outcomes, said
from wholebody.estimation import precision
from wholebody.estimation.checksums import write_record
from wholebody.figures import DETECTOR_PATH, POSE_PATH


@pytest.fixture
def pose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A pose network in MODEL_DIR, as a download leaves it but for its record."""
    with all_in_order(monkeypatch):
        monkeypatch.setenv("DET_MODEL", str(DETECTOR_PATH))
        monkeypatch.setenv("POSE_MODEL", "http://127.0.0.1:9/zoo/pose.zip")
        monkeypatch.setenv("MODEL_DIR", str(tmp_path))
        path = tmp_path / "pose.onnx"
        path.write_bytes(POSE_PATH.read_bytes())
        yield path


def test_a_file_that_is_not_what_was_recorded(pose: Path) -> None:
    write_record(pose, "0" * 64)
    status, text = said("weights")
    assert status == "fail"
    assert f"{pose} is changed or cut off: its sha256 begins with" in text
    assert "recorded is 000000000000... -> delete it and start again, or restore it" in text
    assert said("device")[0] == "skip"


def test_the_doctor_records_and_unpacks_nothing(pose: Path) -> None:
    assert said("weights") == ("ok", f"{DETECTOR_PATH}, {pose} -> ")
    pose.rename(pose.with_name("pose.zip"))
    assert outcomes()["weights"]["status"] == "warn"
    assert [path.name for path in pose.parent.iterdir()] == ["pose.zip"]


def test_a_precision_that_this_processor_does_not_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "CPU_FLAGS", tmp_path / "none")
    monkeypatch.setenv("PRECISION", "fast")
    with all_in_order(monkeypatch):
        status, text = said("device")
    assert status == "warn"
    assert text == (
        "PRECISION=fast: this processor does not know bfloat16, so both run as PRECISION=full -> "
        "leave PRECISION away, or use another machine"
    )
