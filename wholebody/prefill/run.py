"""One run of the prefill, from its checks to what it leaves behind. Says what came of it, and prints only progress."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.annotator import Annotator
from wholebody.errors import (
    ConfigChangedError,
    GoneError,
    LabelStudioError,
    SettingsError,
    StoppedError,
    UnavailableError,
)
from wholebody.label_studio.client import LabelStudioClient
from wholebody.labeling.editor_tags import find_unknown_tags
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.prefill.failures import FailureFile, read_failed
from wholebody.prefill.loop import Summary, prefill
from wholebody.prefill.progress import show_progress
from wholebody.prefill.work import Work
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

log = logging.getLogger(__name__)

LOOK_AHEAD_PER_WORKER = 3
"""Tasks in work, fetched or waiting to be written for each that is being predicted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        summary: What became of the tasks.
        deleted: Predictions deleted at the end: copies, or replaced.
        interrupted: Whether the user asked to stop.
    """

    summary: Summary
    deleted: int
    interrupted: bool


def run_prefill(
    settings: Settings,
    stop: Stop,
    *,
    dry_run: bool,
    failures: Path,
    replace: bool = False,
    retry_failed: Path | None = None,
) -> Outcome:
    """Fill a project.

    Args:
        settings: All settings; `project_id` must be set.
        stop: The user's wish to stop.
        dry_run: Predict, but write nothing to Label Studio.
        failures: Where the tasks that failed are listed.
        replace: Also take tasks with predictions of other versions of this model, or under names that the labeling
            config lacks, which are deleted then.
        retry_failed: Such a list; only its tasks are tried.

    Raises:
        WholebodyError: It could not start; a StoppedError when the user did not let it.
    """
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    ids = None if retry_failed is None else read_failed(retry_failed)
    client = LabelStudioClient(settings, stop)
    project = client.project(settings.project_id)
    config = parse_labeling_config(project.label_config)
    if unknown := find_unknown_tags(project.label_config, client.release):
        log.warning("project %d %r: nobody can open its tasks, for %s", project.id, project.title, unknown)
    annotator = Annotator(settings, bulk=True, stop=stop)
    version = annotator.model_version
    work = Work(client, project, config, version, start_id=settings.start_task_id, ids=ids, replaces=replace, stop=stop)
    if replace and (misfits := work.find_misfits()):
        log.info("%d tasks have predictions of %s under names that the labeling config lacks", misfits, version)
    todo = work.count()
    skipped = max(0, work.count_all() - todo)
    log.info("project %d %r: %d tasks to predict, %d done before", project.id, project.title, todo, skipped)
    failed = FailureFile(failures, keep=retry_failed is not None and _is_one_file(failures, retry_failed))
    summary = _fill(work, annotator, config, settings, todo, failed, stop, dry_run=dry_run)
    summary.skipped += skipped
    deleted = 0 if dry_run else _close(work, client, project.id, version, summary, stop)
    if not (summary.stopped or stop.is_set() or dry_run) and _took_on_all(settings, todo, ids):
        failed.forget_kept()
    return Outcome(summary, deleted, stop.is_set())


def _fill(
    work: Work,
    annotator: Annotator,
    config: LabelingConfig,
    settings: Settings,
    todo: int,
    failures: FailureFile,
    stop: Stop,
    *,
    dry_run: bool,
) -> Summary:
    total = todo if settings.task_limit is None else min(todo, settings.task_limit)
    look_ahead = LOOK_AHEAD_PER_WORKER * annotator.workers
    executor = ThreadPoolExecutor(look_ahead, "annotate")
    with executor, logging_redirect_tqdm(), show_progress(total=total, unit="task") as progress:
        summary = prefill(
            tasks=islice(work.tasks(), settings.task_limit),
            annotate=partial(annotator.annotate, config=config),
            writer=None if dry_run else work,
            executor=executor,
            look_ahead=look_ahead,
            failures=failures,
            progress=progress,
            stop=stop,
        )
        if summary.stopped or stop.is_set():
            annotator.close()  # or the executor would wait until all that is in hand has been predicted
        return summary


def _close(work: Work, client: LabelStudioClient, project_id: int, version: str, summary: Summary, stop: Stop) -> int:
    """Make the predictions visible, then see to it that there is one a task; how many were too many."""
    if summary.predicted:
        _show_predictions(client, project_id, version)
    if summary.stopped or stop.is_set():
        return 0
    try:
        with logging_redirect_tqdm():
            return work.settle()
    except (ConfigChangedError, GoneError) as error:
        summary.stopped = str(error)
    except LabelStudioError as error:
        again = "; run again to go on" if isinstance(error, UnavailableError) else ""
        summary.stopped = f"whether tasks have got two predictions is not known ({error}){again}"
    except StoppedError:
        pass
    return 0


def _took_on_all(settings: Settings, todo: int, ids: tuple[int, ...] | None) -> bool:
    """Whether neither limit nor start left out a task that was to be tried again."""
    limit = todo if settings.task_limit is None else settings.task_limit
    return todo <= limit and all(one >= settings.start_task_id for one in ids or ())


def _is_one_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _show_predictions(client: LabelStudioClient, project_id: int, version: str) -> None:
    """Let the labeling stream show what was stored, where the project does not say what it shows."""
    try:
        if not client.project(project_id).model_version:  # as it is now, perhaps hours after the start
            client.show_predictions_of(project_id, version)
    except GoneError:  # what comes next says so
        pass
    except (LabelStudioError, StoppedError) as error:
        log.warning(
            "the labeling stream may not show the predictions: %s; choose %r in Settings > Annotation", error, version
        )
