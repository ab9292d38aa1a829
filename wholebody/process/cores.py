"""How many of the processor's cores this process may use."""

import math
import os
from contextlib import suppress
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of all cores (cgroup v2): microseconds of processor in a period, and the period."""


def count_cores() -> int:
    """How many cores this process may keep busy: a container may have less time than its machine has cores.

    More threads than that stand still for the rest of each period, and what they hold with them. A part of a core
    counts as one, for otherwise nobody would use it.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # there is no such file, or no limit in it
        quota, period = map(int, CGROUP_QUOTA.read_text().split())
        count = min(count, math.ceil(quota / period))
    return max(1, count)
