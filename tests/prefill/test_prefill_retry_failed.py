"""`--retry-failed`: the tasks of an earlier run's list, which is never lost."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_label_studio import PREDICTIONS, TASKS, FakeLabelStudio, http
from tests.prefill_runner import ALL_WELL, COULD_NOT_START, SOME_FAILED, Prefill
from wholebody.errors import SettingsError
from wholebody.prefill.failures import FailureFile, read_failed_ids

LIST = "prefill-failures.jsonl"


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        running.add_tasks(*range(1, 10))
        yield running


def write_list(path: str, *ids: int) -> None:
    Path(path).write_text("".join(f'{{"task":{one},"error":"earlier"}}\n' for one in ids))


def listed(path: str) -> dict[int, str]:
    lines = Path(path).read_text().splitlines()
    return {one["task"]: one["error"] for one in map(json.loads, lines)}


def test_only_the_listed_tasks_are_tried(fake: FakeLabelStudio, prefill: Prefill) -> None:
    write_list("earlier.jsonl", 7, 2, 5, 77, 4)
    fake.predict(4)
    fake.tasks[5]["total_annotations"] = 1
    done = prefill("--retry-failed", "earlier.jsonl")
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 2 (0 empty), skipped 3, failed 0.\n")
    assert fake.predicted() == [2, 4, 7]
    assert listed("earlier.jsonl").keys() == {7, 2, 5, 77, 4}  # another file than --failures is left alone
    assert not any(re.fullmatch(r"/api/tasks/\d+/", request.path) for request in fake.requests)  # it would predict


def test_list_that_is_written_anew_has_what_failed_again(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(5, 6, image="missing")
    write_list(LIST, 2, 5, 6)
    done = prefill("--retry-failed", LIST)
    assert done.exit_code == SOME_FAILED
    assert listed(LIST) == {5: "5.png: not found", 6: "6.png: not found"}
    fake.add_tasks(5, 6)
    assert prefill("--retry-failed", LIST).exit_code == ALL_WELL
    assert not Path(LIST).exists()
    assert fake.predicted() == [2, 5, 6]


@pytest.mark.parametrize("end", ["gave up", "limit", "start", "dry run"])
def test_list_is_not_lost_when_the_run_ends_early(fake: FakeLabelStudio, prefill: Prefill, end: str) -> None:
    fake.add_tasks(5, image="missing")
    write_list(LIST, *range(2, 10))
    options = {"limit": ["--limit", "4"], "start": ["--start", "4"], "dry run": ["--dry-run"]}.get(end, [])
    if end == "gave up":
        fake.fail("POST", PREDICTIONS, None, *[http(502)] * 99)
        options = ["--retries", "0"]
    prefill("--retry-failed", LIST, *options)
    assert set(read_failed_ids(Path(LIST))) == set(range(2, 10))


def test_list_is_whole_at_every_moment_of_the_run(fake: FakeLabelStudio, prefill: Prefill) -> None:
    """A run that is killed cannot mend anything: what is there then is what the next one has."""
    fake.add_tasks(5, image="missing")
    write_list(LIST, *range(2, 10))
    seen: list[set[int]] = []
    fake.before = lambda request: seen.append(set(read_failed_ids(Path(LIST))))
    prefill("--retry-failed", LIST)
    assert len(seen) > 16
    assert all(ids == set(range(2, 10)) for ids in seen)
    assert listed(LIST).keys() == {5}


def test_limit_that_leaves_nothing_out_is_no_early_end(fake: FakeLabelStudio, prefill: Prefill) -> None:
    write_list(LIST, 2, 3)
    prefill("--retry-failed", LIST, "--limit", "2")
    assert not Path(LIST).exists()


def test_same_list_under_another_name_is_known(fake: FakeLabelStudio, prefill: Prefill, tmp_path: Path) -> None:
    write_list(LIST, 2, 3)
    fake.fail("POST", PREDICTIONS, *[http(502)] * 99)
    prefill("--retry-failed", str(tmp_path / LIST), "--retries", "0", "--limit", "1")
    assert set(read_failed_ids(Path(LIST))) == {2, 3}


def test_failures_of_a_replacing_run_are_tried_again_with_the_same_option(
    fake: FakeLabelStudio, prefill: Prefill
) -> None:
    fake.predict(2, "wholebody-old-1")
    write_list("earlier.jsonl", 2, 3)
    assert prefill("--retry-failed", "earlier.jsonl", "--replace").stdout.startswith("Predicted 2 ")
    assert sorted((one["task"], one["model_version"]) for one in fake.predictions) == [(2, "stub-1"), (3, "stub-1")]


def test_a_long_list_is_asked_for_in_parts(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 351))
    write_list("earlier.jsonl", *range(1, 351))
    assert prefill("--retry-failed", "earlier.jsonl").stdout.startswith("Predicted 350 ")
    assert max(len(request.query) for request in fake.asked("GET", TASKS)) < 4000


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("nonsense", "'nonsense'"),
        ('{"task": 12, "err', '\'{"task": 12, "err\''),
        ("[]", "'[]'"),
        ("7", "'7'"),
        ('{"id": 7}', "'{\"id\": 7}'"),
        ('{"task": "7"}', '\'{"task": "7"}\''),
        ('{"task": true}', "'{\"task\": true}'"),
        ('{"task": 0}', "'{\"task\": 0}'"),
        ("x" * 900, repr("x" * 60)),
    ],
)
def test_line_that_is_no_failed_task(prefill: Prefill, fake: FakeLabelStudio, line: str, shown: str) -> None:
    Path(LIST).write_text(f'{{"task":1,"error":"x"}}\n\n{line}\n')
    done = prefill("--retry-failed", LIST)
    assert done.exit_code == COULD_NOT_START
    assert done.stderr.splitlines()[-1] == (
        f'error: {LIST}, line 3: {shown} is not a failed task such as {{"task": 12, "error": "..."}}; '
        "mend or delete that line"
    )
    assert Path(LIST).read_text().startswith('{"task":1')
    assert fake.requests == []


def test_list_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    message = f"{path}: cannot be read: No such file or directory; give the list that a run wrote"
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        read_failed_ids(path)


def test_list_whose_last_line_was_not_ended_is_gone_on_with_on_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    path.write_bytes(b'{"task":3,"error":"x"}')
    failures = FailureFile(path, keep=True)
    failures.add({"id": 4}, "y")
    assert read_failed_ids(path) == (3, 4)
    failures.forget_kept()
    assert read_failed_ids(path) == (4,)
    assert [one.name for one in tmp_path.iterdir()] == ["failures.jsonl"]


def test_each_task_is_read_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    path.write_text('{"task":9}\n{"task":3,"error":"x","more":1}\n{"task":9,"error":"y"}\n')
    assert read_failed_ids(path) == (3, 9)
