"""The bulk loop: tasks -> predictions, stored one after the other. Resuming is running again."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from wholebody.errors import (
    AuthenticationError,
    ClusterError,
    ConfigChangedError,
    DatasetError,
    GoneError,
    ImageError,
    LabelStudioError,
    OutputError,
    StoppedError,
    UnavailableError,
    WholebodyError,
)
from wholebody.predictions import Prediction
from wholebody.prefill.parts import PredictionStore, Predictor, Task
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)

GONE_AFTER = 5
"""Writes, or images, that failed for now with nothing answered between, after which Label Studio counts as gone."""


MOST_REASONS, OTHER_REASONS = 1000, "other reasons"
"""Reasons that are told apart in a summary; each may name a task, and a run has any number of those."""


class Progress(Protocol):
    """What the loop needs of a progress bar; tqdm's is one."""

    def update(self, n: int = 1) -> object:
        """Count `n` tasks more as done."""


class Failures(Protocol):
    """Who is told of tasks that failed; see `FailureFile`."""

    def add(self, task: Task, error: str) -> None:
        """Take a task and what went wrong.

        Raises:
            OutputError: It cannot be written any more.
        """


@dataclass(slots=True)
class Summary:
    """What became of the tasks.

    Attributes:
        predicted: Predictions stored (in a dry run: computed), the empty ones included.
        empty: Those of them with nobody in the picture.
        skipped: Tasks that had a prediction or an annotation already, or are gone.
        failed: Reason -> number of tasks; of a thousand reasons and `OTHER_REASONS`.
        stopped: Why the run ended before its last task, or `""`.
        may_pass: Whether it is something that may be otherwise at the next run.
    """

    predicted: int = 0
    empty: int = 0
    skipped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    may_pass: bool = field(default=False, compare=False)

    def count_failure(self, reason: str, tasks: int = 1) -> None:
        """Count tasks that failed."""
        known = reason in self.failed or len(self.failed) < MOST_REASONS
        self.failed[reason if known else OTHER_REASONS] += tasks


class _Watch:
    """Tells from what became of the tasks, one after the other, when the run must end."""

    def __init__(self) -> None:
        self._unavailable: Counter[bool] = Counter()  # images and writes apart: while it is away both fail, at once

    def reason_to_stop(self, error: Exception | None) -> str:
        """`""`, or why no more tasks are to be done after one that ended with this error."""
        if isinstance(error, AuthenticationError):
            return str(error)
        if isinstance(error, UnavailableError):
            is_image = isinstance(error, ImageError)
            self._unavailable[is_image] += 1
            if self._unavailable[is_image] >= GONE_AFTER:
                return f"Label Studio cannot be reached ({_reason(error)}); run again to go on"
        elif error is None or isinstance(error, LabelStudioError):  # not what failed before it came to a write
            self._unavailable.clear()
        return ""


def prefill(
    tasks: Iterator[Task],
    predictor: Predictor,
    store: PredictionStore | None,
    failures: Failures,
    progress: Progress,
    stop: Stop,
    summary: Summary | None = None,
) -> Summary:
    """Predict tasks and store the predictions, one write at a time.

    Args:
        tasks: The tasks to do; read only as far ahead as the predictor needs.
        predictor: Who predicts them.
        store: Where predictions go; `None` for a dry run.
        failures: Gets each task that failed.
        progress: Counts tasks done.
        stop: When set, no new task is begun and the predictions not yet written are dropped: the next run
            makes them again.
        summary: Counts what becomes of them, for who looks on meanwhile.
    """
    summary = summary or Summary()
    watch = _Watch()
    try:
        with closing(predictor.predict(tasks)) as outcomes:
            for task, outcome in outcomes:
                if stop.is_set():
                    break
                error = _finish(task, outcome, store, summary, failures)
                progress.update()
                summary.stopped = watch.reason_to_stop(error)
                if summary.stopped:
                    summary.may_pass = isinstance(error, UnavailableError)
                    break
    except StoppedError:  # in the listing or a write: that task is one for the next run
        pass
    except (ConfigChangedError, ClusterError, DatasetError, OutputError) as error:  # the third from the tasks' source
        summary.stopped, summary.may_pass = str(error), isinstance(error, ConfigChangedError)
    except LabelStudioError as error:  # from the listing, or because the project is gone
        summary.may_pass = isinstance(error, UnavailableError)
        summary.stopped = f"{error}; run again to go on" if summary.may_pass else str(error)
    return summary


def _finish(
    task: Task,
    outcome: Prediction | Exception,
    store: PredictionStore | None,
    summary: Summary,
    failures: Failures,
) -> Exception | None:
    """Store one prediction and count it; the error that made the task fail, if one did."""
    try:
        if isinstance(outcome, Exception):
            raise outcome
        if store is not None and not store.save(task, outcome):
            summary.skipped += 1
            return None
        summary.predicted += 1
        summary.empty += not outcome["result"]
    except (StoppedError, ConfigChangedError, GoneError, OutputError):
        raise
    except WholebodyError as error:
        summary.count_failure(_reason(error))
        failures.add(task, str(error))
        log.warning("task %s: %s", task["id"], error)
        return error
    except Exception as error:  # a fault of ours with one task must not cost the others
        summary.count_failure(f"unexpected {type(error).__name__}")
        failures.add(task, f"unexpected {type(error).__name__}")
        log.exception("task %s: not predicted", task["id"])
        return error
    return None


def _reason(error: WholebodyError) -> str:
    """What went wrong, without what is this task's alone."""
    return error.reason if isinstance(error, ImageError) else str(error)
