"""What one prefill run is about: the tasks to do, where their predictions go, and the check at the end."""

import logging
from collections.abc import Iterator
from typing import Any

from wholebody.errors import LabelStudioError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)


class Work:
    """The tasks to do and the place of their predictions; a `loop.Writer`.

    Args:
        client: Label Studio.
        project_id: The project.
        version: The model version of this run's predictions.
        start_id: The least task id.
        ids: The tasks to try, or `None` for all.
        replaces: Whether tasks with predictions of other versions of ours are done as well, and lose those.
        stop: Ends the wait before the last check.
    """

    def __init__(
        self,
        client: LabelStudioClient,
        project_id: int,
        version: str,
        *,
        start_id: int,
        ids: tuple[int, ...] | None,
        replaces: bool,
        stop: Stop,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._version = version
        self._start_id = start_id
        self._ids = None if ids is None else tuple(one for one in ids if one >= start_id)
        self._replaces = replaces
        self._stop = stop
        kinds = [TaskQuery.undone(start_id)]
        if replaces:
            kinds.append(TaskQuery.outdated(version, start_id))
        self._kinds = [kind if self._ids is None else kind.among(self._ids) for kind in kinds]

    def count(self) -> int:
        """How many tasks there are to do."""
        return sum(self._client.count_tasks(self._project_id, kind) for kind in self._kinds)

    def count_all(self) -> int:
        """How many there are with those that need nothing any more."""
        if self._ids is not None:
            return len(self._ids)
        return self._client.count_tasks(self._project_id, TaskQuery(self._start_id))

    def tasks(self) -> Iterator[dict[str, Any]]:
        """The tasks to do: by id, first those without any prediction."""
        for kind in self._kinds:
            yield from self._client.tasks(self._project_id, kind)

    def save_prediction(self, task_id: int, prediction: Prediction) -> bool:
        """Store a prediction, then delete those that it replaces; whether it was stored."""
        stored = self._client.save_prediction(task_id, prediction, replaces=self._replaces)
        if stored and self._replaces:
            try:
                self._make_room(task_id)
            except LabelStudioError as error:
                log.warning("task %d: its old predictions are deleted at the end of the run: %s", task_id, error)
        return stored

    def settle(self) -> int:
        """Leave one prediction of ours in each task; how many were too many.

        A write whose answer was lost may be carried out long after its repetition, by a run that was killed too. So
        this waits until none of this run's can be under way, and then asks for tasks with several predictions.

        Raises:
            LabelStudioError: It could not be done.
            StoppedError: The user asked to stop.
        """
        wait_s = self._client.seconds_to_settle()
        if wait_s:
            log.warning(
                "a write without answer may yet be carried out; looking for copies in %.0f s (Ctrl-C: not at all)",
                wait_s,
            )
            self._stop.pause(wait_s)
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
        return self._client.tidy(task_id, self._version, replaces=True)
