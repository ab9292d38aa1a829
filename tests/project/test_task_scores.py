"""The benchmark of task scores counts what it says."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.task_scores import CANDIDATES, Seen, found, make_tasks


def seen(score: float, errors: int, *, degraded: bool = False, impossible: float = 0.0) -> Seen:
    return Seen(np.full(133, score, np.float32), errors, 20, impossible, degraded)


TASKS = [[seen(0.9, 1)] * 5 for _ in range(9)] + [[seen(0.9, 1)] * 4 + [seen(0.2, 20)]]


def test_the_first_tenth_is_of_tasks_and_of_people() -> None:
    assert found(TASKS, CANDIDATES["worst person"]) == pytest.approx((24 / 69, 24 / 69))
    assert found(TASKS, lambda task: float(max(person.errors for person in task))) == pytest.approx((5 / 69, 5 / 69))
    mixed = [[seen(0.9, 1)] * 9, *[[seen(0.9, 0)] for _ in range(9)]]
    assert found(mixed, CANDIDATES["number of people"]) == pytest.approx((1.0, 1 / 5))


@pytest.mark.parametrize("name", ["worst person", "sum of doubts", "worst person, impossible limbs"])
def test_a_ruined_person_makes_a_score_lower(name: str) -> None:
    good, ruined = seen(0.9, 1), seen(0.2, 20, impossible=0.5)
    assert CANDIDATES[name]([good, ruined]) < CANDIDATES[name]([good, good])


def test_people_of_a_task_are_alike_or_each_for_itself() -> None:
    people = [seen(0.9, 1), seen(0.2, 20, degraded=True)]
    alike = make_tasks(people, 50, 0.5, True, np.random.default_rng(1))
    mixed = make_tasks(people, 50, 0.5, False, np.random.default_rng(1))
    assert all(one.degraded is other.degraded for task in alike for one, other in pairwise(task))
    assert {person.degraded for task in alike for person in task} == {True, False}
    assert any(one.degraded is not other.degraded for task in mixed for one, other in pairwise(task))
