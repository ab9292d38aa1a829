"""The predictions of a project in Label Studio: one writer, and the check at the end."""

import logging
from collections.abc import Mapping

from wholebody.errors import GoneError, LabelStudioError, StoppedError
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.duplicates import IsReplaced, is_never_replaced
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.predictions import Prediction
from wholebody.prefill.config_watch import ConfigWatch
from wholebody.prefill.late_writes import wait_for_late_writes
from wholebody.prefill.parts import Task
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Calls for many tasks that fail in turn, after which all is written one by one."""


class ProjectPredictions:
    """A `parts.PredictionStore`.

    Args:
        client: Label Studio.
        project: The project as it was when the run began.
        version: The model version of this run's predictions.
        start_id: The least task id that the check at the end looks at.
        is_replaced: Which predictions a new one replaces; they are deleted. `None` where none is.
        stop: Ends the wait before the last check.
    """

    def __init__(
        self,
        client: LabelStudioClient,
        project: Project,
        version: str,
        *,
        start_id: int,
        is_replaced: IsReplaced | None,
        stop: Stop,
    ) -> None:
        self._client = client
        self._project_id = project.id
        self._version = version
        self._watch = ConfigWatch(client, project)
        self._start_id = start_id
        self._replaces = is_replaced is not None
        self._is_replaced = is_replaced or is_never_replaced
        self._stop = stop
        self._has_stored = False
        self._ahead: set[int] = set()
        self._doubtful: set[int] = set()
        self._failures = 0

    def save_all(self, predictions: Mapping[int, Prediction]) -> None:
        """Store predictions in one call, for `save` to find them stored. What was not, `save` stores.

        Args:
            predictions: Task id -> prediction. Not for runs that replace predictions.

        Raises:
            LabelStudioError: Which tasks have predictions cannot be asked.
            StoppedError: The user asked to stop.
            ConfigChangedError: See `PredictionStore`.
            GoneError: See `PredictionStore`.
        """
        if not predictions or self._failures >= MOST_FAILURES:
            return
        self._watch.look_now_and_then()
        query = TaskQuery.unpredicted().without_annotation().among([*predictions])
        free = {task["id"] for task in self._client.tasks(self._project_id, query)}
        self._doubtful |= predictions.keys() - free
        if not free:
            return
        if self._client.save_predictions(self._project_id, {one: predictions[one] for one in sorted(free)}):
            self._ahead, self._has_stored, self._failures = free, True, 0
            return
        self._doubtful |= free
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            log.warning("it failed %d times in turn: all are written one by one from here on", MOST_FAILURES)

    def save(self, task: Task, prediction: Prediction) -> bool:
        """Store a prediction, then delete those that it replaces; whether it was stored. See `PredictionStore`."""
        if task["id"] in self._ahead:
            self._ahead.remove(task["id"])
            return True
        self._watch.look_now_and_then()
        stored = self._client.save_prediction(task["id"], prediction, self._is_replaced)
        self._has_stored |= stored
        if stored and self._replaces:
            try:
                self._make_room(task["id"])
            except LabelStudioError as error:
                log.warning("task %d: its old predictions are deleted at the end of the run: %s", task["id"], error)
        return stored

    def show(self) -> None:
        """Let the labeling stream show what was stored, where the project does not say what it shows."""
        if not self._has_stored:
            return
        try:
            if not self._client.project(self._project_id).model_version:  # as it is now, perhaps hours after the start
                self._client.show_predictions_of(self._project_id, self._version)
        except GoneError:  # what comes next says so
            pass
        except (LabelStudioError, StoppedError) as error:
            log.warning(
                "the labeling stream may not show the predictions: %s; choose %r in Settings > Annotation",
                error,
                self._version,
            )

    def settle(self) -> int:
        """Leave one prediction of ours in each task, made for the config that the project has. See `PredictionStore`.

        A write whose answer was lost may be carried out long after its repetition, by a run that was killed too. So
        this waits until none of this run's can be under way, and then asks for tasks with several predictions.
        """
        wait_for_late_writes(self._client, self._project_id, self._version, self._stop)
        self._watch.look()  # before anything is deleted as made for another config
        deleted = sum(map(self._settle_one, sorted(self._doubtful)))
        several = TaskQuery.with_more_than_one(self._version, self._start_id)
        deleted += sum(
            self._client.tidy(task["id"], self._version) for task in self._client.tasks(self._project_id, several)
        )
        if self._replaces:
            for task in self._client.tasks(self._project_id, several.without_annotation()):
                deleted += self._make_room(task["id"])
        return deleted

    def settles_at_once(self) -> bool:
        """Whether no write that was not answered can be under way any more."""
        self._client.late_writes.look()
        return not self._client.late_writes.seconds_left()

    def _settle_one(self, task_id: int) -> int:
        """Leave one prediction in a task of which Label Studio may not know how many it has."""
        deleted = self._client.tidy(task_id, self._version)
        self._client.recount(task_id)
        self._doubtful.remove(task_id)
        return deleted

    def _make_room(self, task_id: int) -> int:
        """Delete what was replaced, unless somebody has annotated the task meanwhile."""
        unannotated = TaskQuery().without_annotation().among([task_id])
        if not self._client.count_tasks(self._project_id, unannotated):
            return 0
        return self._client.tidy(task_id, self._version, self._is_replaced)
