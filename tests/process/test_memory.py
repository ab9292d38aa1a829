"""What a process keeps of its memory; each in a process of its own, which it changes for good."""

import os
import subprocess
import sys

import pytest

COMMON = """
import re
from pathlib import Path
from wholebody.process import memory
def rss_mb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
"""


def run(script: str) -> str:
    command = [sys.executable, "-c", COMMON + script]
    # Dask, once it has started workers, leaves settings of glibc's there, which its own workers are to have.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_freed_is_given_back() -> None:
    """Blocks below a last one that stays are kept by glibc, until it is told."""
    before, after = run(
        "many = [bytearray(10_000) for _ in range(5000)]; last = bytearray(10_000); del many; before = rss_mb();"
        "memory.give_back_freed(); print(before, rss_mb())"
    ).split()
    assert float(after) < float(before) - 40


@pytest.mark.parametrize(("told", "kept_mb"), [("", 100), ("memory.give_back_large(); ", 0)])
def test_large_pieces_are_given_back_although_something_stays_above_them(told: str, kept_mb: int) -> None:
    """As where threads decode in turns. The first piece teaches glibc to keep the others."""
    before, after = run(
        f"{told}first = bytearray(16_000_000); del first; before = rss_mb();"
        "many = [bytearray(b'1') * 16_000_000 for _ in range(10)]; last = bytearray(100_000); del many;"
        "print(before, rss_mb())"
    ).split()
    assert kept_mb - 20 < float(after) - float(before) < kept_mb + 80


@pytest.mark.parametrize("function", ["give_back_freed", "give_back_large"])
def test_another_c_library_is_left_alone(function: str) -> None:
    assert run(f"import ctypes; ctypes.CDLL = lambda name: object();memory.{function}(); print('fine')") == "fine"
