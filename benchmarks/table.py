"""One row a question: ours, what it is measured against, their ratio, and whether the target holds."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEAD = ("", "ours", "beside it", "ratio", "target", "holds")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        what: What was measured, and against what.
        ours: Our figure with its unit; `theirs` likewise.
        ratio: Of the two, as the target has it.
        target: In words.
        holds: Whether it is met; `None` where there is none.
    """

    what: str
    ours: str
    theirs: str
    ratio: str
    target: str
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """As they stand in the table."""
        verdict = {True: "yes", False: "**no**", None: ""}[self.holds]
        return (self.what, self.ours, self.theirs, self.ratio, self.target, verdict)


def at_least(what: str, ours: float, theirs: float, target: float | None, unit: str) -> Row:
    """Seconds of each a task; the ratio is how many times as fast as theirs ours is. `None` is no target."""
    ratio = theirs / ours
    cells = (_rate(ours, unit), _rate(theirs, unit), f"{ratio:.2f}")
    return Row(what, *cells, *(("",) if target is None else (f"at least {target:g}", ratio >= target)))


def at_most(what: str, ours_s: float, theirs_s: float, factor: float | None, extra_s: float = 0.0) -> Row:
    """Seconds of each; ours may take `factor` times theirs and `extra_s` more. `None` is no target."""
    cells = (_time(ours_s), _time(theirs_s), f"{ours_s / theirs_s:.2f}")
    if factor is None:
        return Row(what, *cells, "")
    target = f"at most {factor:g}" + (f" and {_time(extra_s)}" if extra_s else "")
    return Row(what, *cells, target, ours_s <= factor * theirs_s + extra_s)


def median_of_rounds(rivals: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """What each returns, its median over rounds in which they take turns, every other round backwards."""
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(rounds):
        for name, run in list(rivals.items())[:: -1 if number % 2 else 1]:
            found[name].append(run())
    return {name: statistics.median(values) for name, values in found.items()}


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def markdown(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _time(seconds_: float) -> str:
    return f"{seconds_ * 1e3:.1f} ms" if seconds_ < 1 else f"{seconds_:.2f} s"


def _rate(seconds_: float, unit: str) -> str:
    return f"{1 / seconds_:.2f} {unit}/s"
