"""The tasks of a file that a run is to do."""

import logging
from collections.abc import Collection, Iterator
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from wholebody.errors import DatasetError
from wholebody.prefill.parts import Counts, Task
from wholebody.prefill.shards import Shard
from wholebody.prefill.task_keys import TaskKey, TaskKeys, has_id, key_of, shown
from wholebody.prefill.task_lists import TaskList

log = logging.getLogger(__name__)


class FileTasks:
    """A `parts.TaskSource`: the tasks of a file without annotation and prediction, and which a folder lacks.

    The file is read twice: once before the run, for what is wrong with it and for how much there is to do.

    Args:
        tasks: The tasks of the file.
        done: Those that the folder has.
        folder: The folder's name, for errors.
        shard: Which of them are this run's.
        start_id: The least id, of those that have one.
        ids: The tasks to try, or `None` for all.

    Raises:
        DatasetError: It is no file of tasks, two of them have one id, or the folder is one of other tasks.
    """

    def __init__(
        self,
        tasks: TaskList,
        done: TaskKeys,
        folder: str,
        shard: Shard,
        *,
        start_id: int,
        ids: Collection[int | str] | None,
    ) -> None:
        self._tasks = tasks
        idle, wanted = bytearray(), bytearray()
        keys = TaskKeys(_scan(tasks, idle, wanted, start_id, ids))
        is_done = np.frombuffer(idle, bool) | self._repeated(keys) | self._in_folder(keys, done, folder)
        mine = np.zeros(len(is_done), bool)
        mine[shard.number - 1 :: shard.count] = True
        mine &= np.frombuffer(wanted, bool)
        self._todo: NDArray[np.bool_] = mine & ~is_done
        self._counts = Counts(int(self._todo.sum()), int((mine & is_done).sum()))

    def count(self) -> Counts:
        """See `TaskSource`."""
        return self._counts

    def tasks(self) -> Iterator[Task]:
        """See `TaskSource`: in the order of the file."""
        yield from compress(self._tasks, self._todo)

    def _repeated(self, keys: TaskKeys) -> NDArray[np.bool_]:
        repeated = keys.repeated()
        places = np.flatnonzero(repeated)
        firsts = keys.find(keys.who[places])
        others = keys.data[places] != keys.data[firsts]
        if others.any():
            first, second = int(firsts[others][0]), int(places[others][0])
            raise DatasetError(
                f"{self._tasks.path}: its tasks {first + 1} and {second + 1} both have the id {int(keys.who[second])}, "
                "and are not the same; delete the ids"
            )
        if len(places):
            log.warning("%s: %d tasks are there several times; each is done once", self._tasks.path, len(places))
        return repeated

    def _in_folder(self, keys: TaskKeys, done: TaskKeys, folder: str) -> NDArray[np.bool_]:
        """Of each task, whether the folder has it."""
        if not len(done):
            return np.zeros(len(keys), bool)
        missing = keys.find(done.who) < 0
        if missing.any():
            who = int(done.who[missing].min())
            raise DatasetError(
                f"{folder} has {int(missing.sum())} tasks that are not in {self._tasks.path}, such as {shown(who)}; "
                "choose another folder with --out"
            )
        places = done.find(keys.who)
        found = places >= 0
        others = found.copy()
        others[found] = keys.data[found] != done.data[places[found]]
        if others.any():
            raise DatasetError(
                f"{folder} has {shown(int(keys.who[others].min()))} with other data than {self._tasks.path}; "
                "choose another folder with --out"
            )
        return found


def _scan(
    tasks: TaskList, idle: bytearray, wanted: bytearray, start_id: int, ids: Collection[int | str] | None
) -> Iterator[TaskKey]:
    """The keys of all tasks; and of each, whether it needs nothing, and whether it was asked for."""
    for task in tasks:
        idle.append(any(bool(task.get(name)) for name in ("annotations", "predictions")))
        is_early = has_id(task) and task["id"] < start_id
        wanted.append(not is_early and (ids is None or task["id"] in ids))
        yield key_of(task)
