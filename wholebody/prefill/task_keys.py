"""By what a task is known again: in a file, in a folder of predictions, in a project."""

import hashlib
import json
from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_ANONYMOUS = 1 << 63


class TaskKey(NamedTuple):
    """What is kept of a task, in 16 bytes.

    Attributes:
        who: Its id, or where it has none of Label Studio's, a digest of its data.
        data: A digest of its data.
    """

    who: int
    data: int


def has_id(task: dict[str, Any]) -> bool:
    """Whether a task has an id as Label Studio gives them."""
    task_id = task.get("id")
    return isinstance(task_id, int) and not isinstance(task_id, bool) and 0 < task_id < _ANONYMOUS


def key_of(task: dict[str, Any]) -> TaskKey:
    """The key of a task; `id` and `data` are read."""
    digest = hashlib.blake2b(to_json(task["data"], sort_keys=True), digest_size=16).digest()
    first, second = (int.from_bytes(half, "little") for half in (digest[:8], digest[8:]))
    return TaskKey(task["id"] if has_id(task) else first | _ANONYMOUS, second)


def to_json(content: Any, *, sort_keys: bool = False) -> bytes:
    """JSON in one line, whatever was read from JSON: numbers of any size, halves of characters."""
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        return json.dumps(content, sort_keys=sort_keys, separators=(",", ":")).encode()


class TaskKeys:
    """The keys of many tasks, 16 bytes each.

    Attributes:
        who, data: Two arrays of one length, in the order of the tasks; see `TaskKey`.
    """

    def __init__(self, keys: Iterable[TaskKey]) -> None:
        who, data = array("Q"), array("Q")
        for key in keys:
            who.append(key.who)
            data.append(key.data)
        self.who, self.data = _as_keys(who), _as_keys(data)
        self._order = np.argsort(self.who, kind="stable")

    def __len__(self) -> int:
        return len(self.who)

    def repeated(self) -> NDArray[np.bool_]:
        """Of each task, whether one before it has the same `who`."""
        found = np.zeros(len(self.who), bool)
        in_order = self.who[self._order]
        found[self._order[1:]] = in_order[1:] == in_order[:-1]
        return found

    def find(self, who: Keys) -> NDArray[np.int64]:
        """Where the first task with each of these keys is, or -1."""
        if not len(self.who):
            return np.full(len(who), -1)
        at = np.minimum(np.searchsorted(self.who, who, sorter=self._order), len(self.who) - 1)
        places = self._order[at]
        return np.where(self.who[places] == who, places, -1)

    def find_all(self, who: int) -> NDArray[np.int64]:
        """Where all tasks with this key are."""
        number = np.uint64(who)
        first, last = (int(np.searchsorted(self.who, number, side, self._order)) for side in ("left", "right"))
        return self._order[first:last]

    def __contains__(self, who: int) -> bool:
        return bool(self.find(np.array([who], np.uint64))[0] >= 0)


def _as_keys(numbers: "array[int]") -> Keys:
    return np.frombuffer(numbers, np.uint64) if numbers else np.zeros(0, np.uint64)


def shown(who: int) -> str:
    """A task, for an error."""
    return "a task without id" if who & _ANONYMOUS else f"task {who}"
