"""How far apart writes are, and how that distance grows and comes back."""

import re
import time

import pytest

from wholebody.errors import StoppedError, UnavailableError
from wholebody.label_studio.pacing import Pace
from wholebody.process.stopping import Stop

BUSY = UnavailableError("POST /api/predictions/: HTTP 503", busy=True)
STOPPED = "stopped before it was done; run again to go on"


class Clock:
    """Time that passes only while somebody waits, and by `+=`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        self.stop = Stop()
        monkeypatch.setattr("wholebody.label_studio.pacing.time.monotonic", lambda: self.now)
        monkeypatch.setattr(self.stop, "wait", self.wait)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.stop.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def write(pace: Pace, clock: Clock, took_s: float = 0.0, *, well: bool = True) -> float:
    """Make a write; when it started."""
    pace.wait_to_write()
    started = clock.now
    clock.now += took_s
    pace.wrote()
    if well:
        pace.went_well(took_s)
    return started


@pytest.mark.parametrize("well", [True, False])
def test_the_delay_is_from_the_end_of_a_write_to_the_start_of_the_next(clock: Clock, well: bool) -> None:
    pace = Pace(1.0, 60, clock.stop)
    starts = [write(pace, clock, took_s, well=well) - 50 for took_s in (0, 0.25, 0.5, 0)]
    assert starts == pytest.approx([0, 1, 2.25, 3.75])


def test_nothing_is_waited_for_when_the_time_has_gone_by(clock: Clock) -> None:
    pace = Pace(1.0, 60, clock.stop)
    write(pace, clock)
    clock.now += 5
    assert write(pace, clock) == 55


def test_a_look_comes_early_and_the_write_in_time(clock: Clock) -> None:
    pace = Pace(1.0, 60, clock.stop)
    write(pace, clock)
    pace.wait_to_write(early_s=0.1)
    assert clock.now == pytest.approx(50.9)
    assert write(pace, clock) == pytest.approx(51)


@pytest.mark.parametrize(
    ("delay_s", "longest_s", "distances"),
    [
        (1.0, 60, [2, 4, 8, 16, 32, 60, 60]),
        (0.0, 60, [0.25, 0.5, 1, 2, 4, 8, 16]),
        (0.0, 3, [0.25, 0.5, 1, 2, 3, 3, 3]),
        (0.0, 0, [0] * 7),  # MAX_BACKOFF_DELAY=0 asks for it
        (10.0, 3, [10] * 7),
    ],
)
def test_each_sign_of_too_much_work_doubles_the_distance_up_to_the_cap(
    clock: Clock, delay_s: float, longest_s: float, distances: list[float]
) -> None:
    pace = Pace(delay_s, longest_s, clock.stop)
    seen = []
    for _ in distances:
        pace.refused(BUSY)
        before = write(pace, clock, well=False)
        seen.append(write(pace, clock, well=False) - before)
    assert seen == pytest.approx(distances)


@pytest.mark.parametrize("delay_s", [0.0, 0.5, 1.0])
def test_writes_that_go_well_bring_the_delay_back_and_never_less(clock: Clock, delay_s: float) -> None:
    pace = Pace(delay_s, 60, clock.stop)
    for _ in range(9):
        pace.refused(BUSY)
    distances = []
    for _ in range(60):
        distances.append(pace.distance_s)
        write(pace, clock)
    assert distances[0] == 60
    assert distances == sorted(distances, reverse=True)
    assert distances[1] > 40  # not at once
    assert (distances[-1], min(distances)) == (delay_s, delay_s)


def test_failures_that_say_nothing_of_too_much_work_do_not_slow_down(clock: Clock) -> None:
    pace = Pace(1.0, 60, clock.stop)
    pace.refused(UnavailableError("POST /api/predictions/: connection dropped"))
    assert pace.distance_s == 1.0


@pytest.mark.parametrize(
    ("usual_s", "took_s", "slows"),
    [
        (0.04, 0.9, False),  # many times as long, but not long
        (0.04, 1.1, True),
        (0.6, 1.7, False),
        (0.6, 1.9, True),
        (20.0, 50.0, False),
        (20.0, 70.0, True),
    ],
)
def test_a_write_much_slower_than_usual_is_a_sign(clock: Clock, usual_s: float, took_s: float, slows: bool) -> None:
    pace = Pace(1.0, 60, clock.stop)
    for _ in range(30):
        write(pace, clock, usual_s)
    write(pace, clock, took_s)
    assert (pace.distance_s == 2.0) is slows


def test_what_is_usual_follows_a_server_that_has_become_slower(clock: Clock) -> None:
    pace = Pace(1.0, 60, clock.stop)
    for _ in range(10):
        write(pace, clock, 0.5)
    for _ in range(100):
        write(pace, clock, 5.0)
    assert pace.distance_s == 1.0


def test_log_says_when_it_slows_and_when_it_is_back(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pace = Pace(1.0, 60, clock.stop)
    for _ in range(3):
        pace.refused(BUSY)
    for _ in range(30):
        write(pace, clock)
    assert caplog.messages == [
        "POST /api/predictions/: HTTP 503: Label Studio has too much to do; writes are 2 s apart",
        "Label Studio keeps up again: writes are 1 s apart",
    ]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_retry_after_holds_for_every_call(clock: Clock, kind: str) -> None:
    pace = Pace(1.0, 60, clock.stop)
    pace.refused(UnavailableError("HTTP 429", 7.0))
    pace.refused(UnavailableError("HTTP 429", 3.0))  # the longer one counts
    pace.refused(UnavailableError("HTTP 502", 0.0))
    clock.now += 2
    pace.wait_to_read() if kind == "read" else pace.wait_to_write()
    assert clock.now == 57


@pytest.mark.parametrize("asked_s", [1e9, float("inf")])
def test_retry_after_has_a_cap(clock: Clock, asked_s: float) -> None:
    pace = Pace(1.0, 60, clock.stop)
    pace.refused(UnavailableError("HTTP 429", asked_s))
    pace.wait_to_read()
    assert clock.now == 50 + 3600


@pytest.mark.parametrize("delay_s", [0, 3600])
def test_no_write_starts_once_it_is_to_stop(clock: Clock, delay_s: float) -> None:
    pace = Pace(delay_s, 60, clock.stop)
    write(pace, clock)
    clock.stop.set()
    with pytest.raises(StoppedError, match=f"^{re.escape(STOPPED)}$"):
        pace.wait_to_write()
    pace.wait_to_read()  # what was written is still looked at


def test_the_last_write_waits_for_its_time_though_it_is_to_stop(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = Pace(2.0, 60, clock.stop)
    write(pace, clock)
    clock.stop.set()
    pace.wait_to_end()
    assert slept == [2.0]
    pace.refused(UnavailableError("HTTP 429", 600.0))
    with pytest.raises(StoppedError, match=f"^{re.escape(STOPPED)}$"):
        pace.wait_to_end()
