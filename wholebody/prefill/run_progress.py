"""How far a run is: a bar on a terminal, a line a minute in a log, and `/metrics` for who watches from elsewhere."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.prefill.loop import Summary
from wholebody.prefill.metrics import serve_metrics
from wholebody.prefill.parts import Predictor
from wholebody.prefill.progress import show_progress
from wholebody.settings import Settings

log = logging.getLogger(__name__)

LINE_EVERY_S = 60.0


class RunProgress:
    """Counts tasks done; a `loop.Progress`.

    Args:
        total: How many there are to do, or `None` where nobody knows.
        predictor: Whose workers are counted.
        bar: Shows it; where it shows nothing, log lines do.
    """

    def __init__(self, total: int | None, predictor: Predictor, bar: "tqdm[Any]") -> None:
        self._total = total
        self._predictor = predictor
        self._bar = bar
        self._done = self._done_then = 0
        self._then = time.monotonic()

    def left(self) -> float:
        """How many tasks are left; not a number where nobody knows."""
        return float("nan") if self._total is None else self._total - self._done

    def update(self, n: int = 1) -> None:
        """Count `n` tasks more as done."""
        self._done += n
        if not self._bar.disable:
            if self._predictor.workers is not None:
                self._bar.set_postfix_str(self._say_workers(), refresh=False)
            self._bar.update(n)
            return
        seconds = time.monotonic() - self._then
        if seconds >= LINE_EVERY_S:
            log.info("%s", self._line((self._done - self._done_then) / seconds))
            self._done_then, self._then = self._done, time.monotonic()

    def _line(self, rate: float) -> str:
        parts = [f"{self._done} tasks done" if self._total is None else f"{self._done} of {self._total} tasks done"]
        parts.append(f"{rate:.1f} a second")
        if self._predictor.workers is not None:
            parts.append(self._say_workers())
        if self._total is not None and rate:
            parts.append(f"{duration((self._total - self._done) / rate)} left")
        return ", ".join(parts)

    def _say_workers(self) -> str:
        count = self._predictor.workers
        return f"{count} worker{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """In the two largest units: `3 d 4 h`, `2 h 5 min`, `7 min`, `40 s`."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} d {minutes // 60 % 24} h"


@contextmanager
def shown(total: int | None, predictor: Predictor, settings: Settings) -> Iterator[tuple[RunProgress, Summary]]:
    """A run's progress and its summary, shown meanwhile; also at METRICS_PORT.

    Raises:
        SettingsError: Nobody can listen there.
    """
    with ExitStack() as stack:
        stack.enter_context(logging_redirect_tqdm())
        bar = stack.enter_context(show_progress(total=total, unit="task"))
        progress, summary = RunProgress(total, predictor, bar), Summary()
        stack.enter_context(serve_metrics(settings, predictor, summary, progress.left))
        yield progress, summary
