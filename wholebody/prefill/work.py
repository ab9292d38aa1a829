"""What one prefill run is about: the tasks to do, where their predictions go, and the check at the end."""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from wholebody.errors import LabelStudioError
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.duplicates import is_never_replaced, is_outdated, of_version
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.labeling.config_fit import fits
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction
from wholebody.prefill.config_watch import ConfigWatch
from wholebody.prefill.late_writes import wait_for_late_writes
from wholebody.prefill.progress import show_progress
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)


class Work:
    """The tasks to do and the place of their predictions; a `loop.Writer`.

    Args:
        client: Label Studio.
        project: The project as it was when the run began.
        config: Its labeling config.
        version: The model version of this run's predictions.
        start_id: The least task id.
        ids: The tasks to try, or `None` for all.
        replaces: Whether tasks are done as well whose predictions are of other versions of ours, or under names that
            the config lacks; they lose those.
        stop: Ends the comparison of predictions with the config, and the wait before the last check.
    """

    def __init__(
        self,
        client: LabelStudioClient,
        project: Project,
        config: LabelingConfig,
        version: str,
        *,
        start_id: int,
        ids: tuple[int, ...] | None,
        replaces: bool,
        stop: Stop,
    ) -> None:
        self._client = client
        self._project_id = project.id
        self._version = version
        self._watch = ConfigWatch(client, project)
        self._start_id = start_id
        self._ids = None if ids is None else tuple(one for one in ids if one >= start_id)
        self._replaces = replaces
        self._is_replaced = is_never_replaced
        self._stop = stop
        self._misfits: tuple[int, ...] = ()
        self._kinds = [self._narrowed(TaskQuery.undone(start_id))]
        if replaces:
            self._is_replaced = partial(is_outdated, version=version, fits=partial(fits, config=config))
            self._kinds.append(self._narrowed(TaskQuery.outdated(version, start_id)))

    def find_misfits(self) -> int:
        """Take on the tasks whose only predictions of this version lack names of the labeling config; how many.

        Label Studio cannot be asked for these tasks, so all that have such a prediction are read.

        Raises:
            LabelStudioError: They cannot be.
            StoppedError: The user asked to stop.
        """
        predicted = self._narrowed(TaskQuery.predicted_by(self._version, self._start_id).without_annotation())
        found = []
        with show_progress(
            total=self._client.count_tasks(self._project_id, predicted), unit="task", desc="comparing with the config"
        ) as progress:
            for task in self._client.predicted_tasks(self._project_id, predicted):
                self._stop.pause(0)
                if not of_version(task["predictions"], self._version, self._is_replaced):
                    found.append(task["id"])
                progress.update()
        self._misfits = tuple(found)
        return len(found)

    def count(self) -> int:
        """How many tasks there are to do."""
        counted = sum(self._client.count_tasks(self._project_id, kind) for kind in self._kinds)
        return counted + len(self._misfits)

    def count_all(self) -> int:
        """How many there are with those that need nothing any more."""
        if self._ids is not None:
            return len(self._ids)
        return self._client.count_tasks(self._project_id, TaskQuery(self._start_id))

    def tasks(self) -> Iterator[dict[str, Any]]:
        """The tasks to do: by id, first those without any prediction."""
        for kind in self._kinds:
            yield from self._client.tasks(self._project_id, kind)
        misfits = TaskQuery(self._start_id).without_annotation().among(self._misfits)
        yield from self._client.tasks(self._project_id, misfits)

    def save_prediction(self, task_id: int, prediction: Prediction) -> bool:
        """Store a prediction, then delete those that it replaces; whether it was stored.

        Raises:
            ConfigChangedError, GoneError: It was not, nor may any other be; see `loop.Writer`.
        """
        self._watch.look_now_and_then()
        stored = self._client.save_prediction(task_id, prediction, self._is_replaced)
        if stored and self._replaces:
            try:
                self._make_room(task_id)
            except LabelStudioError as error:
                log.warning("task %d: its old predictions are deleted at the end of the run: %s", task_id, error)
        return stored

    def settle(self) -> int:
        """Leave one prediction of ours in each task, made for the config that the project has; how many were too many.

        A write whose answer was lost may be carried out long after its repetition, by a run that was killed too. So
        this waits until none of this run's can be under way, and then asks for tasks with several predictions.

        Raises:
            ConfigChangedError: The config was changed after the last look at it.
            LabelStudioError: It could not be done.
            StoppedError: The user asked to stop.
        """
        wait_for_late_writes(self._client, self._project_id, self._version, self._stop)
        self._watch.look()  # before anything is deleted as made for another config
        several = TaskQuery.with_more_than_one(self._version, self._start_id)
        deleted = sum(
            self._client.tidy(task["id"], self._version) for task in self._client.tasks(self._project_id, several)
        )
        if self._replaces:
            for task in self._client.tasks(self._project_id, several.without_annotation()):
                deleted += self._make_room(task["id"])
        return deleted

    def _make_room(self, task_id: int) -> int:
        """Delete what was replaced, unless somebody has annotated the task meanwhile."""
        unannotated = TaskQuery().without_annotation().among([task_id])
        if not self._client.count_tasks(self._project_id, unannotated):
            return 0
        return self._client.tidy(task_id, self._version, self._is_replaced)

    def _narrowed(self, query: TaskQuery) -> TaskQuery:
        return query if self._ids is None else query.among(self._ids)
