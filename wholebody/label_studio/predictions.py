"""The predictions of tasks in Label Studio: stored once, whatever becomes of a call, and copies taken away again."""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from wholebody.errors import GoneError, LabelStudioError, StoppedError, UnavailableError
from wholebody.label_studio.duplicates import IsReplaced, is_never_replaced, of_version, surplus
from wholebody.label_studio.late_writes import LateWrite, LateWrites
from wholebody.label_studio.transport import Transport
from wholebody.predictions import Prediction

log = logging.getLogger(__name__)

PATH = "/api/predictions/"
BULK_PATH = "/api/projects/{}/import/predictions"

LOOK_EARLY_S = 0.1
"""A task is looked at so long before the write may start, that the look costs no time of its own."""


class Predictions:
    """Stores and deletes predictions, one call at a time.

    Attributes:
        late: Writes that were not answered and may be carried out after their repetition: the task then has two.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.late = LateWrites(self.of)
        self._left_open: dict[int, _LeftOpen] = {}

    def of(self, task_id: int) -> list[dict[str, Any]]:
        """All that a task has, in one call.

        Raises:
            GoneError: There is no such task.
            LabelStudioError: There is no answer.
        """
        present = self._transport.read(PATH, {"task": task_id})
        if not isinstance(present, list) or not all(_is_prediction(one, task_id) for one in present):
            raise UnavailableError(f"{self._transport.base_url} does not list predictions as Label Studio does")
        return present

    def save(self, task_id: int, prediction: Prediction, is_replaced: IsReplaced = is_never_replaced) -> bool:
        """Store a prediction unless the task has one; repeat what failed for now.

        Before every attempt, and after the last that failed, Label Studio is asked what the task has: a write
        whose answer was lost may well have been carried out, and somebody may have opened the task since it
        was listed.

        Args:
            task_id: The task.
            prediction: What is stored.
            is_replaced: Which predictions count as none. They are not deleted here.

        Returns:
            Whether it was stored; `False` when the task has got a prediction from elsewhere, or is gone.

        Raises:
            LabelStudioError: Not stored, or (UnavailableError) not known to be stored.
            StoppedError: Not known to be stored, and not repeated because the user asked to stop.
        """
        before = self._left_open.pop(task_id, None)
        writing = _Writing(self, self._transport, task_id, prediction, is_replaced, before)
        try:
            stored = self._transport.repeated(writing.attempt)
        except GoneError:
            return False
        except (UnavailableError, StoppedError):
            if not writing.is_stored():
                raise
            stored = True
        finally:
            self.late.add(writing.as_late())
        return stored

    def save_all(self, project_id: int, predictions: Mapping[int, Prediction]) -> bool:
        """Store the predictions of tasks that have none, in one call, which is not repeated.

        Whatever the answer, unless it is the proper one the call may have been carried out, not at all or more than
        once. So `save` is to be asked for each of these tasks then: it looks first, and knows of this call.

        Args:
            project_id: The project of all the tasks.
            predictions: Task id -> what is stored.

        Returns:
            Whether they are known to be stored.

        Raises:
            StoppedError: The call was not begun, because the user asked to stop.
        """
        items = [{"task": task_id, **prediction} for task_id, prediction in predictions.items()]
        begun, settles_in_s = time.monotonic(), 0.0
        try:
            answer = self._transport.write("POST", BULK_PATH.format(project_id), items, parts=len(items))
        except LabelStudioError as error:
            settles_in_s = error.settles_in_s if isinstance(error, UnavailableError) else 0.0
            log.warning("%s: %d predictions are looked at, and written one by one", error, len(items))
        else:
            if answer == {"created": len(items)}:
                return True
            log.warning("%d predictions were not stored as they were sent; they are looked at one by one", len(items))
        left = _LeftOpen(time.monotonic(), begun + settles_in_s) if settles_in_s else _LeftOpen()
        self._left_open = dict.fromkeys(predictions, left)
        return False

    def recount(self, task_id: int) -> None:
        """Let Label Studio count the predictions of a task: killed in a call for many, it has stored but not counted.

        It counts whenever a prediction is saved.

        Raises:
            LabelStudioError: It is not known to have counted.
            StoppedError: The user asked to stop.
        """

        def save_one() -> None:
            for one in self.of(task_id)[:1]:
                self._transport.write("PATCH", f"{PATH}{one['id']}/", {"score": one.get("score")})

        with suppress(GoneError):
            self._transport.repeated(save_one)

    def tidy(self, task_id: int, version: str, is_replaced: IsReplaced = is_never_replaced) -> int:
        """Delete what a task has too much (see `duplicates.surplus`); how many predictions.

        What another run deletes at the same time is not counted, unless an answer was lost: then both may count it.

        Raises:
            LabelStudioError: It is not known to be deleted.
            StoppedError: The user asked to stop.
        """
        tried, deleted = set[int](), set[int]()

        def delete_all() -> None:
            present = self.of(task_id)
            deleted.update(tried - {one["id"] for one in present})  # by an earlier attempt, whose answer was lost
            for one in surplus(present, version, is_replaced):
                tried.add(one["id"])
                with suppress(GoneError):  # by somebody else
                    self._transport.write("DELETE", f"{PATH}{one['id']}/")
                    deleted.add(one["id"])

        with suppress(GoneError):  # the task itself
            self._transport.repeated(delete_all)
        return len(deleted)


@dataclass(frozen=True, slots=True)
class _LeftOpen:
    """A call for many tasks that was not answered as it should be; see `LateWrite`.

    On SQLite, Label Studio repeats all of it when its database is locked for what comes after it has stored them: one
    that is seen to be carried out may be carried out again.
    """

    given_up_at: float = float("-inf")
    settled_at: float = float("-inf")


class _Writing:
    """One prediction on its way into Label Studio."""

    def __init__(
        self,
        predictions: Predictions,
        transport: Transport,
        task_id: int,
        prediction: Prediction,
        is_replaced: IsReplaced,
        before: _LeftOpen | None,
    ) -> None:
        self._predictions = predictions
        self._transport = transport
        self._task_id = task_id
        self._prediction = prediction
        self._is_replaced = is_replaced
        # Should this one itself be taken for one that makes room, it must be found again all the same.
        others = is_never_replaced if is_replaced({**prediction}) else is_replaced
        self._ours = partial(of_version, version=prediction["model_version"], is_replaced=others)
        self._posts = 0 if before is None else 1
        self._most = 0 if before is None else math.inf
        before = before or _LeftOpen()
        self._given_up_at, self._settled_at = before.given_up_at, before.settled_at

    def attempt(self) -> bool:
        """Look, and write if there is nothing; whether ours is stored."""
        pace = self._transport.pace
        pace.wait_to_write(early_s=LOOK_EARLY_S)
        present = self._predictions.of(self._task_id)
        if self._has_ours(present):
            return bool(self._posts)
        if present and not any(map(self._is_replaced, present)):
            return False
        pace.wait_to_write()
        self._posts += 1
        self._post()
        return True

    def is_stored(self) -> bool:
        """Whether a write that failed has been carried out, as far as can be known; asked once."""
        if not self._posts:
            return False
        try:
            return self._has_ours(self._predictions.of(self._task_id))
        except (UnavailableError, GoneError, StoppedError):
            return False

    def as_late(self) -> LateWrite:
        """What of it may yet be carried out."""
        return LateWrite(self._task_id, max(self._posts, self._most), self._ours, self._given_up_at, self._settled_at)

    def _post(self) -> None:
        begun = time.monotonic()
        try:
            stored = self._transport.write("POST", PATH, {"task": self._task_id, **self._prediction})
            if not _is_prediction(stored, self._task_id):
                raise UnavailableError(f"POST {PATH}: {self._transport.base_url} does not answer as Label Studio does")
        except UnavailableError as error:
            if error.settles_in_s:
                self._given_up_at = time.monotonic()
                self._settled_at = max(self._settled_at, begun + error.settles_in_s)
            raise

    def _has_ours(self, present: list[dict[str, Any]]) -> bool:
        ours = self._ours(present)
        if len(ours) >= max(self._posts, self._most):  # each write has been carried out: there is none to come
            self._settled_at = float("-inf")
        return bool(ours)


def _is_prediction(content: Any, task_id: int) -> bool:
    return (
        isinstance(content, dict)
        and isinstance(content.get("id"), int)
        and content.get("task") == task_id
        and "model_version" in content
    )
