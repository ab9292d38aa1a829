"""A real gunicorn that is told to stop, to reload, or whose worker dies, in the midst of its work."""

import base64
import http.client
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import pytest
import requests

from tests.gunicorn_server import WAIT_S, GunicornServer, until
from tests.http_server import Answer, ScriptedServer
from tests.serving.test_load import CONFIG, DRAWN, QUEUE_LIMIT, SELECTIONS, Slow, versions
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

STOPPING = "the backend is stopping; ask again in a moment"


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    with Slow(tmp_path) as running:
        yield running


def has_closed(slow: Slow) -> bool:
    """Whether the backend has heard that it shall stop."""
    return requests.get(slow.url + "/ready", timeout=WAIT_S).status_code == 503


def test_sigterm_drops_nothing_that_is_in_hand(slow: Slow) -> None:
    """What is worked on and what waits, a prompt too."""
    calls = [*slow.fill(), slow.begin(99, context=DRAWN)]
    slow.process.send_signal(signal.SIGTERM)
    until(lambda: has_closed(slow))
    assert not any(call.done() for call in calls)
    slow.end_all()
    assert [call.result().status_code for call in calls] == [200] * (SELECTIONS + QUEUE_LIMIT + 1)
    assert versions(calls[-1].result()) == ["task-99"]
    assert slow.process.wait(WAIT_S) == 0


def test_while_stopping_it_says_so(slow: Slow) -> None:
    call = slow.begin(1, 2)
    kept = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=WAIT_S)
    kept.request("GET", "/ready")
    assert kept.getresponse().read().startswith(b'{"status":"READY"')
    kept.auto_open = 0  # type: ignore[assignment]  # so that it is this connection that answers again
    slow.process.send_signal(signal.SIGTERM)
    until(lambda: "Stopping when 1 predictions in hand are answered" in slow.log())
    kept.request("GET", "/ready")
    answer = kept.getresponse()
    assert (answer.status, answer.reason, answer.getheader("Connection")) == (503, STOPPING, "close")
    for response in (requests.get(slow.url + "/ready", timeout=WAIT_S), slow.predict([{"id": 3}], CONFIG)):
        assert (response.status_code, response.json()["error"]) == (503, STOPPING)
        assert (response.headers["Retry-After"], response.headers["Connection"]) == ("10", "close")
    assert requests.get(slow.url + "/health", timeout=WAIT_S).status_code == 200
    slow.end_all()
    assert versions(call.result()) == ["task-1", "task-2"]
    assert slow.process.wait(WAIT_S) == 0
    assert sorted(slow.begun()) == [1, 2]


def test_with_nothing_in_hand_it_stops_at_once(slow: Slow) -> None:
    assert slow.predict([{"id": 1}], CONFIG).status_code == 200
    slow.process.send_signal(signal.SIGTERM)
    assert slow.process.wait(WAIT_S) == 0


@pytest.mark.parametrize("first", [None, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGQUIT])
def test_whoever_does_not_want_to_wait_need_not(
    slow: Slow, first: signal.Signals | None, second: signal.Signals
) -> None:
    call = slow.begin(1, 2)
    if first:
        slow.process.send_signal(first)
        until(lambda: has_closed(slow))
    slow.process.send_signal(second)
    assert slow.process.wait(20) == 0
    assert isinstance(call.exception(), requests.ConnectionError)


def test_a_reload_refuses_nobody(slow: Slow) -> None:
    """The old worker finishes, while the new one answers all that comes."""
    call = slow.begin(1, 2)
    slow.process.send_signal(signal.SIGHUP)
    until(lambda: len(slow.workers()) == 2)
    old, new = slow.workers()
    # The new one is there once the old one accepts no more, and before it does nobody is sent away.
    for number in range(40):
        assert versions(slow.predict([{"id": 100 + number}], CONFIG)) == [f"task-{100 + number}"]
        time.sleep(0.05)
    assert os.kill(old, 0) is None and os.kill(new, 0) is None  # type: ignore[func-returns-value]
    slow.end_all()
    assert versions(call.result()) == ["task-1", "task-2"]
    until(lambda: f"Worker exiting (pid: {old})" in slow.log())


FIGURES = write_config(list(Part))
PICTURE = base64.b64encode(cv2.imencode(".png", draw_figures(2, seed=1, size_wh=(640, 480)).bgr)[1].tobytes()).decode()


def regions(response: requests.Response) -> list[list[Any]]:
    """What was found for each task, without the ids, which are new each time."""
    assert response.status_code == 200, response.text
    return [[region["value"] for region in result["result"]] if result else [] for result in response.json()["results"]]


@pytest.mark.thorough
def test_a_worker_that_dies_is_replaced_and_the_answers_are_right(tmp_path: Path) -> None:
    tasks = [{"id": number, "data": {"image": f"data:image/png;base64,{PICTURE}"}} for number in range(8)]
    with GunicornServer("_wsgi:app", tmp_path) as server, ThreadPoolExecutor(8) as clients:
        right = regions(server.predict(tasks, FIGURES))
        assert [len(one) for one in right] == [2 * 134] * 8
        for killed in range(1, 3):
            futures = [clients.submit(server.predict, tasks * 5, FIGURES) for _ in range(8)]
            time.sleep(0.5)
            os.kill(server.workers()[-1], signal.SIGKILL)
            for future in futures:
                assert isinstance(future.exception(), requests.ConnectionError) or regions(future.result()) == right * 5
            until(lambda killed=killed: len(server.workers()) == killed + 1)
            assert regions(server.predict(tasks, FIGURES)) == right


def test_slow_images_cost_their_tasks_alone(tmp_path: Path, server: ScriptedServer) -> None:
    """The deadline with the real model: three images come too late, seventeen do not."""
    png = base64.b64decode(PICTURE)
    server.on("GET", "/late.png", Answer(body=png, delay_s=30))
    server.on("GET", "/image.png", Answer(body=png))
    late = {2, 3, 11}
    tasks = [
        {"id": number, "data": {"image": f"{server.url}/{'late' if number in late else 'image'}.png"}}
        for number in range(20)
    ]
    with GunicornServer("_wsgi:app", tmp_path, PREDICT_DEADLINE_SECONDS="5") as backend:
        start = time.monotonic()
        found = regions(backend.predict(tasks, FIGURES))
        assert 5 <= time.monotonic() - start < 20
        assert [len(one) for one in found] == [0 if number in late else 2 * 134 for number in range(20)]
        assert "/predict: 3 of 20 tasks not done in 5 s, answered without" in backend.log()


def test_a_client_that_leaves_costs_no_more_images(tmp_path: Path, server: ScriptedServer) -> None:
    server.on("GET", "/image.png", Answer(body=base64.b64decode(PICTURE), delay_s=0.05))
    tasks = [{"id": number, "data": {"image": f"{server.url}/image.png"}} for number in range(2000)]
    with GunicornServer("_wsgi:app", tmp_path) as backend:
        body = {"tasks": tasks, "label_config": CONFIG}
        with pytest.raises(requests.ReadTimeout):
            requests.post(backend.url + "/predict", json=body, timeout=1)
        until(lambda: 'status="499"} 1.0' in requests.get(backend.url + "/metrics", timeout=WAIT_S).text)
        time.sleep(0.5)
        count = len(server.requests)
        time.sleep(0.5)
        assert len(server.requests) == count < 2000
