"""The tasks of a call: in order, a few at a time, until the deadline and no longer than anybody waits."""

import functools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.process.test_turns import until
from wholebody.errors import ClientGoneError
from wholebody.process.calls import AHEAD, Call, Priority, current_call
from wholebody.serving.task_pool import TaskPool


@pytest.fixture
def pool() -> TaskPool:
    return TaskPool(2)


@pytest.fixture
def end() -> Iterator[threading.Event]:
    """Lets slow tasks end."""
    event = threading.Event()
    yield event
    event.set()


def test_the_results_are_in_order(pool: TaskPool) -> None:
    def task(number: int) -> int:
        time.sleep(0.001 * (number % 7))
        return number

    call = Call()
    assert pool.run(call, [functools.partial(task, number) for number in range(100)]) == list(range(100))
    assert (call.cut, call.leftover) == (0, [])


def test_no_tasks_no_results(pool: TaskPool) -> None:
    assert pool.run(Call(), []) == []


def test_only_a_few_are_in_work_at_a_time(pool: TaskPool) -> None:
    together, lock, inside, most = threading.Barrier(AHEAD, timeout=10), threading.Lock(), 0, 0

    def task() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        together.wait()
        with lock:
            inside -= 1

    pool.run(Call(), [task] * 5 * AHEAD)
    assert most == AHEAD


def test_tasks_know_their_call(pool: TaskPool) -> None:
    call = Call(Priority.PROMPT)
    with call.current():
        assert pool.run(call, [current_call] * 10) == [call] * 10


def test_at_the_deadline_what_is_done_is_returned(pool: TaskPool, end: threading.Event) -> None:
    """A thousand tasks; the 501st and one more do not come to an end."""

    def task(number: int) -> int:
        if number in (500, 502):
            end.wait(20)
        return number

    done = [*range(500), [], 501, []]
    call = Call(deadline=time.monotonic() + 1)
    results = pool.run(call, [functools.partial(task, number) for number in range(503)])
    assert results == done
    assert (call.cut, len(call.leftover)) == (2, 2)


def test_what_the_deadline_leaves_is_not_begun(pool: TaskPool, end: threading.Event) -> None:
    begun = []

    def task(number: int) -> None:
        begun.append(number)
        end.wait(20)

    call = Call(deadline=time.monotonic() + 0.3)
    assert pool.run(call, [functools.partial(task, number) for number in range(1000)]) == [[]] * 1000
    assert call.cut == 1000
    end.set()
    until(lambda: all(future.done() for future in call.leftover))
    assert begun == list(range(AHEAD))


def test_after_the_deadline_nothing_is_begun(pool: TaskPool) -> None:
    call = Call(deadline=time.monotonic() - 1)
    assert pool.run(call, [pytest.fail] * 3) == [[]] * 3
    assert call.cut == 3


def test_what_ends_just_in_time_counts(pool: TaskPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ended while nobody looked, and the deadline has passed meanwhile."""
    call = Call(deadline=time.monotonic() + 60)

    def wait(running: Any, *_: Any, **__: Any) -> Any:
        until(lambda: all(future.done() for future in running))
        call.deadline = 0
        return type("Done", (), {"done": set()})

    monkeypatch.setattr("wholebody.serving.task_pool.wait", wait)
    assert pool.run(call, [lambda: 1] * (AHEAD + 1)) == [1] * AHEAD + [[]]
    assert call.cut == 1


def test_without_a_client_no_more_is_begun(pool: TaskPool) -> None:
    begun: list[Any] = []

    def task() -> None:
        begun.append(1)
        time.sleep(0.01)

    with pytest.raises(ClientGoneError):
        pool.run(Call(gone=lambda: len(begun) >= 10), [task] * 1000)
    time.sleep(0.1)
    assert len(begun) <= 10 + 2 * AHEAD


def test_a_fault_ends_the_call(pool: TaskPool) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.run(Call(), [lambda: 1 // 0] + [lambda: 1] * 10)
