"""Which network calculates in which numbers, and what that changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wholebody.estimation import precision as module
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.precision import Runtime, choose_precision, knows_bfloat16, runtimes
from wholebody.estimation.weights import find_weights, model_version
from wholebody.figures.drawing import draw_figures
from wholebody.settings import Settings

AS_SET, WHOLE, HALF = Runtime("onnxruntime", "f32"), Runtime("openvino", "f32"), Runtime("openvino", "bf16")


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the processor tells of itself; nothing at first."""
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(module, "CPU_FLAGS", path)
    return path


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 avx512vl\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("flags\t\t: fpu avx512f\nmodel name\t: avx512_bf16-less\n", False),
    ],
)
def test_bfloat16_is_known_by_the_flags_of_the_processor(flags: Path, text: str, known: bool) -> None:
    flags.write_text(text)
    assert knows_bfloat16() is known


def test_a_system_that_tells_no_flags_knows_no_bfloat16(flags: Path) -> None:
    assert not flags.exists()
    assert not knows_bfloat16()


@pytest.mark.parametrize(
    ("precision", "expected"), [("full", (AS_SET, AS_SET)), ("fast", (HALF, WHOLE)), ("fastest", (HALF, HALF))]
)
def test_each_network_has_its_own_runtime(precision: Any, expected: tuple[Runtime, Runtime]) -> None:
    assert runtimes("onnxruntime", precision) == expected


def test_without_bfloat16_there_is_nothing_to_gain_and_that_is_said(
    flags: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(mode="figures", precision="fastest")
    loaded = load(settings)
    assert loaded.traits.precision == "full"
    assert loaded.devices == load(Settings(mode="figures")).devices
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [
        "PRECISION=fastest: this processor does not know bfloat16, so there is nothing to gain; running as "
        "PRECISION=full"
    ]
    assert version(settings, loaded) == version(settings, load(Settings(mode="figures")))


def test_full_is_full_on_any_processor(flags: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert choose_precision(Settings(mode="figures")) == "full"
    assert not caplog.records


@pytest.mark.parametrize(("precision", "halves"), [("fast", (True, False)), ("fastest", (True, True))])
def test_people_are_found_and_the_version_tells(flags: Path, precision: Any, halves: tuple[bool, bool]) -> None:
    """OpenVINO calculates in bfloat16 on any processor, if slowly on some: so this runs everywhere."""
    pytest.importorskip("openvino")
    flags.write_text("flags : amx_bf16")
    settings = Settings(mode="figures", precision=precision)
    loaded, full = load(settings), load(Settings(mode="figures"))
    assert tuple("bfloat16" in device for device in loaded.devices.values()) == halves
    assert version(settings, loaded) != version(settings, full)
    bgr = draw_figures(count=3, seed=1, size_wh=(640, 480)).bgr
    found, expected = loaded.estimate(bgr), full.estimate(bgr)
    assert len(found) == len(expected) == 3
    seen = (expected.scores >= 0.3) & (found.scores >= 0.3)
    assert seen.sum() > 300
    assert np.abs(found.keypoints - expected.keypoints)[seen].max() < 3


def load(settings: Settings) -> Estimator:
    return load_estimator(settings, find_weights(settings), threads=1, concurrency=1)


def version(settings: Settings, estimator: Estimator) -> str:
    return model_version(settings, find_weights(settings), estimator.traits)
