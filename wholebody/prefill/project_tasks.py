"""The tasks of a project in Label Studio that a run is to do."""

from collections.abc import Iterator

from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.duplicates import IsReplaced, of_version
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.prefill.parts import Counts, Task
from wholebody.prefill.progress import show_progress
from wholebody.process.stopping import Stop


class ProjectTasks:
    """A `parts.TaskSource`: the tasks without annotation that have no prediction, or none but replaced ones.

    Args:
        client: Label Studio.
        project_id: The project.
        version: The model version of this run's predictions.
        start_id: The least task id.
        ids: The tasks to try, or `None` for all.
        is_replaced: Which predictions of ours are replaced; `None` where none is.
        stop: Ends the comparison of predictions with the config.
    """

    def __init__(
        self,
        client: LabelStudioClient,
        project_id: int,
        version: str,
        *,
        start_id: int,
        ids: tuple[int, ...] | None,
        is_replaced: IsReplaced | None,
        stop: Stop,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._version = version
        self._start_id = start_id
        self._ids = None if ids is None else tuple(one for one in ids if one >= start_id)
        self._is_replaced = is_replaced
        self._stop = stop
        self._misfits: tuple[int, ...] = ()
        self._kinds = [self._narrowed(TaskQuery.undone(start_id))]
        if is_replaced:
            self._kinds.append(self._narrowed(TaskQuery.outdated(version, start_id)))

    def find_misfits(self) -> int:
        """Take on the tasks whose only predictions of this version are replaced; how many.

        Label Studio cannot be asked for these tasks, so all that have such a prediction are read.

        Raises:
            LabelStudioError: They cannot be.
            StoppedError: The user asked to stop.
        """
        if self._is_replaced is None:
            return 0
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

    def count(self) -> Counts:
        """See `TaskSource`."""
        todo = sum(self._client.count_tasks(self._project_id, kind) for kind in self._kinds) + len(self._misfits)
        return Counts(todo, max(0, self._count_all() - todo))

    def tasks(self) -> Iterator[Task]:
        """See `TaskSource`: by id, first those without any prediction."""
        for kind in self._kinds:
            yield from self._client.tasks(self._project_id, kind)
        misfits = TaskQuery(self._start_id).without_annotation().among(self._misfits)
        yield from self._client.tasks(self._project_id, misfits)

    def _count_all(self) -> int:
        if self._ids is not None:
            return len(self._ids)
        return self._client.count_tasks(self._project_id, TaskQuery(self._start_id))

    def _narrowed(self, query: TaskQuery) -> TaskQuery:
        return query if self._ids is None else query.among(self._ids)
