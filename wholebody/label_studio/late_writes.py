"""Writes that were not answered and may yet be carried out: which, until when, and whether they have been."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wholebody.errors import GoneError, LabelStudioError

SETTLES_UNREPEATED_S = 60.0
"""How long after it was given up a write is waited for where Label Studio does not repeat locked writes itself. Such
writes wait in the database in order: measured, all were carried out within 0.1 s of the answer to the last of them.
Only where none of them was answered, a lock that holds longer can leave a copy, which the next run deletes."""

Predictions = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LateWrite:
    """The writes of one prediction, of which at least one was not answered.

    Attributes:
        task_id: The task.
        count: How often it was written; infinity where one write may become any number of predictions.
        ours: Which of a task's predictions it may have become.
        given_up_at: `time.monotonic()` when the last that was not answered was given up.
        settled_at: `time.monotonic()` from when on none can be carried out any more, at the longest.
    """

    task_id: int
    count: float
    ours: Callable[[Predictions], Predictions]
    given_up_at: float
    settled_at: float


class LateWrites:
    """All of a run.

    Args:
        predictions_of: Task id -> the predictions that it has; may raise a LabelStudioError.

    Attributes:
        are_repeated: Whether Label Studio itself repeats writes that its database refuses for now.
    """

    def __init__(self, predictions_of: Callable[[int], Predictions]) -> None:
        self._predictions_of = predictions_of
        self._writes: dict[int, LateWrite] = {}
        self.are_repeated = True

    def add(self, write: LateWrite) -> None:
        """Take one on, unless it has been settled."""
        if write.settled_at > time.monotonic():
            self._writes[write.task_id] = write

    def seconds_left(self) -> float:
        """How long one may still be carried out unseen; 0 when there is none."""
        ends = [self._settled_at(write) for write in self._writes.values()]
        return max(0.0, max(ends, default=0.0) - time.monotonic())

    def look(self) -> None:
        """Forget those that are seen to have been carried out, and those that cannot be any more."""
        for write in [*self._writes.values()]:
            if self._settled_at(write) <= time.monotonic() or self._is_seen(write):
                del self._writes[write.task_id]

    def _settled_at(self, write: LateWrite) -> float:
        return (
            write.settled_at if self.are_repeated else min(write.settled_at, write.given_up_at + SETTLES_UNREPEATED_S)
        )

    def _is_seen(self, write: LateWrite) -> bool:
        """Whether the task has as many predictions as were written, or is gone itself."""
        try:
            return len(write.ours(self._predictions_of(write.task_id))) >= write.count
        except GoneError:
            return True
        except LabelStudioError:  # whoever asks next will be told
            return False
