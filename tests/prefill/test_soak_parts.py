"""The soak's own parts: what it would not notice, it could not prove."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.soak.count import count_ledger, count_traffic
from tests.soak.faults import FAULTS, PROPER, FaultPlan, KillPlan
from tests.soak.ledger import OLD_VERSION, PREFILL, SOMEBODY, Ledger
from tests.soak.report import BEGIN, END, write_report
from tests.soak.runs import Played
from tests.soak.scenario import Scenario
from tests.soak.stub_model import VERSION, result_of
from tests.soak.verdict import Verdict

SCENARIO = Scenario("all faults", seed=1, tasks=4, kills=0, fault_rate=0.0, delay_s=0.01)


def test_the_same_seed_makes_the_same_faults_and_kills() -> None:
    def plan(seed: int) -> list[object]:
        faults, kills = FaultPlan(seed, 0.2), KillPlan(seed, 5, 1000)
        return [(faults.fault(n), faults.late_s(n, 1.0), kills.moment(n)) for n in range(1000)]

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


def test_every_kind_of_fault_comes_and_a_fifth_of_the_requests_meets_one() -> None:
    drawn = Counter(FaultPlan(1, 0.2).fault(number) for number in range(20_000))
    assert set(drawn) == {PROPER, *FAULTS}
    assert 0.19 < 1 - drawn[PROPER] / 20_000 < 0.21


@pytest.mark.parametrize("seed", range(50))
def test_the_client_is_killed_as_often_as_planned(seed: int) -> None:
    plan = KillPlan(seed, 5, 300)
    assert sum(plan.moment(number) is not None for number in range(300)) == 5


def test_ledger_is_filtered_as_label_studio_does() -> None:
    ledger = Ledger(5, old=False)
    ledger.store(2, "a", [], None, SOMEBODY)
    ledger.delete_task(ledger.tasks[3])
    ledger.tasks[4].cancelled = 1

    def ids(*filters: tuple[str, str, Any]) -> list[int]:
        asked = [{"filter": f"filter:tasks:{name}", "operator": how, "value": value} for name, how, value in filters]
        return [row["id"] for row in ledger.matching(asked)]

    assert ids(("id", "greater_or_equal", 2)) == [2, 4, 5]
    assert ids(("total_predictions", "equal", 0), ("cancelled_annotations", "equal", 0)) == [1, 5]
    assert ids(("predictions_model_versions", "not_contains", ["a"])) == [1, 4, 5]
    assert ids(("id", "no such operator", 4)) == [4]
    with pytest.raises(KeyError, match="no_such_field"):
        ids(("no_such_field", "equal", 1))


def played(folder: Path, ledger: Ledger | None = None, *entries: dict[str, Any], delay_s: float = 0.01) -> Played:
    """A run that left this ledger and journal."""
    (folder / "ledger.json").write_text(json.dumps((ledger or Ledger(0, old=False)).snapshot()))
    complete = [
        {"number": n, "method": "POST", "path": "/api/predictions/", "client": 7} | e for n, e in enumerate(entries, 1)
    ]
    (folder / "journal.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in complete))
    (folder / "client.log").write_text("")
    return Played(replace(SCENARIO, delay_s=delay_s), [0], 1.0, folder)


def test_count_finds_what_is_wrong_with_the_predictions(tmp_path: Path) -> None:
    ledger = Ledger(9, old=False)
    for task_id in (1, 3, 3, 5):
        ledger.store(task_id, VERSION, result_of(task_id), 0.5, PREFILL)
    ledger.store(4, VERSION, result_of(5), 0.5, PREFILL)
    ledger.store(5, OLD_VERSION, [], None, SOMEBODY)
    ledger.tasks[6].annotations = 1
    ledger.delete_task(ledger.tasks[7])
    ledger.store(8, "another-1", [], None, SOMEBODY)
    ledger.delete(ledger.store(9, VERSION, [], None, PREFILL))
    tally = count_ledger(played(tmp_path, ledger))
    assert tally.wrong == {"lost": [2, 9], "doubled": [3, 5], "spoilt": [4], "left": [5], "bared": [9]}
    assert (tally.tasks, tally.predictions) == (7, 7)


def test_count_finds_writes_that_came_too_soon(tmp_path: Path) -> None:
    patch = {"method": "PATCH", "path": "/api/projects/1/", "at_s": 1.031}
    refresh = {"path": "/api/token/refresh", "at_s": 1.032}
    run = played(tmp_path, None, {"at_s": 1.0}, {"method": "GET", "at_s": 1.001}, {"at_s": 1.025}, patch, refresh)
    traffic = count_traffic(run)
    assert (traffic.writes, traffic.least_gap_at) == (3, 4)
    assert traffic.least_gap_s == pytest.approx(0.006)
    assert verdict_of(run).broken == ["two writes 6.0 ms apart, not 10: request 4"]


def test_count_knows_no_time_of_arrival_of_what_the_client_had_given_up(tmp_path: Path) -> None:
    traffic = count_traffic(played(tmp_path, None, {"at_s": 1.0}, {"at_s": 1.001, "abandoned": True}, {"at_s": 1.1}))
    assert (traffic.writes, traffic.abandoned, traffic.least_gap_at) == (3, 1, 3)
    assert traffic.least_gap_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("answered", "after_s", "hasty"),
    [
        ({"retry_after": "1"}, 0.9, [(2, 0.1)]),
        ({"retry_after": "1"}, 1.1, []),
        ({"retry_after": "Thu, 01 Jan 1970 00:01:40 GMT", "clock_s": 98.5}, 1.2, [(2, 0.3)]),
        ({"retry_after": "Thu, 01 Jan 1970 00:01:40 GMT", "clock_s": 98.5}, 1.6, []),
        ({"retry_after": "1", "client": 6}, 0.5, []),
        ({"retry_after": "1", "abandoned": True}, 0.5, []),
    ],
)
def test_count_finds_requests_before_the_end_of_retry_after(
    answered: dict[str, Any], after_s: float, hasty: list[tuple[int, float]], tmp_path: Path
) -> None:
    run = played(tmp_path, None, {"at_s": 5.0, "fault": "429", **answered}, {"at_s": 5.0 + after_s, "method": "GET"})
    assert count_traffic(run).hasty == hasty


def test_too_few_kills_or_faults_are_no_proof(tmp_path: Path) -> None:
    run = played(tmp_path, None, {"at_s": 1.0})
    run = replace(run, scenario=replace(SCENARIO, kills=5, fault_rate=0.2))
    assert verdict_of(run).broken == ["killed 0 times, not 5", "only 0 of 1 requests met a fault"]


def verdict_of(run: Played) -> Verdict:
    return Verdict(run, count_traffic(run), count_ledger(run), Counter({"task added": 2}))


def test_report_goes_between_its_markers_and_says_what_was_broken(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    ledger = Ledger(2, old=False)
    ledger.store(1, VERSION, result_of(1), 0.5, PREFILL)
    write_report(page, [verdict_of(played(tmp_path, ledger, {"at_s": 1.0}, {"at_s": 2.0, "fault": "502"}))], "1.23.2")
    text = page.read_text()
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\nAfter.\n")
    assert "old" not in text
    assert "Label Studio 1.23.2" in text
    assert "- all faults, seed 1: 1 tasks lost: 2" in text
    assert "| all faults | 1 | 2 | 1 | 1 | 0 | 0 | 0 | 1 | 2 | 1 (50.0%) | 2 | 10 ms | 1000.0 ms | 1 |" in text
    assert "| 502 | 1 |" in text
    with pytest.raises(ValueError, match="must have"):
        (tmp_path / "other.md").write_text("no markers")
        write_report(tmp_path / "other.md", [], "")
