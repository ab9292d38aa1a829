"""What a process keeps of its memory; each in a process of its own, which it changes for good."""

import subprocess
import sys

import pytest

COMMON = """
import gc, re, threading
from pathlib import Path
from wholebody import memory
def rss_mb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
def heaps():
    # glibc aligns the heap of a thread to 64 MB and maps that much.
    starts = re.findall(r"^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$", Path("/proc/self/maps").read_text(), re.M)
    return sum(int(start, 16) % (64 << 20) == 0 for start in starts)
"""


def run(script: str) -> str:
    command = [sys.executable, "-c", COMMON + script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


MANY = 5
MANY_THREADS = f"""
together = threading.Barrier({MANY + 1})
def allocate():
    kept = [bytearray(1000 + i) for i in range(500)]
    together.wait()
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range({MANY})]
for thread in threads: thread.start()
together.wait()
print(heaps())
together.wait()
"""


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_threads_share_a_heap_for_each_core(cores: int) -> None:
    assert int(run(MANY_THREADS)) == MANY
    own = 1  # the process's own is the first, and lies elsewhere
    share = f"memory.count_cores = lambda: {cores}; memory.share_heaps()"
    assert int(run(share + MANY_THREADS)) == cores - own


def test_what_is_freed_is_given_back() -> None:
    """Blocks below a last one that stays are kept by glibc, until it is told."""
    before, after = run(
        "many = [bytearray(10_000) for _ in range(5000)]; last = bytearray(10_000); del many; before = rss_mb();"
        "memory.give_back_freed(); print(before, rss_mb())"
    ).split()
    assert float(after) < float(before) - 40


def test_what_is_loaded_is_hidden_from_the_garbage_collector() -> None:
    assert (
        run("ring = []; ring.append(ring); del ring; memory.keep_loaded(); print(gc.get_freeze_count() > 1000)")
        == "True"
    )
    assert run("memory.keep_loaded(); ring = []; ring.append(ring); del ring; print(gc.collect() > 0)") == "True"


def test_another_c_library_is_left_alone() -> None:
    assert (
        run(
            "import ctypes; ctypes.CDLL = lambda name: object();"
            "memory.share_heaps(); memory.give_back_freed(); print('fine')"
        )
        == "fine"
    )
