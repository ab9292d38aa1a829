"""`wholebody prefill --watch`: what arrives is predicted, what comes between passes, and the end is a signal."""

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result

from tests.fake_label_studio import PREDICTIONS, PROJECT, TASKS, FakeLabelStudio, http, told
from tests.http_server import Received
from tests.prefill_runner import ALL_WELL, COULD_NOT_START, SOME_FAILED, Prefill
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.prefill import watching

WITHIN_S = 10.0

Then = Callable[[], object]
Until = Callable[[], bool]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(watching, "SHARE", 1.0)


@pytest.fixture
def watch(prefill: Prefill) -> Iterator[Callable[..., Result]]:
    """Runs the command; each step is done when its condition holds, and after the last SIGTERM comes."""

    def run(*steps: tuple[Until, Then], options: tuple[str, ...] = ()) -> Result:
        def act() -> None:
            for until, then in steps:
                limit = time.monotonic() + WITHIN_S
                while not until() and time.monotonic() < limit:
                    time.sleep(0.01)
                then()
            handler = signal.getsignal(signal.SIGTERM)
            assert callable(handler)
            handler(signal.SIGTERM, None)  # a real signal crashes a process in which OpenVINO has ended

        thread = threading.Thread(target=act)
        thread.start()
        done = prefill("--watch", "--retries", "0", *options)
        thread.join()
        return done

    yield run


def nothing() -> None:
    """No more to do."""


def test_what_arrives_is_predicted_until_a_signal(fake: FakeLabelStudio, watch: Any) -> None:
    fake.add_tasks(1, 2)
    done = watch(
        (lambda: fake.predicted() == [1, 2], lambda: fake.add_tasks(3)),
        (lambda: fake.predicted() == [1, 2, 3], lambda: fake.add_tasks(7, 8)),
        (lambda: fake.predicted() == [1, 2, 3, 7, 8], nothing),
    )
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 5 (0 empty), skipped 0, failed 0.\n")
    assert re.search(r"project 1 'Figures': waiting for tasks, asking every 0 s\n", done.stderr)


def test_a_project_without_tasks(fake: FakeLabelStudio, watch: Any) -> None:
    asked = len(fake.asked("GET", TASKS))
    done = watch((lambda: len(fake.asked("GET", TASKS)) > asked + 3, nothing))
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 0 (0 empty), skipped 0, failed 0.\n")


def test_tasks_that_failed_are_not_tried_all_the_time(
    fake: FakeLabelStudio, watch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.add_tasks(1, image="missing")
    fake.add_tasks(2)

    def asked() -> int:
        return len(fake.asked("GET", TASKS))

    done = watch((lambda: fake.predicted() == [2] and asked() > 9, nothing))
    assert (done.exit_code, done.stdout.splitlines()[0]) == (SOME_FAILED, "Predicted 1 (0 empty), skipped 0, failed 1.")
    monkeypatch.setattr(watching, "RETRY_S", 0.0)
    done = watch((lambda: asked() > 18, lambda: fake.add_tasks(1)), (lambda: fake.predicted() == [1, 2], nothing))
    assert fake.predicted() == [1, 2]


def test_label_studio_goes_away_and_comes_back(fake: FakeLabelStudio, watch: Any) -> None:
    fake.add_tasks(*range(1, 9))
    fake.fail("POST", PREDICTIONS, None, *[http(502)] * 5)
    fake.fail("GET", PROJECT, None, None, None, http(502), http(502))
    fake.fail("GET", TASKS, *[None] * 6, http(502), http(502))
    done = watch(
        (lambda: len(fake.predicted()) == 8, lambda: fake.add_tasks(9)),
        (lambda: len(fake.predicted()) == 9, nothing),
    )
    assert fake.predicted() == [*range(1, 10)]
    assert "Label Studio cannot be reached (POST /api/predictions/: HTTP 502)" in done.stderr
    assert "Stopped early" not in done.stdout


def test_another_labeling_config_is_taken_over(fake: FakeLabelStudio, watch: Any) -> None:
    fake.add_tasks(1)
    other = write_config((Part.BODY,))

    def change() -> None:
        fake.project["label_config"] = other
        fake.add_tasks(2)

    done = watch((lambda: fake.predicted() == [1], change), (lambda: fake.predicted() == [1, 2], nothing))
    assert (done.exit_code, done.stdout) == (ALL_WELL, "Predicted 2 (0 empty), skipped 0, failed 0.\n")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (told({"detail": "Invalid token."}, 401), "Label Studio does not accept the token (Invalid token.)"),
        (told({"detail": "Not found."}, 404), "there is no project 1 that the token's user may see"),
    ],
)
def test_what_does_not_pass_ends_it(fake: FakeLabelStudio, prefill: Prefill, fault: Any, said: str) -> None:
    fake.add_tasks(1)
    fake.fail("GET", TASKS, *[None] * 4, *[fault] * 99)
    done = prefill("--watch", "--retries", "0")
    assert done.exit_code == SOME_FAILED
    assert f"Stopped early: {said}" in done.stdout


def test_a_wrong_address_is_told_at_once(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.fail("GET", PROJECT, *[http(503)] * 9)
    done = prefill("--watch", "--retries", "0")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        COULD_NOT_START,
        "error: GET /api/projects/1/: HTTP 503",
    )


def test_copies_are_deleted_while_it_waits(fake: FakeLabelStudio, watch: Any) -> None:
    fake.add_tasks(1)

    def twice(request: Received) -> None:
        if request.method == "POST" and request.path == PREDICTIONS:
            fake.before = lambda request: None
            fake.predict(1, "stub-1", result=[{"id": "a"}])

    fake.before = twice
    done = watch((lambda: len(fake.asked("GET", TASKS)) > 6 and fake.predicted() == [1], nothing))
    assert fake.predicted() == [1]
    assert "Deleted 1 predictions at the end" in done.stdout


def test_copies_of_a_batch_that_ended_early_are_deleted_too(fake: FakeLabelStudio, watch: Any) -> None:
    """Label Studio goes away after it has stored one task twice, and when it is back nothing is left to do."""
    fake.add_tasks(*range(1, 7))
    fake.fail("POST", PREDICTIONS, None, *[http(502)] * 5)

    def goes_away(request: Received) -> None:
        if request.method == "POST" and request.path == PREDICTIONS:
            if not fake.predicted():
                fake.predict(request.json()["task"], "stub-1", result=[{"id": "a"}])
            if len(fake.posts()) == 6:
                for task_id in set(fake.tasks) - set(fake.predicted()):
                    del fake.tasks[task_id]

    fake.before = goes_away
    watch((lambda: len(fake.deletes()) == 1, nothing))
    assert len(fake.predicted()) == 1
