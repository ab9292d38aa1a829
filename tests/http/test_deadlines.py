"""Deadlines on real sockets: all in one thread, each in its own time, and in forked processes too."""

import gc
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from wholebody.http import deadlines
from wholebody.http.deadlines import Deadline, OutOfTimeError, current_deadline, within

SOON_S = 0.3
GENEROUS_S = 20.0
LONG_S = 600.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

FORK = """
import os, socket, sys, threading
from wholebody.http import deadlines
from wholebody.http.deadlines import Deadline, current_deadline

held, over = threading.Event(), threading.Event()

def hold():
    with deadlines._clock._changed:
        held.set()
        over.wait()

ours, theirs = socket.socketpair()
with Deadline(0.5).running():
    current_deadline().watch(ours)
    threading.Thread(target=hold, daemon=True).start()  # as any thread may at the moment of a fork
    held.wait()
    child = os.fork()
    if not child:
        near, far = socket.socketpair()
        far.settimeout(20)
        with Deadline(600).running(), Deadline(1).running():
            current_deadline().watch(near)
            try:
                os._exit(0 if far.recv(1) == b"" else 1)
            except TimeoutError:
                os._exit(2)
    over.set()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # longer than our deadline, which has ended in time
theirs.settimeout(20)
ours.sendall(b"a")
sys.exit(status or (theirs.recv(1) != b"a"))
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> deadlines._Clock:
    """One of the test's own, which nothing else wakes."""
    own = deadlines._Clock()
    monkeypatch.setattr(deadlines, "_clock", own)
    return own


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection; what does not come to the far one in `GENEROUS_S` is an error."""
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(GENEROUS_S)
        yield near, far


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + GENEROUS_S
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_many_run_on_one_thread(clock: deadlines._Clock) -> None:
    before = set(threading.enumerate())
    with ExitStack() as running:
        for _ in range(50):
            running.enter_context(Deadline(LONG_S).running())
        new = set(threading.enumerate()) - before
    assert [(thread.name, thread.daemon) for thread in new] == [("deadlines", True)]


def test_a_shorter_one_is_cut_in_its_own_time(clock: deadlines._Clock) -> None:
    long = Deadline(LONG_S)
    with connection() as (near, far), connection() as (other_near, other_far), long.running():
        long.watch(other_near)
        wait_until(lambda: clock._wakes_at == long.at)
        short = Deadline(SOON_S)
        with short.running():
            short.watch(near)
            assert far.recv(1) == b""
        assert short.passed()
        assert not long.passed()
        other_near.sendall(b"x")
        assert other_far.recv(1) == b"x", "the longer one goes on"


def test_several_due_at_once_are_all_cut(clock: deadlines._Clock) -> None:
    due = [Deadline(SOON_S) for _ in range(5)]
    for deadline in due:
        deadline.at = due[0].at
    with ExitStack() as stack:
        ends = []
        for deadline in due:
            stack.enter_context(deadline.running())
            for _ in range(2):
                near, far = stack.enter_context(connection())
                deadline.watch(near)
                ends.append(far)
        assert [far.recv(1) for far in ends] == [b""] * 10


def test_one_that_ended_before_its_time_cuts_nothing(clock: deadlines._Clock) -> None:
    with connection() as (near, far), connection() as (later_near, later_far):
        ended = Deadline(SOON_S)
        with ended.running():
            ended.watch(near)
        later = Deadline(2 * SOON_S)
        with later.running():
            later.watch(later_near)
            assert later_far.recv(1) == b""
        assert ended.passed()
        near.sendall(b"x")
        assert far.recv(1) == b"x"


def test_one_that_ended_is_not_kept(clock: deadlines._Clock) -> None:
    deadline = Deadline(LONG_S)
    with deadline.running():
        pass
    kept = weakref.ref(deadline)
    del deadline
    gc.collect()
    assert kept() is None


def test_connections_that_ended_by_themselves_do_not_stop_the_clock(clock: deadlines._Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, connection() as (near, far):
        line = socket.create_connection(listener.getsockname(), GENEROUS_S)
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        accepted.close()
        first, second = Deadline(SOON_S), Deadline(2 * SOON_S)
        with line, first.running(), second.running():
            with pytest.raises(ConnectionResetError):
                line.recv(1)
            first.watch(line)
            first.watch(near)
            assert far.recv(1) == b""
            with connection() as (near_2, far_2):
                second.watch(near_2)
                assert far_2.recv(1) == b""


def test_a_leap_of_the_time_does_not_put_it_to_sleep(clock: deadlines._Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as past:
        past.setattr(deadlines.time, "monotonic", lambda: 0.0)
        with Deadline(LONG_S).running():
            while clock._wakes_at != LONG_S:
                time.sleep(0.01)
    with connection() as (near, far), Deadline(SOON_S).running():
        deadline = current_deadline()
        assert deadline is not None
        deadline.watch(near)
        assert far.recv(1) == b""


def test_a_thread_that_could_not_be_started_is_tried_again(
    clock: deadlines._Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full, pytest.raises(RuntimeError, match="can't start"):
        full.setattr(threading.Thread, "start", refuse)
        with Deadline(SOON_S).running():
            pytest.fail("it runs without a watch")
    with connection() as (near, far), Deadline(SOON_S).running():
        deadline = current_deadline()
        assert deadline is not None
        deadline.watch(near)
        assert far.recv(1) == b""


def test_a_forked_process_has_a_clock_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_left_bounds_what_may_be_waited() -> None:
    assert current_deadline() is None
    assert within(1000.0) == 1000.0
    deadline = Deadline(LONG_S)
    with deadline.running():
        assert current_deadline() is deadline
        assert within(5.0) == 5.0
        assert 0 < within(10 * LONG_S) <= LONG_S
        assert 0 < deadline.left() <= LONG_S
        assert not deadline.passed()
    assert current_deadline() is None


def test_other_threads_have_none() -> None:
    seen: list[object] = []
    with Deadline(LONG_S).running():
        other = threading.Thread(target=lambda: seen.append(current_deadline()))
        other.start()
        other.join()
    assert seen == [None]


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_nothing_is_left_of_one_that_is_over(seconds: float) -> None:
    deadline = Deadline(seconds)
    assert deadline.passed()
    with pytest.raises(OutOfTimeError):
        deadline.left()
    with deadline.running(), pytest.raises(OutOfTimeError):
        within(0.0)
