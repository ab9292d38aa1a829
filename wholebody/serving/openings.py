"""Keeps Label Studio from storing two equal predictions when it asks twice at once about a task being opened.

The first opening of a task in a freshly loaded project can send two parallel /predict calls, and Label Studio stores
what each of them answers. After either call it reads the task's predictions anew from its database. So the second
call is held until the first one's prediction is seen there, and then answered with nothing: the editor shows the
stored one, whichever of the two answers it uses. Where that cannot be seen in time, the second gets the prediction
as well: stored twice is better than an editor that stays empty. Where Label Studio refuses to be asked, as it does when
the token's user may not see the project, nobody waits, and the log says so once.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from cachetools import TTLCache

from wholebody.errors import LabelStudioError, UnavailableError
from wholebody.predictions import Prediction

log = logging.getLogger(__name__)

LINGER_S = 3.0
"""How long after an answer another call for the same task may still belong to the same opening."""

SEEN_WITHIN_S = 8.0
POLL_S = 0.1
MAX_TASKS = 1024

REFUSED_S = 600.0
"""How long a project is not asked about any more whose predictions Label Studio does not show."""

IsStored = Callable[[dict[str, Any]], bool]
"""Whether Label Studio has a prediction of our model version for a task; may raise a LabelStudioError."""

Opening = tuple[int, bytes]


class Openings:
    """One for all requests. Thread-safe.

    Args:
        is_stored: Asks Label Studio; `None` where that is not possible, and nothing is held back then.
    """

    def __init__(self, is_stored: IsStored | None) -> None:
        self._is_stored = is_stored
        self._recent: TTLCache[Opening, Future[Prediction]] = TTLCache(MAX_TASKS, LINGER_S)
        self._running: dict[Opening, Future[Prediction]] = {}
        self._refused: TTLCache[object, str] = TTLCache(MAX_TASKS, REFUSED_S)
        self._lock = threading.Lock()

    def predict(
        self, task: dict[str, Any], variant: bytes, annotate: Callable[[], Prediction]
    ) -> Prediction | list[Any]:
        """The prediction of a task, or `[]` when that of a parallel call has just been stored.

        Args:
            task: A task as Label Studio sends it.
            variant: What else the prediction depends on: calls that differ in it have nothing to do with each other.
            annotate: Makes the prediction.

        Raises:
            WholebodyError: What `annotate` raises, in each of the parallel calls.
        """
        task_id = task.get("id")
        if self._is_stored is None or not isinstance(task_id, int):
            return annotate()
        opening = (task_id, variant)
        with self._lock:
            other = self._running.get(opening) or self._recent.get(opening)
            if other is None:
                self._running[opening] = Future()
        if other is None:
            return self._first(opening, annotate)
        try:
            prediction = other.result()
        finally:
            del other  # its error holds what stands here, the picture among it, and must not hold itself
        return [] if self._is_seen(task) else prediction

    def _first(self, opening: Opening, annotate: Callable[[], Prediction]) -> Prediction:
        try:
            prediction = annotate()
        except BaseException as error:
            self._ended(opening).set_exception(error)
            raise
        with self._lock:
            mine = self._recent[opening] = self._running.pop(opening)
        mine.set_result(prediction)
        return prediction

    def _ended(self, opening: Opening) -> Future[Prediction]:
        with self._lock:
            return self._running.pop(opening)

    def _is_seen(self, task: dict[str, Any]) -> bool:
        """Wait for the other call's prediction to be stored."""
        assert self._is_stored is not None  # noqa: S101  # predict() has seen to it
        task_id, project = task["id"], str(task.get("project"))
        with self._lock:
            if project in self._refused:
                return False
        deadline = time.monotonic() + SEEN_WITHIN_S
        try:
            while time.monotonic() < deadline:
                if self._is_stored(task):
                    return True
                time.sleep(POLL_S)
        except UnavailableError as error:
            log.warning("task %s may get two equal predictions: %s", task_id, error)
            return False
        except LabelStudioError as error:
            with self._lock:
                told = project in self._refused
                self._refused[project] = str(error)
            if not told:
                log.warning(
                    "tasks of project %s that are opened twice at once get two equal predictions: %s", project, error
                )
            return False
        log.warning("task %s may get two equal predictions: the first was not seen in Label Studio", task_id)
        return False
