"""Turns go by priority, then by arrival; never more at a time than there are, and none is lost."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from wholebody.process.calls import Call, Priority, current_call
from wholebody.process.turns import Turns

PROMPT, OPENING, SELECTION = Priority


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to do."""
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.002)


def test_without_a_call_all_are_equal() -> None:
    assert current_call().priority is SELECTION
    with Call(PROMPT).current():
        assert current_call().priority is PROMPT
    assert current_call().priority is SELECTION


@pytest.mark.parametrize(
    ("arriving", "served"),
    [
        ([SELECTION, SELECTION, SELECTION], [0, 1, 2]),
        ([SELECTION, PROMPT], [1, 0]),
        ([SELECTION, OPENING, SELECTION, PROMPT, OPENING, PROMPT], [3, 5, 1, 4, 0, 2]),
    ],
)
def test_the_next_turn_is_the_most_urgent_ones(arriving: list[Priority], served: list[int]) -> None:
    turns, order = Turns(1), []

    def take(number: int, priority: Priority) -> None:
        with Call(priority).current(), turns:
            order.append(number)

    with ThreadPoolExecutor(len(arriving)) as pool, turns:
        for number, priority in enumerate(arriving):
            pool.submit(take, number, priority)
            until(lambda waiting=number + 1: len(turns._waiting) == waiting)
    assert order == served


@pytest.mark.parametrize("count", [1, 3])
def test_there_are_never_more_inside_and_never_fewer_than_could_be(count: int) -> None:
    turns, inside, most = Turns(count), 0, 0
    lock, full = threading.Lock(), threading.Barrier(count, timeout=10)

    def take(priority: Priority) -> None:
        nonlocal inside, most
        with Call(priority).current(), turns:
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()
            with lock:
                inside -= 1

    with ThreadPoolExecutor(12) as pool:
        for future in [pool.submit(take, random.choice(list(Priority))) for _ in range(30)]:
            future.result()
    assert (most, turns._free, turns._waiting) == (count, count, [])


def test_an_error_inside_ends_the_turn() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^ours$"), turns:
            raise ValueError("ours")
    assert turns._free == 1


@pytest.mark.parametrize("given", [False, True])
def test_whoever_is_interrupted_keeps_no_turn(monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    """Ctrl-C while waiting, and just when the turn has been given."""
    turns = Turns(1)

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if given:
                turns.__exit__(None, None, None)
            raise KeyboardInterrupt

    turns.__enter__()
    monkeypatch.setattr(threading, "Event", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        turns.__enter__()
    if not given:
        turns.__exit__(None, None, None)
    assert (turns._free, turns._waiting) == (1, [])
