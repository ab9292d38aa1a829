"""A server that passes requests on to what answers them, fails as planned, kills the client and keeps a journal."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fake_label_studio import JSON_TYPE, NO_CREDENTIALS
from tests.http_server import Answer, Received, ScriptedServer
from tests.soak.faults import BAD_GATEWAY, EXPIRED, PROPER, Commit, Fault, FaultPlan, KillPlan, Moment
from tests.soak.others import task_of


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the front lets things take.

    Attributes:
        read_timeout_s: The client's.
        latest_commit_s: The longest from an answer, or from the client's time-out, to a late commit.
    """

    read_timeout_s: float
    latest_commit_s: float


class Journal:
    """A JSON object a line for each request and each late commit, in the order in which they were over."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._begun = time.monotonic()

    def add(self, at: float, **entry: Any) -> None:
        """Note what became of the request that arrived at `at`."""
        with self._lock:
            self._file.write(json.dumps({"at_s": round(at - self._begun, 6), **entry}) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Nothing more comes."""
        with self._lock:
            self._file.close()


class FaultFront(ScriptedServer):
    """The server.

    Args:
        upstream: Carries a request out and gives the proper answer.
        faults: Which requests fail.
        kills: Which requests the client does not survive.
        client_pid: File that holds the client's process id while there is one.
        journal: Gets every request.
        timing: How long hanging and late commits take.
        before: Called with a request's number and the request before anything is done with it.
    """

    def __init__(
        self,
        upstream: Callable[[Received], Answer],
        faults: FaultPlan,
        kills: KillPlan,
        client_pid: Path,
        journal: Journal,
        timing: Timing,
        before: Callable[[int, Received], None] = lambda number, request: None,
    ) -> None:
        super().__init__()
        self._upstream, self._faults, self._kills, self._timing = upstream, faults, kills, timing
        self._client_pid, self._journal, self._before = client_pid, journal, before
        self._count = 0
        self._worked: set[str] = set()
        self._expired: set[str] = set()
        self._late: list[threading.Timer] = []
        self._numbering = threading.Lock()

    def answer(self, request: Received) -> Answer:
        """Number a request, and do with it what is planned for that number."""
        with self._numbering:
            self._count += 1
            number = self._count
            self._before(number, request)
        fault, kill = self._fault(number, request), self._kills.moment(number)
        if kill is Moment.ARRIVED:
            self._kill()
        answer = self._carry_out(number, request, fault, kill)
        if kill is Moment.ANSWERED:
            threading.Timer(0.01, self._kill).start()
        return answer

    def drain(self) -> None:
        """Wait for the late commits."""
        for timer in self._late:
            timer.join()

    def _fault(self, number: int, request: Received) -> Fault:
        token = request.authorization or ""
        if token in self._expired:
            return EXPIRED
        fault = self._faults.fault(number)
        if fault is EXPIRED and token not in self._worked:
            return BAD_GATEWAY
        return fault

    def _carry_out(self, number: int, request: Received, fault: Fault, kill: Moment | None) -> Answer:
        proper = self._upstream(request) if fault.commit is Commit.BEFORE else None
        if fault.commit is Commit.LATE:
            self._commit_later(number, request, self._timing.read_timeout_s if fault.hangs else 0.0)
        if kill is Moment.COMMITTED:
            self._kill()
        if fault is EXPIRED:
            self._expired.add(request.authorization or "")
            answer = Answer(401, json={"status_code": 401, "detail": NO_CREDENTIALS}, headers=JSON_TYPE)
        else:
            answer = fault.spoil(proper)
        if proper and proper.status < 300 and request.authorization:
            self._worked.add(request.authorization)
        self._note(number, request, fault, kill, proper, answer)
        self.pause(2 * self._timing.read_timeout_s if fault.hangs else fault.wait_s)
        return answer

    def _commit_later(self, number: int, request: Received, earliest_s: float) -> None:
        def commit() -> None:
            proper = self._upstream(request)
            self._journal.add(time.monotonic(), number=number, late=True, committed=proper.status)

        wait_s = earliest_s + self._faults.late_s(number, self._timing.latest_commit_s)
        timer = threading.Timer(wait_s, commit)
        self._late.append(timer)
        timer.start()

    def _note(
        self, number: int, request: Received, fault: Fault, kill: Moment | None, proper: Answer | None, sent: Answer
    ) -> None:
        entry: dict[str, Any] = {"number": number, "method": request.method, "path": request.path}
        entry["client"] = self._client()
        if task := task_of(request):
            entry["task"] = task
        if fault is not PROPER:
            entry |= {"fault": fault.name, "sent": sent.status}
        if fault.retry_after_s and time.monotonic() - request.at < self._timing.read_timeout_s / 2:  # it gets there
            entry |= {"retry_after": sent.headers["Retry-After"], "clock_s": time.time()}
        if request.abandoned:
            entry["abandoned"] = True
        if kill:
            entry["killed"] = kill.value
        self._journal.add(request.at, **entry, committed=proper.status if proper else None)

    def _kill(self) -> None:
        if client := self._client():
            with suppress(ProcessLookupError):
                os.kill(client, signal.SIGKILL)

    def _client(self) -> int:
        """The process id of the client that is running, or 0."""
        try:
            return int(self._client_pid.read_text())
        except (OSError, ValueError):
            return 0
