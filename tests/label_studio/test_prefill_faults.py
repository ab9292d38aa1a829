"""The prefill into a real Label Studio through a proxy that fails by a seed; the full form is `make soak`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from demo.label_studio_admin import LabelStudioAdmin
from tests.soak.count import count_traffic
from tests.soak.scenario import Scenario
from tests.soak.verdict import Verdict
from tests.soak.with_label_studio import play_with_label_studio


@pytest.mark.thorough
def test_every_task_has_exactly_one_prediction_whatever_happens(admin: LabelStudioAdmin, tmp_path: Path) -> None:
    scenario = Scenario("real Label Studio", seed=21, tasks=60, kills=2)
    played, tally = play_with_label_studio(admin, scenario, tmp_path)
    assert Verdict(played, count_traffic(played), tally, Counter()).broken == []
    assert tally.predictions == tally.tasks == 60
