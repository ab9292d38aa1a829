"""The prefill as a person runs it: checks, model, progress bar, Ctrl-C, summary and exit code."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from types import FrameType

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.annotator import Annotator
from wholebody.errors import LabelStudioError, SettingsError
from wholebody.label_studio import LabelStudioClient, Project
from wholebody.labeling_config import parse_labeling_config
from wholebody.logs import configure_logging
from wholebody.prefill import FailureFile, Summary, prefill
from wholebody.settings import Settings

log = logging.getLogger(__name__)

ALL_WELL, SOME_FAILED, INTERRUPTED = 0, 1, 130
LOOK_AHEAD_PER_WORKER = 3
"""Tasks in work, fetched or waiting to be written for each that is being predicted."""


def run_prefill(settings: Settings, *, dry_run: bool, failures: Path) -> int:
    """Fill a project; the exit code.

    Raises:
        WholebodyError: It could not start.
    """
    configure_logging(settings.log_level)
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    with _stop_on_signal() as stop:
        client = LabelStudioClient(settings, stop)
        project = client.project(settings.project_id)
        config = parse_labeling_config(project.label_config)
        undone = client.count_tasks(project.id, settings.start_task_id, undone=True)
        skipped = client.count_tasks(project.id, settings.start_task_id, undone=False) - undone
        annotator = Annotator(settings, bulk=True)
        log.info("project %d %r: %d tasks to predict, %d done before", project.id, project.title, undone, skipped)
        total = undone if settings.task_limit is None else min(undone, settings.task_limit)
        executor = ThreadPoolExecutor(annotator.workers + 1, "annotate")  # one more than computes, to fetch ahead
        with executor, logging_redirect_tqdm(), tqdm(total=total, unit="task", disable=None) as progress:
            summary = prefill(
                tasks=islice(client.undone_tasks(project.id, settings.start_task_id), settings.task_limit),
                annotate=partial(annotator.annotate, config=config),
                writer=None if dry_run else client,
                executor=executor,
                look_ahead=LOOK_AHEAD_PER_WORKER * annotator.workers,
                failures=FailureFile(failures),
                progress=progress,
                stop=stop,
            )
        summary.skipped += skipped
        if summary.predicted and not dry_run:
            _show_predictions(client, project, annotator.model_version)
        return _report(summary, failures, dry_run=dry_run, interrupted=stop.is_set())


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second one ends the program at once."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        sys.stderr.write("\nstopping after the write in hand; press Ctrl-C again to stop at once\n")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_predictions(client: LabelStudioClient, project: Project, version: str) -> None:
    """Let the labeling stream show what was stored, where the project does not say what it shows."""
    if project.model_version == version:
        return
    if project.model_version:
        log.info(
            "the labeling stream of this project shows predictions of %r, not of %r (Settings > Predictions)",
            project.model_version,
            version,
        )
        return
    try:
        client.show_predictions_of(project.id, version)
    except LabelStudioError as error:
        log.warning("the labeling stream does not show the predictions yet: %s", error)


def _report(summary: Summary, failures: Path, *, dry_run: bool, interrupted: bool) -> int:
    failed = summary.failed.total()
    verb = "Would have predicted" if dry_run else "Predicted"
    lines = [f"{verb} {summary.predicted} ({summary.empty} empty), skipped {summary.skipped}, failed {failed}."]
    lines += [f"  {count} x {reason}" for reason, count in summary.failed.most_common(10)]
    if failed:
        lines.append(f"The tasks that failed are listed in {failures}; the next run tries them again.")
    if summary.stopped:
        lines.append(f"Stopped early: {summary.stopped}")
    print("\n".join(lines))  # noqa: T201  # the result of the command
    if summary.stopped or failed:
        return SOME_FAILED
    return INTERRUPTED if interrupted else ALL_WELL
