"""A real gunicorn with more to do than it can: whom it serves, whom it lets wait, whom it sends away."""

import http.client
import json
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.gunicorn_server import GunicornServer, until
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

CONFIG = write_config([Part.BODY])
THREADS, QUEUE_LIMIT = 4, 4
SELECTIONS = THREADS - 2
"""The others are for prompts and single tasks."""
DRAWN = {"result": [{"type": "rectangle"}]}


class Slow(GunicornServer):
    """Serves predictions that end when the test says so."""

    def __init__(self, folder: Path, **environment: str) -> None:
        limits = {"THREADS": str(THREADS), "QUEUE_LIMIT": str(QUEUE_LIMIT)}
        super().__init__("tests.slow_wsgi:app", folder, **(limits | environment))
        self._clients = ThreadPoolExecutor(20)

    def __exit__(self, *error: object) -> None:
        self.end_all()
        super().__exit__(*error)
        self._clients.shutdown()

    def begin(self, *task_ids: int, context: Any = None, count: bool = True) -> "Future[requests.Response]":
        """Ask for tasks that last until `end_all`; works or waits when this returns."""
        before = sum(self.queue())
        future = self._clients.submit(self.predict, self.tasks(*task_ids), CONFIG, context)
        until(lambda: not count or sum(self.queue()) > before)
        return future

    def tasks(self, *task_ids: int) -> list[dict[str, Any]]:
        return [{"id": task_id, "wait_for": str(self.folder / "end")} for task_id in task_ids]

    def end_all(self) -> None:
        (self.folder / "end").touch()

    def queue(self) -> tuple[int, int]:
        """Calls worked on, and calls that wait."""
        working, waiting = requests.get(self.url + "/queue", timeout=60).json()
        return working, waiting

    def begun(self) -> list[int]:
        """Ids of the tasks begun so far."""
        path = self.folder / "begun"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def fill(self) -> "list[Future[requests.Response]]":
        """Selections in all places that they may have, and in the whole queue."""
        count = SELECTIONS + QUEUE_LIMIT
        calls = [self.begin(10 * number, 10 * number + 1) for number in range(1, count + 1)]
        assert self.queue() == (SELECTIONS, QUEUE_LIMIT)
        return calls


def versions(response: requests.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [result["model_version"] for result in response.json()["results"]]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    with Slow(tmp_path) as running:
        yield running


def test_one_more_than_may_wait_is_told_when_to_come_back(slow: Slow) -> None:
    calls = slow.fill()
    refused = slow.predict(slow.tasks(99, 100), CONFIG)
    message = f"the backend is busy: {QUEUE_LIMIT} calls wait already (QUEUE_LIMIT)"
    assert (refused.status_code, refused.reason, refused.json()["error"]) == (503, message, message)
    assert refused.headers["Retry-After"] == "10"
    assert not any(call.done() for call in calls), "it did not wait for them"
    slow.end_all()
    answered = [versions(call.result()) for call in calls]
    assert answered == [[f"task-{n}0", f"task-{n}1"] for n in range(1, len(calls) + 1)]
    assert not {99, 100} & set(slow.begun())


@pytest.mark.parametrize("context", [DRAWN, None])
def test_an_annotator_is_answered_while_selections_fill_everything(slow: Slow, context: Any) -> None:
    """Who draws something, and who opens a task."""
    calls = slow.fill()
    assert versions(slow.predict([{"id": 99}], CONFIG, context)) == ["task-99"]
    assert not any(call.done() for call in calls)


def test_prompts_then_single_tasks_come_before_the_selections_that_wait(tmp_path: Path) -> None:
    with Slow(tmp_path, THREADS="1") as slow:
        calls = [slow.begin(1, 2), slow.begin(3, 4), slow.begin(5), slow.begin(6, context=DRAWN)]
        assert slow.queue() == (1, 3)
        slow.end_all()
        for call in calls:
            assert call.result().status_code == 200
        order = [task for task in slow.begun() if task > 2]
        assert (order[:2], sorted(order[2:])) == ([6, 5], [3, 4])


def test_status_is_answered_while_the_queue_is_full(slow: Slow, record_property: Any) -> None:
    slow.fill()
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        assert requests.get(slow.url + "/health", timeout=60).status_code == 200
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 1, "after which Label Studio gives up"
    for path in ("/ready", "/metrics", "/versions"):
        assert requests.get(slow.url + path, timeout=60).status_code == 200
    assert requests.post(slow.url + "/setup", json={"schema": CONFIG}, timeout=60).status_code == 200


def test_what_is_not_done_at_the_deadline_is_left_out(tmp_path: Path) -> None:
    with Slow(tmp_path, PREDICT_DEADLINE_SECONDS="2") as slow:
        quick = [{"id": number} for number in range(990)]
        tasks = quick[:500] + slow.tasks(1001, 1002) + quick[500:]
        start = time.monotonic()
        answer = slow.predict(tasks, CONFIG)
        assert 2 <= time.monotonic() - start < 30
        results = answer.json()["results"]
        assert [index for index, result in enumerate(results) if not result] == [500, 501]
        until(lambda: "/predict: 2 of 992 tasks not done in 2 s, answered without" in slow.log())
        counted = requests.get(slow.url + "/metrics", timeout=60).text
        assert "wholebody_deadline_cuts_total 1.0" in counted
        assert "wholebody_deadline_cut_tasks_total 2.0" in counted


def test_the_deadline_holds_for_those_who_wait_as_well(tmp_path: Path) -> None:
    with Slow(tmp_path, PREDICT_DEADLINE_SECONDS="3", THREADS="1") as slow:
        worked_on = slow.begin(1, 2)
        waiting = [slow.begin(3, 4), slow.begin(5), slow.begin(6, context=DRAWN)]
        assert worked_on.result().json() == {"results": [[], []]}
        answers = [call.result() for call in waiting]
        assert [answer.json() for answer in answers[:2]] == [{"results": [[], []]}, {"results": [[]]}]
        assert (answers[2].status_code, answers[2].headers["Retry-After"]) == (503, "10")
        assert answers[2].reason == "the backend is busy; ask again in a moment"
        assert set(slow.begun()) == {1, 2}


def connect(server: GunicornServer, tasks: list[dict[str, Any]]) -> socket.socket:
    """Ask for predictions on a connection that the test can close."""
    body = json.dumps({"tasks": tasks, "label_config": CONFIG}).encode()
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def test_a_waiting_client_that_leaves_gives_up_its_place(slow: Slow) -> None:
    calls = slow.fill()
    calls[-1].cancel()
    assert slow.predict(slow.tasks(99, 100), CONFIG).status_code == 503
    slow.end_all()
    for call in calls:
        call.result()
    (slow.folder / "end").unlink()
    for number in range(SELECTIONS):
        slow.begin(200 + number, 300)
    with connect(slow, slow.tasks(77, 78)):
        until(lambda: slow.queue() == (SELECTIONS, 1))
    until(lambda: slow.queue() == (SELECTIONS, 0))
    slow.end_all()
    until(lambda: slow.queue() == (0, 0))
    assert not {77, 78} & set(slow.begun())


def test_a_selection_stops_when_its_client_leaves(slow: Slow) -> None:
    with connect(slow, [{"id": number, "seconds": 0.05} for number in range(5000)]):
        until(lambda: len(slow.begun()) > 10)
    until(lambda: slow.queue() == (0, 0))
    count = len(slow.begun())
    time.sleep(0.3)
    assert len(slow.begun()) == count < 5000
    until(lambda: 'wholebody_requests_total{route="predict",status="499"} 1.0' in counted(slow))


def counted(server: GunicornServer) -> str:
    return requests.get(server.url + "/metrics", timeout=60).text


def test_a_client_that_asks_again_on_its_connection_is_not_taken_for_gone(slow: Slow) -> None:
    """Two requests sent at once: the second one's bytes wait behind the first."""
    body = json.dumps({"tasks": [{"id": 1, "seconds": 1}, {"id": 2}], "label_config": CONFIG})
    one = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with socket.create_connection(("127.0.0.1", slow.port)) as connection:
        connection.sendall((one + one).encode())
        for _ in range(2):
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert (response.status, len(json.loads(response.read())["results"])) == (200, 2)
