"""The benchmarks' own parts: rows, the local server as the prefill sees it, and the page's table."""

from pathlib import Path

import pytest

from benchmarks.__main__ import PAGE, TABLE
from benchmarks.growth import measure_growth
from benchmarks.local_server import local_server
from benchmarks.rivals import middle
from benchmarks.table import HEAD, at_least, at_most, markdown, median_of_rounds


@pytest.mark.parametrize(("ours_s", "holds"), [(0.9, True), (1.0, True), (1.1, False)])
def test_at_least_compares_throughput(ours_s: float, holds: bool) -> None:
    row = at_least("bulk", ours_s, 1.0, 1.0, "tasks")
    assert (row.ratio, row.holds) == (f"{1 / ours_s:.2f}", holds)


@pytest.mark.parametrize(("ours_s", "holds"), [(1.04, True), (1.0549, True), (1.0551, False)])
def test_at_most_compares_time_and_allows_for_something(ours_s: float, holds: bool) -> None:
    row = at_most("online", ours_s, 1.0, 1.05, 0.005)
    assert (row.target, row.holds) == ("at most 1.05 and 5.0 ms", holds)


def test_a_row_without_a_target_holds_nothing() -> None:
    rows = at_least("bulk", 9.0, 1.0, None, "tasks"), at_most("online", 9.0, 1.0, None)
    assert [(row.target, row.holds, row.cells[-1]) for row in rows] == [("", None, "")] * 2


def test_rivals_take_turns_every_other_round_backwards() -> None:
    asked: list[str] = []
    times = {"a": iter([3.0, 1.0, 2.0]), "b": iter([9.0, 9.0, 9.0])}

    def run(name: str) -> float:
        asked.append(name)
        return next(times[name])

    assert median_of_rounds({"a": lambda: run("a"), "b": lambda: run("b")}, 3) == {"a": 2.0, "b": 9.0}
    assert "".join(asked) == "abbaab"


def test_the_edges_of_a_run_are_not_counted() -> None:
    times = [0.0, 5.0, *(10.0 + 0.5 * i for i in range(6)), 30.0, 99.0]
    assert middle(times) == pytest.approx(0.5)


def test_a_table_has_a_cell_for_each_heading() -> None:
    lines = markdown([at_least("bulk", 1.0, 1.0, 1.0, "tasks"), at_most("start", 1.0, 1.0, 1.0)]).splitlines()
    assert {line.count("|") for line in lines} == {len(HEAD) + 1}


def test_the_page_has_a_place_for_the_table() -> None:
    assert len(TABLE.findall(PAGE.read_text())) == 1


def test_the_local_server_takes_one_prediction_a_task_from_the_real_prefill(tmp_path: Path) -> None:
    with local_server(tmp_path) as server:
        rows = measure_growth(server, sizes=(30, 120))
        assert len(server.posted()) == 120
    assert [row.what for row in rows] == ["prefill, time a task, 120 tasks: 30", "prefill, peak memory, 120 tasks: 30"]
