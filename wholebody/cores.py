"""The processor's cores: how many this process may use, and which of them a thread runs on."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of all cores (cgroup v2): microseconds of processor in a period, and the period."""


def own_cores() -> list[int]:
    """The numbers of the cores that this process may run on, in order; of a system that does not tell, all."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return list(range(os.cpu_count() or 1))


def count_cores() -> int:
    """How many cores this process may keep busy: a container may have less time than its machine has cores.

    More threads than that stand still for the rest of each period, and what they hold with them. A part of a core
    counts as one, for otherwise nobody would use it.
    """
    count = len(own_cores())
    with suppress(OSError, ValueError):  # there is no such file, or no limit in it
        quota, period = map(int, CGROUP_QUOTA.read_text().split())
        count = min(count, math.ceil(quota / period))
    return max(1, count)


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Keep this thread on a core meanwhile; on any, where `None` is given or the system does not let it."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    with suppress(OSError):  # taken from this process meanwhile
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)
