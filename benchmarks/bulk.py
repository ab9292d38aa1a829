"""The prefill beside the bare sessions, rtmlib image by image, and the script that it grew from."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.local_server import LocalServer
from benchmarks.rivals import DELAY_S, Job, Rival, rival
from benchmarks.table import Row, at_least, at_most, median_of_rounds, seconds

SERVER_DELAY_S = 0.02
NAMES = {
    "limit": "the bare sessions (c)",
    "rtmlib": "rtmlib image by image (a)",
    "script": "the sequential script (b)",
}


@dataclass(frozen=True, slots=True)
class Load:
    """Tasks of one kind.

    Attributes:
        name: What stands in the table.
        images: Their pictures.
        tasks: How many in a round.
        factors: Rival -> how many times as fast as it ours shall be; `None` where it is only to be seen.
    """

    name: str
    images: tuple[Path, ...]
    tasks: int
    factors: dict[str, float | None]


def measure_bulk(server: LocalServer, job: Job, load: Load, rounds: int) -> list[Row]:
    """A row for each rival."""
    job = replace(job, images=tuple(map(str, load.images)), url=server.url)
    with ExitStack() as stack:
        rivals = {kind: stack.enter_context(rival(kind, job)) for kind in ("ours", *load.factors)}
        runs = {kind: partial(_run, server, load, one) for kind, one in rivals.items()}
        found = median_of_rounds(runs, rounds)
    return [
        at_least(f"{load.name}: {NAMES[kind]}", found["ours"], found[kind], factor, "tasks")
        for kind, factor in load.factors.items()
    ]


def measure_delay(server: LocalServer, job: Job, images: Sequence[Path], tasks: int) -> Row:
    """The prefill at the default delay, on tasks that take nearly as long. A task costs the delay and its write."""
    job = replace(job, images=tuple(map(str, images)), url=server.url, delay_s=DELAY_S)
    with rival("ours", job) as ours:
        found = _run(server, Load("", tuple(images), tasks, {}), ours)
    return at_most(f"default delay of {DELAY_S:g} s, a crowd in each picture", found, DELAY_S, None)


@contextmanager
def prefill_alone(server: LocalServer, job: Job, load: Load) -> Iterator[Callable[[], float]]:
    """Ours, loaded and warm, as something to be called: seconds a task."""
    with rival("ours", replace(job, images=tuple(map(str, load.images)), url=server.url)) as ours:
        yield partial(_run, server, load, ours)


def measure_workers(server: LocalServer, job: Job, load: Load, rounds: int) -> Row:
    """Worker processes beside the threads of one process, on the same cores."""
    job, tasks = replace(job, images=tuple(map(str, load.images)), url=server.url), load.tasks
    with rival("ours", job) as threads, rival("workers", job) as workers:
        # By the whole run: results of workers come by the chunk, so no part of it says anything.
        runs = {
            name: partial(seconds, partial(_run, server, load, one))
            for name, one in (("threads", threads), ("workers", workers))
        }
        found = median_of_rounds(runs, rounds)
    what = f"{load.name}, {tasks} tasks, a worker process for each core: threads"
    return at_least(what, found["workers"] / tasks, found["threads"] / tasks, 0.9, "tasks")


def _run(server: LocalServer, load: Load, one: Rival) -> float:
    server.reset(load.tasks, [path.name for path in load.images], SERVER_DELAY_S)
    return one.run(load.tasks)
