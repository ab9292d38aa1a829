"""The bulk loop alone: a writer and a model that do as they are told, no Label Studio."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from wholebody.errors import (
    AuthenticationError,
    ConfigChangedError,
    GoneError,
    ImageError,
    ImageUnavailableError,
    LabelStudioError,
    ModelError,
    SettingsError,
    StoppedError,
    UnavailableError,
)
from wholebody.predictions import Prediction
from wholebody.prefill.failures import FailureFile
from wholebody.prefill.loop import OTHER_REASONS, Summary, prefill
from wholebody.prefill.parts import Task
from wholebody.prefill.threads import ExecutorPredictor
from wholebody.process.stopping import Stop

FOUND = Prediction(result=[{"id": "a"}], score=0.9, model_version="v1")
NOBODY = Prediction(result=[], score=0.0, model_version="v1")
REFUSED = LabelStudioError("POST /api/predictions/: HTTP 400 no such task")
AWAY = UnavailableError("POST /api/predictions/: HTTP 503")
NO_TOKEN = AuthenticationError("Label Studio does not accept the token (Invalid token.)")


class Run:
    """A run over tasks 1, 2, 3, ... of which each is done before the next begins, unless `look_ahead` says more.

    Args:
        images: What the model does with each task: raises it, or gives it.
        writes: What the writer does with each prediction that it gets: raises it, or answers with it.
    """

    def __init__(self, tmp_path: Path, images: list[Any], writes: list[Any] | None = None, look_ahead: int = 1) -> None:
        self.images = images
        self.writes = writes or []
        self.look_ahead = look_ahead
        self.failures = FailureFile(tmp_path / "failures.jsonl")
        self.stop = Stop()
        self.read: list[int] = []
        self.written: list[int] = []
        self.progress = 0
        self.on_write: Callable[[int], object] = lambda task_id: None

    def tasks(self) -> Iterator[Task]:
        for task_id in range(1, len(self.images) + 1):
            self.read.append(task_id)
            yield {"id": task_id, "data": {}}

    def annotate(self, task: Task) -> Prediction:
        return told(self.images[task["id"] - 1])  # type: ignore[no-any-return]

    def save(self, task: Task, prediction: Prediction) -> bool:
        task_id = task["id"]
        answer = self.writes[len(self.written)] if len(self.written) < len(self.writes) else True
        self.written.append(task_id)
        self.on_write(task_id)
        return told(answer)  # type: ignore[no-any-return]

    def show(self) -> None:
        raise AssertionError("the loop leaves this to the run")

    def settle(self) -> int:
        raise AssertionError("so it does with this")

    def update(self, n: int = 1) -> None:
        self.progress += n

    def __call__(self, *, dry: bool = False) -> Summary:
        with ThreadPoolExecutor(2) as executor:
            return self.run_in(executor, dry=dry)

    def run_in(self, executor: Executor, *, dry: bool = False) -> Summary:
        return prefill(
            tasks=self.tasks(),
            predictor=ExecutorPredictor(self.annotate, executor, "v1", self.look_ahead, self.stop),
            store=None if dry else self,
            failures=self.failures,
            progress=self,
            stop=self.stop,
        )

    def failed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.failures.path.read_text().splitlines()]


class AtOnce(Executor):
    """Does in `submit` what it is given: with it all tasks that are looked ahead are done together."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def told(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer


@pytest.mark.parametrize("look_ahead", [1, 4, 100])
def test_every_task_is_written_and_counted(tmp_path: Path, look_ahead: int) -> None:
    run = Run(tmp_path, [FOUND, NOBODY, FOUND, NOBODY, FOUND, FOUND], look_ahead=look_ahead)
    assert run() == Summary(predicted=6, empty=2)
    assert sorted(run.written) == [1, 2, 3, 4, 5, 6]
    assert run.progress == 6
    assert not run.failures.path.exists()


def test_no_tasks(tmp_path: Path) -> None:
    assert Run(tmp_path, [])() == Summary()


def test_prediction_from_elsewhere_is_skipped(tmp_path: Path) -> None:
    assert Run(tmp_path, [FOUND, NOBODY, FOUND], [True, False])() == Summary(predicted=2, skipped=1)


def test_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, [FOUND, NOBODY, ImageError("not found", "a.png")])
    assert run(dry=True) == Summary(predicted=2, empty=1, failed=Counter({"not found": 1}))
    assert run.written == []
    assert run.progress == 3


@pytest.mark.parametrize(
    ("image", "write", "reason", "error"),
    [
        (ImageError("not found", "http://a.example/2.png"), True, "not found", "http://a.example/2.png: not found"),
        (ModelError("pose.onnx: cannot run"), True, "pose.onnx: cannot run", "pose.onnx: cannot run"),
        (ZeroDivisionError("secret"), True, "unexpected ZeroDivisionError", "unexpected ZeroDivisionError"),
        (FOUND, REFUSED, str(REFUSED), str(REFUSED)),
        (FOUND, AWAY, str(AWAY), str(AWAY)),
        (FOUND, KeyError("x"), "unexpected KeyError", "unexpected KeyError"),
    ],
)
def test_one_failure_costs_that_task_alone(tmp_path: Path, image: Any, write: Any, reason: str, error: str) -> None:
    run = Run(tmp_path, [FOUND, image, FOUND, FOUND], [True, write] if image is FOUND else [])
    summary = run()
    assert (summary.predicted, summary.failed, summary.stopped) == (3, {reason: 1}, "")
    assert run.failed() == [{"task": 2, "error": error}]
    assert run.progress == 4


def test_images_with_the_same_trouble_are_one_reason(tmp_path: Path) -> None:
    run = Run(tmp_path, [ImageError("not found", f"{n}.png") for n in range(3)] + [ImageError("is empty", "4.png")])
    assert run().failed == {"not found": 3, "is empty": 1}
    assert run.failed()[1:3] == [{"task": 2, "error": "1.png: not found"}, {"task": 3, "error": "2.png: not found"}]


def test_reasons_beyond_a_thousand_are_one(tmp_path: Path) -> None:
    run = Run(tmp_path, [FOUND] * 1500, [LabelStudioError(f"task {n // 2}") for n in range(1100)] + [REFUSED] * 400)
    failed = run().failed
    assert failed.total() == 1500
    assert (len(failed), failed["task 499"], failed["task 500"]) == (551, 2, 2)
    run = Run(
        tmp_path,
        [FOUND] * 1500,
        [LabelStudioError(f"task {n}") for n in range(1490)] + [LabelStudioError("task 7")] * 10,
    )
    failed = run().failed
    assert (len(failed), failed["task 7"], failed[OTHER_REASONS]) == (1001, 11, 490)


def test_failures_of_an_earlier_run_are_forgotten(tmp_path: Path) -> None:
    Run(tmp_path, [ImageError("not found")])()
    run = Run(tmp_path, [FOUND])
    assert not run.failures.path.exists()
    run()
    assert not run.failures.path.exists()


def test_failures_that_cannot_be_written_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "failures.jsonl"
    message = f"{path}: failures cannot be written there: No such file or directory"
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        FailureFile(path)


def test_failures_may_go_to_a_device(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.symlink_to("/dev/null")
    FailureFile(device).add({"id": 1}, "not found")
    assert device.is_symlink()


GONE = f"Label Studio cannot be reached ({AWAY}); run again to go on"


@pytest.mark.parametrize(
    ("writes", "written", "stopped"),
    [
        ([AWAY] * 5, 5, GONE),
        ([True, *[AWAY] * 5], 6, GONE),
        ([*[AWAY] * 4, True, *[AWAY] * 4], 20, ""),
        ([*[AWAY] * 4, False, *[AWAY] * 4], 20, ""),  # skipped: it was reached
        ([*[AWAY] * 4, REFUSED, *[AWAY] * 4], 20, ""),  # refused: it was reached
        ([True, NO_TOKEN], 2, str(NO_TOKEN)),
    ],
)
def test_run_ends_when_writing_makes_no_sense_any_more(
    tmp_path: Path, writes: list[Any], written: int, stopped: str
) -> None:
    run = Run(tmp_path, [FOUND] * 20, writes)
    assert run().stopped == stopped
    assert len(run.written) == run.progress == written


def test_bad_images_between_unavailable_writes_do_not_hide_that_label_studio_is_gone(tmp_path: Path) -> None:
    run = Run(tmp_path, [FOUND, ImageError("not found")] * 20, [AWAY] * 20)
    assert run().stopped == GONE
    assert len(run.written) == 5


NO_IMAGE = ImageUnavailableError("ls:8080: connection refused", "/data/upload/1/a.jpg")


@pytest.mark.parametrize(
    ("images", "writes", "done", "stopped"),
    [
        ([NO_IMAGE] * 20, [], 5, "Label Studio cannot be reached (ls:8080: connection refused); run again to go on"),
        ([*[NO_IMAGE] * 4, FOUND, *[NO_IMAGE] * 4, FOUND], [], 10, ""),
        ([*[NO_IMAGE] * 4, ImageError("not found"), NO_IMAGE, FOUND], [], 6, "Label Studio cannot be reached"),
        # while it is away an image and a write fail at the same time
        ([NO_IMAGE, FOUND] * 4, [AWAY] * 4, 8, ""),
        ([NO_IMAGE, FOUND] * 9, [AWAY] * 9, 9, "Label Studio cannot be reached"),
    ],
)
def test_images_that_label_studio_cannot_serve_show_that_it_is_gone(
    tmp_path: Path, images: list[Any], writes: list[Any], done: int, stopped: str
) -> None:
    run = Run(tmp_path, images, writes)
    summary = run()
    assert summary.stopped.startswith(stopped)
    assert bool(summary.stopped) == bool(stopped)
    assert run.progress == done


@pytest.mark.parametrize(
    ("error", "cure"), [(AWAY, "; run again to go on"), (NO_TOKEN, ""), (REFUSED, ""), (GoneError("no project 1"), "")]
)
def test_listing_that_fails_ends_the_run(tmp_path: Path, error: Exception, cure: str) -> None:
    run = Run(tmp_path, [FOUND] * 3)
    tasks = run.tasks

    def listing() -> Iterator[Task]:
        yield from tasks()
        raise error

    run.tasks = listing  # type: ignore[method-assign]
    assert run() == Summary(predicted=3, stopped=f"{error}{cure}")


@pytest.mark.parametrize("error", [ConfigChangedError("the labeling config was changed"), GoneError("no project 1")])
def test_what_concerns_all_tasks_ends_the_run_and_is_no_tasks_failure(tmp_path: Path, error: Exception) -> None:
    run = Run(tmp_path, [FOUND] * 9, [True, True, error])
    assert run() == Summary(predicted=2, stopped=str(error))
    assert len(run.written) == 3
    assert not run.failures.path.exists()


@pytest.mark.parametrize("look_ahead", [1, 3, 6])
def test_tasks_are_read_only_as_far_ahead_as_asked_for(tmp_path: Path, look_ahead: int) -> None:
    run = Run(tmp_path, [FOUND] * 30, look_ahead=look_ahead)
    ahead = []
    run.on_write = lambda task_id: ahead.append(len(run.read) - len(run.written) + 1)
    run()
    assert max(ahead) == look_ahead


@pytest.mark.parametrize("look_ahead", [1, 3, 30])
def test_stop_finishes_the_write_in_hand_and_begins_nothing_more(tmp_path: Path, look_ahead: int) -> None:
    run = Run(tmp_path, [FOUND] * 30, look_ahead=look_ahead)
    run.on_write = lambda task_id: run.stop.set() if len(run.written) == 3 else None
    assert run.run_in(AtOnce()) == Summary(predicted=3)
    assert len(run.written) == run.progress == 3


def test_stop_before_the_first_task(tmp_path: Path) -> None:
    run = Run(tmp_path, [FOUND] * 3)
    run.stop.set()
    assert run() == Summary()
    assert run.read == []


@pytest.mark.parametrize("where", ["write", "listing"])
def test_what_a_stop_interrupts_is_no_failure(tmp_path: Path, where: str) -> None:
    run = Run(tmp_path, [FOUND] * 3, [True, StoppedError("stopped")] if where == "write" else [])

    def listing() -> Iterator[Task]:
        yield {"id": 1, "data": {}}
        raise StoppedError("stopped")

    if where == "listing":
        run.tasks = listing  # type: ignore[method-assign]
    assert run() == Summary(predicted=1)
    assert run.progress == 1
    assert not run.failures.path.exists()


def test_a_stop_is_noticed_while_a_prediction_takes_long(tmp_path: Path) -> None:
    run = Run(tmp_path, [FOUND] * 9, look_ahead=6)
    release = threading.Event()
    begun = []

    def slow(task: Task) -> Prediction:
        begun.append(task)
        release.wait(20)
        return FOUND

    run.annotate = slow  # type: ignore[method-assign]
    timer = threading.Timer(0.05, run.stop.set)
    with ThreadPoolExecutor(2) as executor:
        timer.start()
        before = time.monotonic()
        assert run.run_in(executor) == Summary()
        assert time.monotonic() - before < 5
        release.set()
    timer.join()
    assert run.written == []
    assert len(begun) == 2  # those that waited for a thread were given up
