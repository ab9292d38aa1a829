"""stopping.py: the wish to stop, which may be uttered at any moment."""

import re
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from wholebody.errors import StoppedError
from wholebody.process.stopping import Stop


def wait_with_handler(stop: Stop, moment: int) -> int:
    """Wait, and set it at the `moment`-th step of the wait as a signal handler would; how many steps there were."""
    steps = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:  # called between two lines, as a handler is
        nonlocal steps
        steps += 1
        if steps == moment:
            sys.settrace(None)
            stop.set()
        return trace

    sys.settrace(trace)
    try:
        stop.wait(0.01)
    finally:
        sys.settrace(None)
    return steps


@pytest.mark.timeout(20)
def test_a_handler_may_set_it_at_any_step_of_the_wait_that_it_interrupts() -> None:
    steps = wait_with_handler(Stop(), 0)
    assert steps > 5
    for moment in range(1, steps):
        stop = Stop()
        wait_with_handler(stop, moment)
        assert stop.is_set()


def test_wakes_every_thread_that_waits() -> None:
    stop = Stop()
    threads = [threading.Thread(target=stop.wait, args=(3600,), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_pause_ends_with_the_time_or_the_wish_to_stop() -> None:
    stop = Stop()
    stop.pause(0.01)
    stop.set()
    for _ in range(2):
        with pytest.raises(StoppedError, match=f"^{re.escape('stopped before it was done; run again to go on')}$"):
            stop.pause(3600)


PROGRAM = """
import os, signal, sys, threading
from wholebody.process.stopping import stop_on_signal

number = int(sys.argv[1])
before = signal.getsignal(number)
with stop_on_signal() as stop:
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    print(stop.wait(3600), signal.getsignal(number) is before)
print(signal.getsignal(number) is before)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_wait_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    # In a process of its own: other tests leave native threads here that do not bear signals.
    command = [sys.executable, "-c", PROGRAM, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True False\nTrue\n"
    assert done.stderr == "\nstopping after the write in hand; press Ctrl-C again to stop at once\n"


SENT = """
import os, signal, sys
from wholebody.process.stopping import stop_on_signal

with stop_on_signal() as stop:
    for number in map(int, sys.argv[1:]):
        os.kill(os.getpid(), number)
    print(stop.is_set())
"""
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([INT, INT], 128 + INT),
        ([INT, TERM], 128 + TERM),
        # a closed terminal sends it more than once, and a system that goes down sends both
        ([HUP, HUP], 0),
        ([TERM, HUP], 0),
        ([HUP, TERM], 0),
        ([HUP, TERM, TERM], 128 + TERM),
    ],
)
def test_the_second_wish_ends_it_at_once_but_not_a_closed_terminals(numbers: list[int], code: int) -> None:
    command = [sys.executable, "-c", SENT, *map(str, map(int, numbers))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "True\n" if code == 0 else "")
    assert done.stderr.count("stopping after the write in hand") == 1
