"""What is told to the observer of a request, by whom and from which thread."""

import contextvars
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from wholebody.errors import (
    AuthenticationError,
    Cause,
    ImageError,
    LabelingConfigError,
    ModelError,
    PromptError,
    RequestError,
    SettingsError,
    StoppedError,
    UnavailableError,
    WholebodyError,
)
from wholebody.process import observing
from wholebody.process.observing import Stage, stage, watch


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[Stage, float]] = []
        self.events: list[object] = []

    def stage_took(self, stage: Stage, seconds: float) -> None:
        self.stages.append((stage, seconds))

    def people_found(self, count: int) -> None:
        self.events.append(count)

    def image_looked_up(self, *, kept: bool) -> None:
        self.events.append(kept)

    def failed(self, cause: Cause) -> None:
        self.events.append(cause)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.stages]


@pytest.fixture
def notes() -> Iterator[Notes]:
    notes = Notes()
    watch(notes)
    yield notes
    watch(None)


def test_a_stage_is_told_with_its_time(notes: Notes) -> None:
    with stage("fetch"):
        time.sleep(0.02)
    ((name, seconds),) = notes.stages
    assert name == "fetch"
    assert 0.02 <= seconds < 5


def test_a_function_can_be_a_stage(notes: Notes) -> None:
    @stage("pose")
    def double(number: int) -> int:
        return 2 * number

    assert [double(1), double(2)] == [2, 4]
    assert notes.names == ["pose", "pose"]


def test_a_stage_that_fails_is_told_as_well(notes: Notes) -> None:
    with pytest.raises(ImageError, match=r"^timed out$"), stage("fetch"):
        raise ImageError("timed out")
    assert notes.names == ["fetch"]


def test_the_time_of_a_stage_inside_another_counts_once(notes: Notes) -> None:
    started = time.perf_counter()
    with stage("detect"):
        with stage("turn"):
            time.sleep(0.05)
        with stage("turn"):
            time.sleep(0.05)
    whole = time.perf_counter() - started
    assert notes.names == ["turn", "turn", "detect"]
    assert sum(seconds for _, seconds in notes.stages) <= whole
    assert notes.stages[2][1] <= whole - 0.1


def test_a_thread_with_a_copy_of_the_context_tells_the_same_observer(notes: Notes) -> None:
    def work() -> None:
        with stage("decode"):
            observing.people_found(3)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()
        assert notes.names == [], "without the context nobody watches"
        threads.submit(contextvars.copy_context().run, work).result()
        assert (notes.names, notes.events) == (["decode"], [3])
        threads.submit(work).result()
    assert notes.names == ["decode"], "the thread itself has not kept it"


def test_without_an_observer_nothing_happens(notes: Notes) -> None:
    watch(None)
    with stage("fetch"):
        observing.people_found(1)
        observing.image_looked_up(kept=True)
        observing.failed(ImageError("x"))
    assert (notes.stages, notes.events) == ([], [])


def test_watching_costs_microseconds(notes: Notes) -> None:
    rounds = 2000
    started = time.perf_counter()
    for _ in range(rounds):
        with stage("pose"):
            pass
    assert (time.perf_counter() - started) / rounds < 1e-3, "a generous limit: it takes about 3 microseconds"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ImageError("x"), "image_unreachable"),
        (ImageError("x", "ref", "image_too_large"), "image_too_large"),
        (ImageError("x", cause="image_unreadable"), "image_unreadable"),
        (AuthenticationError("x"), "label_studio"),
        (UnavailableError("x"), "label_studio"),
        (ModelError("x"), "model"),
        (PromptError("x"), "prompt"),
        (LabelingConfigError("x"), "config"),
        (RequestError("x"), "request"),
        (SettingsError("x"), "settings"),
        (StoppedError("x"), "stopped"),
        (WholebodyError("x"), "unexpected"),
        (KeyError("/etc/passwd"), "unexpected"),
        (MemoryError(), "unexpected"),
    ],
)
def test_a_failure_is_told_by_its_cause_never_by_its_text(notes: Notes, error: Exception, cause: str) -> None:
    observing.failed(error)
    assert notes.events == [cause]
