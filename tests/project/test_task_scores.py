"""The benchmark of task scores counts what it says."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks.task_scores import CANDIDATES, Seen, found, make_tasks, with_expectations


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


@pytest.mark.parametrize("change", [{"crossed": True}, {"shares": True}, {"impossible": 0.5}])
def test_penalties_count_against_a_person(change: dict[str, Any]) -> None:
    good = replace(seen(0.9, 1), expected_oks=np.full(133, 0.8))
    for name in ("mean, penalties", "OKS expected, penalties", "OKS expected, penalties, worst"):
        assert CANDIDATES[name]([good, replace(good, **change)]) < CANDIDATES[name]([good, good])


def test_what_is_expected_is_learned_from_others() -> None:
    """Of every second person, points with a score of .9 are right, and those with .5 are not."""
    truth = np.zeros(133)
    people = [
        replace(seen(score, 1), right=truth + (score > 0.7), oks=truth + score / 2) for score in (0.9, 0.9, 0.5, 0.5)
    ]
    sure, unsure = with_expectations(people)
    assert sure.expected_right is not None and unsure.expected_right is not None
    assert (sure.expected_right.mean(), unsure.expected_right.mean()) == (1, 0)
    assert sure.expected_oks is not None
    assert sure.expected_oks.mean() == pytest.approx(0.45)


def test_people_of_a_task_are_alike_or_each_for_itself() -> None:
    people = [seen(0.9, 1), seen(0.2, 20, degraded=True)]
    alike = make_tasks(people, 50, 0.5, True, np.random.default_rng(1))
    mixed = make_tasks(people, 50, 0.5, False, np.random.default_rng(1))
    assert all(one.degraded is other.degraded for task in alike for one, other in pairwise(task))
    assert {person.degraded for task in alike for person in task} == {True, False}
    assert any(one.degraded is not other.degraded for task in mixed for one, other in pairwise(task))
