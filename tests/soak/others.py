"""What other people do to the project while the prefill runs: at which request, what, and to which task, by a seed."""

import json
import random
from enum import Enum

from tests.http_server import Received
from tests.soak.ledger import SOMEBODY, Ledger, Task
from tests.soak.stub_model import VERSION, result_of

NEAR = 12
"""Half of what happens is to one of so many tasks from where the prefill is: those that it has listed already."""


class Event(Enum):
    """One thing that somebody does."""

    DELETE = "task deleted"
    ANNOTATE = "task annotated"
    SKIP = "task skipped"
    OPEN = "task opened, and predicted by the backend"
    OTHER_MODEL = "task predicted by another model"
    IMPORT = "task added"
    RACE = "task opened while its prediction is on its way"


class Others:
    """Other people. They stop early enough for the prefill to see all of it.

    Attributes:
        done: What they did: request, event and task.
    """

    def __init__(self, seed: int, ledger: Ledger, rate: float, until_request: int) -> None:
        self.done: list[tuple[int, str, int]] = []
        self._seed, self._ledger, self._rate, self._until = seed, ledger, rate, until_request
        self._at = 0
        self._in_hand = set[int]()

    def act(self, number: int, request: Received) -> None:
        """Do what somebody does just before the n-th request is carried out."""
        self._at = task_of(request) or self._at
        self._in_hand = _tasks_of(request)
        draw = random.Random(f"others {self._seed} {number}")
        if number > self._until or draw.random() >= self._rate:
            return
        event = draw.choice(list(Event))
        task: Task | None
        if event is Event.IMPORT:
            task = self._ledger.add_task()
        elif event is Event.RACE:
            task = self._ledger.find(self._at) if request.method == "POST" else None
        else:
            task = self._choose(draw)
        if task is not None:
            self._do(event, task)
            self.done.append((number, event.value, task.id))

    def _do(self, event: Event, task: Task) -> None:
        if event is Event.DELETE:
            self._ledger.delete_task(task)
        elif event is Event.ANNOTATE:
            task.annotations += 1
        elif event is Event.SKIP:
            task.cancelled += 1
        elif event in (Event.OPEN, Event.RACE) and not task.predictions:
            self._ledger.store(task.id, VERSION, result_of(task.id), 0.5, SOMEBODY)
        elif event is Event.OTHER_MODEL:
            self._ledger.store(task.id, "another-1", [], None, SOMEBODY)

    def _choose(self, draw: random.Random) -> Task | None:
        """A task that nobody did anything to; not the one in hand."""
        last = len(self._ledger.tasks)
        near = range(min(self._at + 1, last), min(self._at + NEAR, last) + 1)
        task = self._ledger.find(draw.choice(near) if draw.random() < 0.5 else draw.randint(1, last))
        if (
            task is None
            or task.id in {self._at, *self._in_hand}
            or task.predictions
            or task.annotations
            or task.cancelled
        ):
            return None
        return task


def task_of(request: Received) -> int:
    """The task that a request about predictions is about, or 0."""
    if tasks := _tasks_of(request):
        return max(tasks)
    if request.path != "/api/predictions/":
        return 0
    return int(request.parameters.get("task") or json.loads(request.body or b"{}").get("task") or 0)


def _tasks_of(request: Received) -> set[int]:
    """The tasks of a call for many."""
    is_bulk = request.path.endswith("/import/predictions")
    return {item["task"] for item in json.loads(request.body)} if is_bulk else set()
