"""Who is worked on, who waits and who is sent away."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.process.test_turns import until
from wholebody.errors import BusyError, ClientGoneError, DeadlineError
from wholebody.process.calls import Call, Priority
from wholebody.serving.admission import Admission

PROMPT, OPENING, SELECTION = Priority
FULL = r"^the backend is busy: {} calls wait already \(QUEUE_LIMIT\)$"


class Counted(Admission):
    """Knows how many have come."""

    joined = 0

    def _join(self, priority: Priority) -> Any:
        waiter = super()._join(priority)
        self.joined += 1
        return waiter


class Calls:
    """Calls that hold their places until they are told to end."""

    def __init__(self, places: int, limit: int) -> None:
        self.admission = Counted(places, limit)
        self.served: list[int] = []
        self._ends: list[threading.Event] = []
        self._pool = ThreadPoolExecutor(50)

    def add(self, priority: Priority, call: Call | None = None) -> "Future[None]":
        """Let one more arrive; it has its place, waits or is refused when this returns."""
        self._ends.append(threading.Event())
        future = self._pool.submit(self._hold, len(self._ends) - 1, call or Call(priority))
        until(lambda: self.admission.joined == len(self._ends))
        return future

    def fill(self, *priorities: Priority) -> "list[Future[None]]":
        return [self.add(priority) for priority in priorities]

    def end(self, number: int) -> None:
        """Let a call end, and the next begin."""
        self._ends[number].set()

    def end_all(self) -> None:
        for end in self._ends:
            end.set()
        self._pool.shutdown()

    def _hold(self, number: int, call: Call) -> None:
        with self.admission.place(call):
            self.served.append(number)
            assert self._ends[number].wait(20)


def counts(admission: Admission) -> tuple[int, int]:
    return admission.working, admission.waiting


@pytest.mark.parametrize(
    ("places", "arriving", "working"),
    [
        # the last place is kept for prompts, the one before for prompts and single tasks
        (4, [SELECTION, SELECTION, SELECTION], 2),
        (4, [SELECTION, SELECTION, SELECTION, OPENING, OPENING], 3),
        (4, [SELECTION, SELECTION, SELECTION, OPENING, OPENING, PROMPT, PROMPT], 4),
        (4, [SELECTION, OPENING, OPENING, SELECTION], 3),
        # which may have the others as well
        (4, [OPENING, OPENING, OPENING, OPENING, SELECTION], 3),
        (4, [PROMPT, PROMPT, PROMPT, PROMPT, PROMPT], 4),
        (4, [PROMPT, PROMPT, PROMPT, OPENING, SELECTION], 4),
        (4, [PROMPT, PROMPT, PROMPT, SELECTION, SELECTION], 4),
        # few places
        (2, [SELECTION, OPENING, PROMPT], 2),
        # a single place is for all
        (1, [SELECTION, PROMPT], 1),
    ],
)
def test_places(places: int, arriving: list[Priority], working: int) -> None:
    calls = Calls(places, 10)
    calls.fill(*arriving)
    until(lambda: len(calls.served) == working)
    assert counts(calls.admission) == (working, len(arriving) - working)
    calls.end_all()
    assert counts(calls.admission) == (0, 0)
    assert len(calls.served) == len(arriving)


def test_prompts_go_first_then_single_tasks_then_selections_each_in_order() -> None:
    calls = Calls(1, 10)
    calls.fill(SELECTION, SELECTION, OPENING, SELECTION, PROMPT, OPENING, PROMPT)
    for number in (0, 4, 6, 2, 5, 1, 3):
        until(lambda number=number: calls.served[-1:] == [number])
        calls.end(number)
    calls.end_all()
    assert calls.served == [0, 4, 6, 2, 5, 1, 3]


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_one_more_than_may_wait_is_refused_at_once(limit: int) -> None:
    calls = Calls(3, limit)
    calls.fill(*[SELECTION] * (1 + limit))
    refused = calls.add(SELECTION)
    with pytest.raises(BusyError, match=FULL.format(limit)):
        refused.result(timeout=10)
    assert counts(calls.admission) == (1, limit)
    calls.end(0)
    until(lambda: sum(counts(calls.admission)) == limit)
    calls.add(SELECTION)
    calls.end_all()
    assert len(calls.served) == limit + 2


def test_a_prompt_takes_the_last_selections_place_in_the_queue() -> None:
    calls = Calls(1, 2)
    _, first, last = calls.fill(SELECTION, SELECTION, SELECTION)
    calls.add(PROMPT)
    with pytest.raises(BusyError, match=FULL.format(2)):
        last.result(timeout=10)
    assert not first.done()
    calls.end_all()
    assert calls.served == [0, 3, 1]


def test_a_selection_takes_nobodys_place_in_the_queue() -> None:
    calls = Calls(1, 1)
    _, prompt = calls.fill(SELECTION, PROMPT)
    with pytest.raises(BusyError, match=FULL.format(1)):
        calls.add(SELECTION).result(timeout=10)
    calls.end_all()
    prompt.result()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: Call(SELECTION, deadline=time.monotonic() + 0.3), DeadlineError),
        (lambda: Call(SELECTION, deadline=time.monotonic() - 1), DeadlineError),
        (lambda: Call(SELECTION, gone=lambda: True), ClientGoneError),
    ],
)
def test_who_need_not_wait_any_more_gives_up_the_place(call: Callable[[], Call], error: type[Exception]) -> None:
    calls = Calls(1, 1)
    calls.add(SELECTION)
    waiting = calls.add(SELECTION, call())
    with pytest.raises(error):
        waiting.result(timeout=10)
    assert counts(calls.admission) == (1, 0)
    calls.end_all()
    assert (calls.served, counts(calls.admission)) == ([0], (0, 0))


def test_the_place_is_kept_until_what_was_left_over_has_ended() -> None:
    """Calls that are cut while their images do not come hold up no more than there are places."""
    admission, call, left = Admission(1, 1), Call(), [Future[None](), Future[None]()]
    with admission.place(call):
        call.leftover = list(left)
    for future in left:
        assert admission.working == 1
        future.set_result(None)
    assert admission.working == 0


def test_an_error_gives_the_place_back() -> None:
    admission = Admission(1, 0)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^ours$"), admission.place(Call()):
            raise ValueError("ours")
    assert counts(admission) == (0, 0)


def test_once_closed_it_takes_no_more_and_finishes_what_it_has() -> None:
    admission = Admission(1, 1)
    with admission.arrival():
        admission.close()
        with pytest.raises(BusyError, match=r"^the backend is stopping; ask again in a moment$"), admission.arrival():
            pass
        with admission.place(Call()):
            assert (admission.in_hand, admission.working) == (1, 1)
    assert (admission.in_hand, admission.closed) == (0, True)
