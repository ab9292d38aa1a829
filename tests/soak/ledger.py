"""Tasks and predictions of one project in memory, and what the run under faults must not do to them. Thread-safe."""

import operator
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

PREFILL, SOMEBODY = "prefill", "somebody"
OLD_VERSION = "wholebody-soak-1"


@dataclass(slots=True)
class Stored:
    """One prediction; `origin` is who wrote it."""

    id: int
    task: int
    model_version: str
    result: Any
    score: float | None
    origin: str

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        shown = asdict(self)
        del shown["origin"]
        return shown | {"project": 1, "cluster": None, "neighbors": None, "mislabeling": 0.0}


@dataclass(slots=True)
class Task:
    """One task with its predictions; a deleted one stays here, marked."""

    id: int
    annotations: int = 0
    cancelled: int = 0
    deleted: bool = False
    counted: bool = True
    predictions: list[Stored] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """What a list of tasks can be filtered by and can show."""
        return {
            "id": self.id,
            "data": {"image": f"task {self.id}"},
            "total_predictions": len(self.predictions) * self.counted,
            "total_annotations": self.annotations,
            "cancelled_annotations": self.cancelled,
            "predictions_model_versions": sorted({one.model_version for one in self.predictions}),
            "predictions": [one.shown() for one in self.predictions],
        }


Compare = Callable[[Any, Any], bool]
_ID_FROM = ("filter:tasks:id", "greater_or_equal")
OPERATORS: dict[str, Compare] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "greater": operator.gt,
    "greater_or_equal": operator.ge,
    "less": operator.lt,
    "less_or_equal": operator.le,
    "empty": lambda versions, wanted: (not versions) == wanted,
    "in": lambda field_value, bounds: bool(bounds["min"] <= field_value <= bounds["max"]),
    "in_list": lambda field_value, asked: field_value in asked,
    "contains": lambda versions, asked: any(part in version for version in versions for part in asked),
    "not_contains": lambda versions, asked: not any(part in version for version in versions for part in asked),
}


class Ledger:
    """The project's tasks and predictions.

    Attributes:
        bared: Tasks whose last prediction the prefill deleted.
        lock: Held while something is read or changed.
    """

    def __init__(self, tasks: int, *, old: bool) -> None:
        self.lock = threading.RLock()
        self.tasks: dict[int, Task] = {}
        self.bared: list[int] = []
        self._predictions: dict[int, Stored] = {}
        self._last_id = 0
        for _ in range(tasks):
            self.add_task()
        if old:
            for task_id in self.tasks:
                self.store(task_id, OLD_VERSION, [], None, SOMEBODY)

    def add_task(self) -> Task:
        """One more task at the end."""
        task = Task(len(self.tasks) + 1)
        self.tasks[task.id] = task
        return task

    def find(self, task_id: int) -> Task | None:
        """A task that is there."""
        task = self.tasks.get(task_id)
        return None if task is None or task.deleted else task

    def matching(self, filters: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows that meet all of Label Studio's filters, by id.

        Raises:
            KeyError: There is no such field.
        """
        filters = list(filters)
        # Most rows need not be looked at: the filter by id is met by going from there on.
        first = max((item["value"] for item in filters if (item["filter"], item["operator"]) == _ID_FROM), default=0)
        ids = list(self.tasks)
        rows = [self.tasks[task_id].row() for task_id in ids[bisect_left(ids, first) :] if self.find(task_id)]
        for item in filters:
            name = item["filter"].removeprefix("filter:tasks:")
            meets: Compare = OPERATORS.get(item["operator"], operator.eq)  # as Label Studio does with an unknown one
            rows = [row for row in rows if meets(row[name], item["value"])]
        return rows

    def store(self, task_id: int, version: str, result: Any, score: float | None, origin: str) -> Stored:
        """One more prediction: nothing is refused because it is there already."""
        self._last_id += 1
        stored = Stored(self._last_id, task_id, version, result, score, origin)
        self._predictions[stored.id] = stored
        self.tasks[task_id].predictions.append(stored)
        self.tasks[task_id].counted = True
        return stored

    def prediction(self, number: int) -> Stored | None:
        """A prediction by its id."""
        return self._predictions.get(number)

    def delete(self, stored: Stored) -> None:
        """Delete a prediction, as the prefill asks."""
        del self._predictions[stored.id]
        task = self.tasks[stored.task]
        task.predictions.remove(stored)
        task.counted = True
        if not task.predictions:
            self.bared.append(task.id)

    def delete_task(self, task: Task) -> None:
        """Delete a task with its predictions."""
        task.deleted = True
        for stored in task.predictions:
            del self._predictions[stored.id]
        task.predictions.clear()

    def versions(self) -> dict[str, int]:
        """Model version -> number of predictions."""
        counts: dict[str, int] = {}
        for stored in self._predictions.values():
            counts[stored.model_version] = counts.get(stored.model_version, 0) + 1
        return counts

    def snapshot(self) -> dict[str, Any]:
        """All of it, for the count after the run."""
        with self.lock:
            return {"tasks": [asdict(task) for task in self.tasks.values()], "bared": self.bared}
