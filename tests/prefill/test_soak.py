"""The prefill under faults, in small: every task has exactly one prediction. `make soak` is the full form."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.scenario import Scenario
from tests.soak.verdict import judge

SMALL = Scenario("all faults", seed=0, tasks=150, kills=2, others_rate=0.05)


@pytest.mark.parametrize(
    "scenario",
    [
        replace(SMALL, seed=11),
        pytest.param(replace(SMALL, seed=12), marks=pytest.mark.thorough),
        replace(SMALL, name="token revoked", seed=13, tasks=60, kills=1, revokes=True),
        replace(SMALL, name="--bulk", seed=16, tasks=80, kills=1, bulk=5),
        replace(SMALL, name="--replace", seed=14, tasks=60, kills=1, replace=True, others_rate=0.0),
    ],
    ids=lambda scenario: f"{scenario.name}, seed {scenario.seed}",
)
def test_every_task_has_exactly_one_prediction_whatever_happens(scenario: Scenario, tmp_path: Path) -> None:
    verdict = judge(scenario, tmp_path)
    assert verdict.broken == []
    assert verdict.tally.predictions == verdict.tally.tasks >= scenario.tasks * 0.9
    if scenario.revokes:
        assert "Stopped early: Label Studio refuses the personal access token (Token is blacklisted)" in (
            verdict.played.log
        )
