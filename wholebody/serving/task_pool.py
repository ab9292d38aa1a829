"""The tasks of a call in several threads, until they are done or nobody waits for them any more."""

import contextvars
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from wholebody.errors import ClientGoneError, DeadlineError
from wholebody.process.calls import AHEAD, Call

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
"""How often it looks whether the client is still there."""


class TaskPool:
    """The threads for the tasks of all calls. Thread-safe.

    Args:
        calls: Calls that it has at a time.
    """

    def __init__(self, calls: int) -> None:
        self._threads = ThreadPoolExecutor(calls * AHEAD, thread_name_prefix="task")

    def run(self, call: Call, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """Do the tasks of a call; what each returns, in order, and `[]` for those not done at the deadline.

        What is running then is not waited for: it stays in `call.leftover`.

        Raises:
            ClientGoneError: Nobody waits for the answer.
        """
        results: list[Any] = [[] for _ in tasks]
        waiting = iter(enumerate(tasks))
        running: dict[Future[Any], int] = {}
        future: Future[Any] | None = None
        try:
            while call.remaining_s > 0:
                for index, task in islice(waiting, AHEAD - len(running)):
                    # A copy each: the call, and whatever else is known of the request, goes with the task.
                    running[self._threads.submit(contextvars.copy_context().run, task)] = index
                if not running:
                    return results
                timeout_s = min(LOOK_EVERY_S, max(0, call.remaining_s))
                for future in wait(running, timeout_s, return_when=FIRST_COMPLETED).done:
                    self._take(call, future, results, running.pop(future))
                if call.gone():
                    raise ClientGoneError
            for future in [future for future in running if future.done()]:
                self._take(call, future, results, running.pop(future))
            call.cut += len(running) + sum(1 for _ in waiting)
            return results
        finally:
            call.leftover = [future for future in running if not future.cancel()]
            del future  # an error of it holds what stands here, the picture among it, and must not hold itself

    @staticmethod
    def _take(call: Call, future: Future[Any], results: list[Any], index: int) -> None:
        try:
            results[index] = future.result()
        except DeadlineError:  # it looked at the clock itself, between two pages
            call.cut += 1
        finally:
            del future  # as above
