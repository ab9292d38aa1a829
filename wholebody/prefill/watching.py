"""A run that does not end with the last task: it waits for more to arrive, until somebody stops it."""

import logging
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.errors import (
    ConfigChangedError,
    LabelingConfigError,
    LabelStudioError,
    SettingsError,
    StoppedError,
    UnavailableError,
)
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.duplicates import IsReplaced
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.prefill.failures import FailureFile
from wholebody.prefill.loop import Summary, prefill
from wholebody.prefill.metrics import serve_metrics
from wholebody.prefill.parts import OpenPredictor, Predictor, Task
from wholebody.prefill.progress import show_progress
from wholebody.prefill.project_predictions import ProjectPredictions
from wholebody.prefill.project_tasks import ProjectTasks
from wholebody.prefill.run import Outcome, open_project, open_threads, replaced_by
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

log = logging.getLogger(__name__)

ASK_EVERY_S = 30.0

SHARE = 0.05
"""Of Label Studio's time at most that asking for new tasks takes: with a million tasks each time is a second."""

RETRY_S = 600.0
"""After so long a task that failed is tried again."""


class RecentFailures:
    """The tasks that failed a while ago, which are not tried again each time. Some 100 bytes a task.

    Args:
        file: Where they are listed.
    """

    def __init__(self, file: FailureFile) -> None:
        self._file = file
        self._failed_at: dict[int, float] = {}

    def add(self, task: Task, error: str) -> None:
        """See `loop.Failures`."""
        self._failed_at[task["id"]] = time.monotonic()
        self._file.add(task, error)

    def forget(self, since: float) -> None:
        """Let those be tried again at once that failed since a `time.monotonic()`."""
        self._failed_at = {task_id: at for task_id, at in self._failed_at.items() if at < since}

    def without(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """Those of some tasks that did not fail lately."""
        return (task for task in tasks if time.monotonic() - self._failed_at.get(task["id"], -RETRY_S) >= RETRY_S)


class Watch:
    """Fills a project, and goes on with what arrives.

    Args:
        settings: All settings; `project_id` must be set. TASK_LIMIT does not count.
        stop: Ends it.
        failures: Where the tasks that failed are listed.
        replace: Whether predictions are replaced; see `run_prefill`.
        open_predictor: Who predicts.

    Attributes:
        summary: What became of all tasks.
        deleted: Predictions deleted: copies, or replaced.
    """

    def __init__(
        self, settings: Settings, stop: Stop, failures: FailureFile, open_predictor: OpenPredictor, *, replace: bool
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._failures = RecentFailures(failures)
        self._open_predictor = open_predictor
        self._replace = replace
        self._client = LabelStudioClient(settings, stop)
        self._is_settled = True
        self.summary = Summary()
        self.deleted = 0

    def run(self, project_id: int) -> None:
        """Watch until somebody asks to stop, or something happens that does not pass.

        Raises:
            WholebodyError: It could not start.
        """
        opened: tuple[Project, LabelingConfig] | None = open_project(self._client, project_id)
        while opened:
            with (
                self._open_predictor(self._settings, opened[1], self._stop) as predictor,
                serve_metrics(self._settings, predictor, self.summary),
            ):
                self._fill(*opened, predictor)
            opened = self._open_again(project_id)

    def _fill(self, project: Project, config: LabelingConfig, predictor: Predictor) -> None:
        """Do what is there and what arrives, until the labeling config is another or Label Studio goes away."""
        version, start_id = predictor.model_version, self._settings.start_task_id
        is_replaced = replaced_by(version, config, replace=self._replace)
        store = ProjectPredictions(
            self._client, project, version, start_id=start_id, is_replaced=is_replaced, stop=self._stop
        )
        is_first = True
        while not self._stop.is_set():
            source = self._source(project, version, is_replaced)
            try:
                if is_first:
                    source.find_misfits()
                pause_s = self._take(source, project, predictor, store)
            except (StoppedError, ConfigChangedError):
                return
            except UnavailableError as error:
                pause_s = ASK_EVERY_S
                log.warning("%s; asking again in %.0f s", error, pause_s)
            except LabelStudioError as error:
                self.summary.stopped = str(error)
                return
            if not pause_s:
                return
            if is_first:
                log.info("project %d %r: waiting for tasks, asking every %.0f s", project.id, project.title, pause_s)
            is_first = False
            self._stop.wait(pause_s)

    def _take(self, source: ProjectTasks, project: Project, predictor: Predictor, store: ProjectPredictions) -> float:
        """Do what is there; how long to wait before the next time, or 0 where the project must be opened again."""
        begun = time.monotonic()
        tasks = self._failures.without(source.tasks())
        arrived = next(tasks, None)
        pause_s = max(ASK_EVERY_S, (time.monotonic() - begun) / SHARE)
        if arrived:
            if self._client.project(project.id).label_config != project.label_config:
                return 0.0
            self._is_settled = False  # also where it ends early: what it has stored may have copies
            if not self._predict(chain([arrived], tasks), predictor, store):
                return 0.0
        if not self._is_settled and store.settles_at_once():
            self.deleted += store.settle()
            self._is_settled = True
        return pause_s

    def _source(self, project: Project, version: str, is_replaced: IsReplaced | None) -> ProjectTasks:
        start_id = self._settings.start_task_id
        return ProjectTasks(
            self._client, project.id, version, start_id=start_id, ids=None, is_replaced=is_replaced, stop=self._stop
        )

    def _predict(self, tasks: Iterator[Task], predictor: Predictor, store: ProjectPredictions) -> bool:
        """Predict some tasks; whether the predictor may go on."""
        begun, summary = time.monotonic(), self.summary
        with logging_redirect_tqdm(), show_progress(unit="task") as progress:
            prefill(tasks, predictor, store, self._failures, progress, self._stop, summary)
        store.show()
        if not summary.stopped:
            return True
        if summary.may_pass:
            log.warning("%s", summary.stopped)
            summary.stopped, summary.may_pass = "", False
            self._failures.forget(begun)
            self._stop.wait(ASK_EVERY_S)  # it is away, or somebody edits the config, and saves it more than once
        return False

    def _open_again(self, project_id: int) -> tuple[Project, LabelingConfig] | None:
        """The project as it is now, as soon as there is an answer; `None` if the watch has ended."""
        while not self._stop.is_set() and not self.summary.stopped:
            try:
                return open_project(self._client, project_id)
            except UnavailableError as error:
                log.warning("%s; asking again in %.0f s", error, ASK_EVERY_S)
            except StoppedError:
                break
            except (LabelStudioError, LabelingConfigError) as error:
                self.summary.stopped = str(error)
                break
            self._stop.wait(ASK_EVERY_S)
        return None


def watch_project(
    settings: Settings,
    stop: Stop,
    *,
    failures: Path,
    replace: bool = False,
    open_predictor: OpenPredictor = open_threads,
) -> Outcome:
    """Fill a project and go on with the tasks that arrive, until somebody asks to stop. That is no interruption.

    Args:
        settings: All settings; `project_id` must be set. TASK_LIMIT does not count.
        stop: The user's wish to stop.
        failures: Where the tasks that failed are listed.
        replace: See `run_prefill`.
        open_predictor: Who predicts.

    Raises:
        WholebodyError: It could not start.
    """
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    watch = Watch(settings, stop, FailureFile(failures), open_predictor, replace=replace)
    watch.run(settings.project_id)
    return Outcome(watch.summary, watch.deleted, interrupted=False)
