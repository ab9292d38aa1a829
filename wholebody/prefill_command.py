"""The prefill as a person runs it: checks, model, progress bar, Ctrl-C, summary and exit code."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.annotator import Annotator
from wholebody.errors import LabelStudioError, SettingsError, StoppedError
from wholebody.label_studio import LabelStudioClient
from wholebody.labeling_config import parse_labeling_config
from wholebody.logs import configure_logging
from wholebody.prefill import FailureFile, Summary, prefill
from wholebody.settings import Settings
from wholebody.stopping import stop_on_signal

log = logging.getLogger(__name__)

ALL_WELL, SOME_FAILED, INTERRUPTED = 0, 1, 130
LOOK_AHEAD_PER_WORKER = 3
"""Tasks in work, fetched or waiting to be written for each that is being predicted."""
MOST_REASONS = 10


def run_prefill(settings: Settings, *, dry_run: bool, failures: Path) -> int:
    """Fill a project; the exit code.

    Raises:
        WholebodyError: It could not start; a StoppedError when the user did not let it.
    """
    configure_logging(settings.log_level)
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    with stop_on_signal() as stop:
        client = LabelStudioClient(settings, stop)
        project = client.project(settings.project_id)
        config = parse_labeling_config(project.label_config)
        undone = client.count_tasks(project.id, settings.start_task_id, undone=True)
        skipped = max(0, client.count_tasks(project.id, settings.start_task_id, undone=False) - undone)
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
            _show_predictions(client, project.id, annotator.model_version)
        return _report(summary, failures, dry_run=dry_run, interrupted=stop.is_set())


def _show_predictions(client: LabelStudioClient, project_id: int, version: str) -> None:
    """Let the labeling stream show what was stored, where the project does not say what it shows."""
    try:
        if not client.project(project_id).model_version:  # as it is now, perhaps hours after the start
            client.show_predictions_of(project_id, version)
    except (LabelStudioError, StoppedError) as error:
        log.warning(
            "the labeling stream may not show the predictions: %s; choose %r in Settings > Annotation", error, version
        )


def _report(summary: Summary, failures: Path, *, dry_run: bool, interrupted: bool) -> int:
    failed = summary.failed.total()
    verb = "Would have predicted" if dry_run else "Predicted"
    lines = [f"{verb} {summary.predicted} ({summary.empty} empty), skipped {summary.skipped}, failed {failed}."]
    lines += [f"  {count} x {reason}" for reason, count in summary.failed.most_common(MOST_REASONS)]
    if len(summary.failed) > MOST_REASONS:
        lines.append(f"  and {len(summary.failed) - MOST_REASONS} other reasons")
    if failed:
        lines.append(f"The tasks that failed are listed in {failures}; the next run tries them again.")
    if summary.stopped:
        lines.append(f"Stopped early: {summary.stopped}")
    if interrupted:
        lines.append("Interrupted; run again to go on.")
    print("\n".join(lines))  # noqa: T201  # the result of the command
    if interrupted:  # before failures: what runs this again and again must not go on
        return INTERRUPTED
    return SOME_FAILED if summary.stopped or failed else ALL_WELL
