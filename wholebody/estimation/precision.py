"""In which number format each of the two networks calculates, and what runs it then. Opens no network."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wholebody.settings import BackendType, Precision, Settings

log = logging.getLogger(__name__)

Numbers = Literal["f32", "bf16"]

CPU_FLAGS = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""OpenVINO offers bfloat16 on processors without it too, where it converts back and forth, which takes longer."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs a network.

    Attributes:
        backend: The library.
        numbers: The format in which it calculates: 32-bit floats or bfloat16.
    """

    backend: BackendType
    numbers: Numbers


def knows_bfloat16() -> bool:
    """Whether this machine's processor multiplies in bfloat16. Linux alone tells; elsewhere it counts as no."""
    try:
        words = CPU_FLAGS.read_text().split()
    except OSError:
        return False
    return not BFLOAT16_FLAGS.isdisjoint(words)


def choose_precision(settings: Settings) -> Precision:
    """The precision that this machine can have: as PRECISION says, or full, which is said then."""
    if settings.precision == "full" or knows_bfloat16():
        return settings.precision
    log.warning(
        "PRECISION=%s: this processor does not know bfloat16, so there is nothing to gain; running as PRECISION=full",
        settings.precision,
    )
    return "full"


def runtimes(backend: BackendType, precision: Precision) -> tuple[Runtime, Runtime]:
    """What runs the detector and the pose network.

    Of the runtimes OpenVINO alone calculates in bfloat16. Where it is there, it runs the pose network too: in 32-bit
    floats, it is 5 to 8 % faster than ONNX Runtime with weights of real size.
    """
    if precision == "full":
        return Runtime(backend, "f32"), Runtime(backend, "f32")
    return Runtime("openvino", "bf16"), Runtime("openvino", "bf16" if precision == "fastest" else "f32")
