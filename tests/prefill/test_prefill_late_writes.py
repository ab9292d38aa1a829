"""The wait at the end of a run for writes without answer: as long as one may come, no longer, and shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_label_studio import PREDICTIONS, RESET, TASKS, FakeLabelStudio, http
from tests.http_server import Received
from tests.prefill_runner import ALL_WELL, Prefill, stubbed_prefill
from wholebody.label_studio import late_writes as writes
from wholebody.label_studio import transport
from wholebody.prefill import late_writes

FOR_EVER_S = 3600.0
WAITS = "a write without answer may yet be carried out; looking for copies in"


@pytest.fixture
def prefill(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Prefill]:
    fake.add_tasks(1, 2, 3)
    monkeypatch.setattr(transport, "SETTLES_AFTER_TIMEOUT_S", FOR_EVER_S)
    monkeypatch.setattr(late_writes, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(late_writes, "SHOW_EVERY_S", 0.02)
    with stubbed_prefill(fake, monkeypatch, tmp_path) as run:
        yield run


def looks_for_copies(request: Received) -> bool:
    return request.path == TASKS and '"greater"' in request.parameters["query"]


def first_task(fake: FakeLabelStudio) -> int:
    return int(fake.posts()[0].json()["task"])


def at_the_end(fake: FakeLabelStudio, looks: int, happens: Any) -> None:
    """Let something happen when the prefill looks at the task of its first write for the so many-th time at the end."""
    seen = []

    def before(request: Received) -> None:
        looked = len(fake.predictions) >= 3 and request.path == PREDICTIONS and request.method == "GET"
        if looked and int(request.parameters["task"]) == first_task(fake):
            seen.append(request)
            if len(seen) == looks:
                happens()

    fake.before = before


def carry_out(fake: FakeLabelStudio) -> None:
    fake.predict(first_task(fake), "stub-1", result=[{"id": "late"}], score=0.9)


@pytest.mark.parametrize("looks", [1, 3])
def test_wait_ends_when_the_write_is_seen(fake: FakeLabelStudio, prefill: Prefill, looks: int) -> None:
    at_the_end(fake, looks, lambda: carry_out(fake))
    fake.fail("POST", PREDICTIONS, http(504))
    done = prefill()
    assert (done.exit_code, fake.predicted()) == (ALL_WELL, [1, 2, 3])
    assert done.stdout.splitlines()[1] == "Deleted 1 predictions at the end: copies, or replaced."
    assert (f"{WAITS} 36" in done.stderr) is (looks > 1)


def test_wait_ends_when_the_task_is_gone(fake: FakeLabelStudio, prefill: Prefill) -> None:
    at_the_end(fake, 2, lambda: fake.tasks.pop(first_task(fake)))
    fake.fail("POST", PREDICTIONS, http(504))
    assert prefill().exit_code == ALL_WELL


def test_look_that_fails_is_made_again(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.fail("GET", PREDICTIONS, None, None, None, None, http(502), http(502))  # one look before each of four writes
    at_the_end(fake, 5, lambda: carry_out(fake))
    fake.fail("POST", PREDICTIONS, http(504))
    assert (prefill().exit_code, fake.predicted()) == (ALL_WELL, [1, 2, 3])


def test_wait_is_short_where_the_database_is_not_sqlite(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "SETTLES_UNREPEATED_S", 0.5)
    monkeypatch.setattr(late_writes, "SETTLES_UNREPEATED_S", 0.5)
    fake.database = "PostgreSQL"
    fake.fail("POST", PREDICTIONS, http(504))
    done = prefill()
    (look,) = [request for request in fake.requests if looks_for_copies(request)]
    assert done.exit_code == ALL_WELL
    assert look.at - fake.posts()[0].at > 0.4
    assert f"{WAITS} 0 s at most" in done.stderr


def test_on_sqlite_it_is_as_long_as_a_write_may_take(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SETTLES_AFTER_TIMEOUT_S", 1.5)
    monkeypatch.setattr(writes, "SETTLES_UNREPEATED_S", 0.1)
    monkeypatch.setattr(late_writes, "SETTLES_UNREPEATED_S", 0.1)
    fake.fail("POST", PREDICTIONS, http(504))
    prefill()
    (look,) = [request for request in fake.requests if looks_for_copies(request)]
    assert look.at - fake.posts()[0].at > 1.4


def test_database_is_asked_for_only_where_it_matters(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SETTLES_AFTER_DROP_S", 0.3)
    fake.fail("POST", PREDICTIONS, RESET)
    prefill()
    assert not any("STUB-1" in request.parameters["query"] for request in fake.asked("GET", TASKS))


def test_reason_and_rest_are_shown(fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Bar:
        def __init__(self, **options: object) -> None:
            assert options == {"bar_format": "{desc}"}

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def set_description_str(self, text: str) -> None:
            shown.append(text)

    monkeypatch.setattr(late_writes, "show_progress", Bar)
    at_the_end(fake, 3, lambda: carry_out(fake))
    fake.fail("POST", PREDICTIONS, http(504))
    prefill()
    assert shown[0] == "a write without answer may yet be carried out: 3600 s left at most"
