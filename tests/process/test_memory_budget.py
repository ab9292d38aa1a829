"""Memory is shared out by priority, then by arrival; never more than there is, and none is lost."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from wholebody.errors import DeadlineError, StoppedError
from wholebody.process.calls import Call, Priority
from wholebody.process.memory_budget import MemoryBudget, Share

PROMPT, OPENING, SELECTION = Priority


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to do."""
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.002)


def waiting(budget: MemoryBudget, count: int) -> Callable[[], bool]:
    return lambda: len(budget._waiting) == count


def test_what_is_taken_is_gone_until_it_is_let_go_of() -> None:
    budget = MemoryBudget(10)
    first, second = budget.take(6), budget.take(4)
    assert budget.free_bytes == 0
    first.release()
    assert budget.free_bytes == 6
    second.release()
    assert budget.free_bytes == 10


def test_what_is_not_needed_any_more_is_free_at_once() -> None:
    budget = MemoryBudget(10)
    share = budget.take(9)
    share.shrink(3)
    assert budget.free_bytes == 7
    share.shrink(5)
    assert budget.free_bytes == 7, "nothing grows by it"
    share.release()
    assert budget.free_bytes == 10


def test_a_share_is_held_until_the_last_lets_go() -> None:
    budget = MemoryBudget(10)
    share = budget.take(4)
    share.hold()
    share.release()
    assert budget.free_bytes == 6
    share.release()
    assert budget.free_bytes == 10


def test_a_share_of_no_budget_counts_nothing() -> None:
    share = Share()
    share.shrink(0)
    share.hold()
    share.release()
    share.release()


def test_what_is_taken_comes_back_where_the_work_fails() -> None:
    budget = MemoryBudget(10)
    with pytest.raises(ValueError, match=r"^ours$"), budget.taken(10):
        raise ValueError("ours")
    assert budget.free_bytes == 10
    with budget.taken(10) as share:
        pass
    assert budget.free_bytes == 0, "held on, where it does not"
    share.release()


def test_more_than_there_is_is_refused_at_once() -> None:
    budget = MemoryBudget(10)
    with pytest.raises(ValueError, match=r"^11 bytes of 10$"):
        budget.take(11)
    assert budget.take(10).release() is None


def take_in_turn(budget: MemoryBudget, arriving: list[tuple[Priority, int]], order: list[int]) -> list[Future[None]]:
    """Threads that arrive one after the other while nothing is free, and note when they have had theirs."""

    def take(number: int, priority: Priority, size_bytes: int) -> None:
        with Call(priority).current():
            share = budget.take(size_bytes)
        order.append(number)
        share.release()

    pool = ThreadPoolExecutor(len(arriving))
    futures = []
    for number, (priority, size_bytes) in enumerate(arriving):
        futures.append(pool.submit(take, number, priority, size_bytes))
        until(waiting(budget, number + 1))
    pool.shutdown(wait=False)
    return futures


@pytest.mark.parametrize(
    ("arriving", "served"),
    [
        ([(SELECTION, 10), (SELECTION, 10), (SELECTION, 10)], [0, 1, 2]),
        ([(SELECTION, 10), (PROMPT, 10)], [1, 0]),
        ([(SELECTION, 10), (OPENING, 10), (PROMPT, 10), (OPENING, 10)], [2, 1, 3, 0]),
    ],
)
def test_the_most_urgent_and_then_the_first_is_served(arriving: list[tuple[Priority, int]], served: list[int]) -> None:
    budget, order = MemoryBudget(10), []  # type: ignore[var-annotated]
    share = budget.take(10)
    futures = take_in_turn(budget, arriving, order)
    share.release()
    for future in futures:
        future.result(10)
    assert (order, budget.free_bytes) == (served, 10)


def test_small_ones_do_not_pass_a_large_one() -> None:
    """Each of them would fit at once, and the large one would never."""
    budget, order = MemoryBudget(10), []  # type: ignore[var-annotated]
    held = budget.take(5)
    futures = take_in_turn(budget, [(SELECTION, 8), (SELECTION, 3), (SELECTION, 3)], order)
    time.sleep(0.05)
    assert order == []
    held.release()
    for future in futures:
        future.result(10)
    assert order[0] == 0


def test_several_have_theirs_at_a_time() -> None:
    budget, together = MemoryBudget(9), threading.Barrier(3, timeout=10)

    def take() -> None:
        with budget.taken(3) as share:
            together.wait()
        share.release()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(take) for _ in range(3)]:
            future.result()
    assert budget.free_bytes == 9


def test_there_is_never_more_taken_than_there_is() -> None:
    budget, taken, most = MemoryBudget(100), 0, 0
    lock, dice = threading.Lock(), random.Random(3)

    def work(priority: Priority, size_bytes: int) -> None:
        nonlocal taken, most
        with Call(priority).current():
            share = budget.take(size_bytes)
        with lock:
            taken += size_bytes
            most = max(most, taken)
        with lock:
            taken -= size_bytes
        share.shrink(size_bytes // 2)
        share.release()

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(work, dice.choice(list(Priority)), dice.randint(1, 100)) for _ in range(400)]:
            future.result()
    assert most <= 100
    assert (budget.free_bytes, budget._waiting) == (100, [])


def test_nobody_waits_beyond_the_deadline_of_the_call() -> None:
    budget = MemoryBudget(10)
    share = budget.take(4)
    with (
        Call(deadline=time.monotonic() + 0.05).current(),
        pytest.raises(DeadlineError, match=r"^7 bytes of memory did not come free in time; raise IMAGE_MEMORY_BYTES"),
    ):
        budget.take(7)
    assert (budget.free_bytes, budget._waiting) == (6, [])
    share.release()


def test_who_gives_up_lets_the_next_one_through() -> None:
    budget = MemoryBudget(10)
    share = budget.take(4)

    def hurry() -> None:
        with Call(PROMPT, deadline=time.monotonic() + 0.2).current():
            budget.take(7)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hurry)
        until(waiting(budget, 1))
        second = pool.submit(budget.take, 6)
        with pytest.raises(DeadlineError):
            first.result(10)
        second.result(10).release()
    share.release()
    assert budget.free_bytes == 10


def test_nobody_waits_once_it_is_closed() -> None:
    budget = MemoryBudget(10)
    budget.take(4)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(budget.take, 7)
        until(waiting(budget, 1))
        budget.close()
        with pytest.raises(StoppedError, match=r"^stopped before it was done"):
            future.result(10)
    with pytest.raises(StoppedError):
        budget.take(7)


def test_what_is_held_in_reserve_is_let_go_of_when_somebody_waits() -> None:
    budget = MemoryBudget(10)
    reserve = [budget.take(3), budget.take(3), budget.take(3)]

    def spare() -> bool:
        if reserve:
            reserve.pop(0).release()
            return True
        return False

    budget.when_short(spare)
    share = budget.take(1)
    assert len(reserve) == 3, "nobody had to wait"
    budget.take(5).release()
    assert len(reserve) == 1, "no more than was needed"
    share.release()


def test_what_becomes_spare_while_somebody_waits_is_let_go_of() -> None:
    """A picture that is kept: as long as somebody looks at it, dropping it frees nothing."""
    budget, kept = MemoryBudget(10), []  # type: ignore[var-annotated]
    budget.when_short(lambda: bool(kept) and kept.pop().release() is None)
    share = budget.take(6)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(budget.take, 8)
        until(waiting(budget, 1))
        share.hold()
        kept.append(share)
        share.release()
        future.result(10).release()
    assert budget.free_bytes == 10


def test_what_is_there_already_counts_without_waiting() -> None:
    budget = MemoryBudget(10)
    files = [budget.count(), budget.count()]
    for file in files:
        file.grow(4)
        file.grow(3)
    assert budget.free_bytes == 2
    share = budget.take(6, files[0])
    assert (budget.free_bytes, files[0].size_bytes) == (0, 0), "of the six it had four"
    files[0].release()
    files[1].grow(7)
    assert budget.free_bytes == -3
    share.release()
    files[1].release()
    assert budget.free_bytes == 10


def test_with_too_much_that_is_there_already_shares_are_taken_one_at_a_time() -> None:
    """Else those who wait with it would wait for each other."""
    budget, inside, most, lock = MemoryBudget(10), 0, 0, threading.Lock()
    together = threading.Barrier(6, timeout=10)

    def work() -> None:
        nonlocal inside, most
        file = budget.count()
        file.grow(5)
        together.wait()
        share = budget.take(8, file)
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.01)
        with lock:
            inside -= 1
        file.release()
        share.release()

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(work) for _ in range(6)]:
            future.result(10)
    assert (most, budget.free_bytes) == (1, 10)
