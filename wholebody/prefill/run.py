"""One run of the prefill, from its checks to what it leaves behind. Says what came of it, and prints only progress."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
    OutputError,
    SettingsError,
    StoppedError,
    UnavailableError,
)
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.duplicates import IsReplaced, is_outdated
from wholebody.labeling.config_fit import fits
from wholebody.labeling.editor_tags import find_unknown_tags
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.prefill.bulk import InBulk
from wholebody.prefill.failures import FailureFile, read_failed, read_failed_ids
from wholebody.prefill.loop import Summary, prefill
from wholebody.prefill.parts import OpenPredictor, Parts, PredictionStore, Predictor
from wholebody.prefill.project_predictions import ProjectPredictions
from wholebody.prefill.project_tasks import ProjectTasks
from wholebody.prefill.run_progress import shown
from wholebody.prefill.threads import predict_in_threads
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

log = logging.getLogger(__name__)


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


@contextmanager
def open_threads(settings: Settings, config: LabelingConfig, stop: Stop) -> Iterator[Predictor]:
    """The model, loaded in this process and run by its threads; a `parts.OpenPredictor`."""
    with predict_in_threads(Annotator(settings, bulk=True, stop=stop), config, stop) as predictor:
        yield predictor


def run_prefill(
    settings: Settings,
    stop: Stop,
    *,
    dry_run: bool,
    failures: Path,
    replace: bool = False,
    retry_failed: Path | None = None,
    bulk: int | None = None,
    open_predictor: OpenPredictor = open_threads,
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
        bulk: How many predictions are stored in one call; `None` for one. Not with `replace`.
        open_predictor: Who predicts.

    Raises:
        WholebodyError: It could not start; a StoppedError when the user did not let it.
    """
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    ids = None if retry_failed is None else read_failed_ids(retry_failed)
    client = LabelStudioClient(settings, stop)
    project, config = open_project(client, settings.project_id)
    if bulk:
        client.check_bulk(project.id)
    with open_predictor(settings, config, stop) as predictor:
        version = predictor.model_version
        is_replaced = replaced_by(version, config, replace=replace)
        start_id = settings.start_task_id
        source = ProjectTasks(
            client, project.id, version, start_id=start_id, ids=ids, is_replaced=is_replaced, stop=stop
        )
        store = ProjectPredictions(client, project, version, start_id=start_id, is_replaced=is_replaced, stop=stop)
        if misfits := source.find_misfits():
            log.info("%d tasks have predictions of %s under names that the labeling config lacks", misfits, version)
        writing = InBulk(predictor, store, config, bulk) if bulk else predictor
        return do_tasks(
            Parts(source, writing, None if dry_run else store),
            settings,
            stop,
            name=f"project {project.id} {project.title!r}",
            failures=failures,
            retry_failed=retry_failed,
        )


def open_project(client: LabelStudioClient, project_id: int) -> tuple[Project, LabelingConfig]:
    """A project with its labeling config. Says where people cannot open its tasks.

    Raises:
        LabelingConfigError: The config has nothing to fill.
        LabelStudioError: There is no such project, or no answer.
    """
    project = client.project(project_id)
    config = parse_labeling_config(project.label_config)
    if unknown := find_unknown_tags(project.label_config, client.release):
        log.warning("project %d %r: nobody can open its tasks, for %s", project.id, project.title, unknown)
    return project, config


def replaced_by(version: str, config: LabelingConfig, *, replace: bool) -> IsReplaced | None:
    """Which predictions a run replaces with those of its version, if it does."""
    return partial(is_outdated, version=version, fits=partial(fits, config=config)) if replace else None


def do_tasks(
    parts: Parts, settings: Settings, stop: Stop, *, name: str, failures: Path, retry_failed: Path | None
) -> Outcome:
    """Do what there is to do.

    Args:
        parts: What the run is put together from.
        settings: How many tasks it takes on.
        stop: The user's wish to stop.
        name: Where the tasks are, for the log.
        failures: Where the tasks that failed are listed.
        retry_failed: The list that says which tasks are tried, if one does.

    Raises:
        WholebodyError: It could not start.
    """
    counts, limit = parts.source.count(), settings.task_limit
    todo = "tasks" if counts.todo is None else f"{counts.todo} tasks"
    log.info("%s: %s to predict, %d done before", name, todo, counts.done)
    start_id = settings.start_task_id
    listed = read_failed(retry_failed) if retry_failed else ()
    is_from_start = all(isinstance(one, str) or one >= start_id for one in listed)
    failed = FailureFile(failures, keep=retry_failed is not None and _is_one_file(failures, retry_failed))
    total = limit if counts.todo is None else counts.todo if limit is None else min(counts.todo, limit)
    with shown(total, parts.predictor, settings) as (progress, summary):
        tasks = islice(parts.source.tasks(), limit)
        prefill(tasks, parts.predictor, parts.store, failed, progress, stop, summary)
    summary.skipped += counts.done
    deleted = 0 if parts.store is None else _close(parts.store, summary, stop)
    took_on_all = limit is None or (counts.todo is not None and counts.todo <= limit)
    if took_on_all and is_from_start and not (summary.stopped or stop.is_set() or parts.store is None):
        failed.forget_kept()
    return Outcome(summary, deleted, stop.is_set())


def _close(store: PredictionStore, summary: Summary, stop: Stop) -> int:
    """Make the predictions visible, then see to it that there is one a task; how many were too many."""
    try:
        store.show()
    except OutputError as error:
        summary.stopped = summary.stopped or str(error)
    if summary.stopped or stop.is_set():
        return 0
    try:
        with logging_redirect_tqdm():
            return store.settle()
    except (ConfigChangedError, GoneError) as error:
        summary.stopped = str(error)
    except LabelStudioError as error:
        again = "; run again to go on" if isinstance(error, UnavailableError) else ""
        summary.stopped = f"whether tasks have got two predictions is not known ({error}){again}"
    except StoppedError:
        pass
    return 0


def _is_one_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
