"""What a process keeps of its memory; each in a process of its own, which it changes for good."""

import subprocess
import sys

COMMON = """
import re
from pathlib import Path
from wholebody.process import memory
def rss_mb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
"""


def run(script: str) -> str:
    command = [sys.executable, "-c", COMMON + script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_freed_is_given_back() -> None:
    """Blocks below a last one that stays are kept by glibc, until it is told."""
    before, after = run(
        "many = [bytearray(10_000) for _ in range(5000)]; last = bytearray(10_000); del many; before = rss_mb();"
        "memory.give_back_freed(); print(before, rss_mb())"
    ).split()
    assert float(after) < float(before) - 40


def test_another_c_library_is_left_alone() -> None:
    assert run("import ctypes; ctypes.CDLL = lambda name: object();memory.give_back_freed(); print('fine')") == "fine"
