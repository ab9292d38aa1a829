"""The id of a request: in the answer and in every line about it, in this process and in gunicorn's."""

import json
import logging
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from model import WholebodyBackend, load_annotator, shared_openings, shared_pool
from tests.gunicorn_server import WAIT_S, GunicornServer
from tests.serving.test_server import StubBackend, body, client_for
from tests.test_model import BROKEN, CONFIG, NOBODY, PROMPT
from wholebody.process.logs import RequestIdFilter
from wholebody.process.request_ids import current_request_id
from wholebody.serving.server import create_app
from wholebody.settings import load_settings


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, at DEBUG, with the request ids that the real handler would give it."""
    caplog.set_level(logging.DEBUG, "wholebody")
    id_filter = RequestIdFilter()
    caplog.handler.addFilter(id_filter)
    yield caplog
    caplog.handler.removeFilter(id_filter)


def told(lines: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(getattr(record, "request_id", ""), record.getMessage()) for record in lines.records]


@pytest.fixture
def client() -> FlaskClient:
    return client_for()


def test_an_id_is_made_and_answered(client: FlaskClient) -> None:
    first, second = (client.get("/health").headers["X-Request-ID"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    assert first != second


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_Z", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ('"}', False)]
)
def test_the_id_of_the_caller_is_kept_if_it_is_sane(client: FlaskClient, given: str, kept: bool) -> None:
    answered = client.get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (answered == given) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answered)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no", 404), ("GET", "/predict", 405), ("POST", "/predict", 400), ("POST", "/setup", 400)],
)
def test_every_error_has_it_in_header_and_body(client: FlaskClient, method: str, path: str, status: int) -> None:
    response = client.open(path, method=method, headers={"X-Request-ID": "abc"})
    assert response.status_code == status
    assert response.headers["X-Request-ID"] == response.json["request_id"] == "abc"  # type: ignore[index]


def test_who_has_no_password_gets_one_too() -> None:
    response = client_for(basic_auth_user="u", basic_auth_pass="p").get("/health", headers={"X-Request-ID": "abc"})
    assert (response.status_code, response.json["request_id"]) == (401, "abc")  # type: ignore[index]


def test_after_a_request_its_thread_forgets_it(client: FlaskClient) -> None:
    client.get("/health", headers={"X-Request-ID": "abc"})
    assert current_request_id() == ""


@pytest.mark.parametrize(
    ("method", "path", "level", "line"),
    [
        ("GET", "/health", "DEBUG", r"route=health status=200 seconds=[\d.e-]+"),
        ("GET", "/metrics", "DEBUG", r"route=prometheus status=200 seconds=[\d.e-]+"),
        ("GET", "/s3cret?token=s3cret", "INFO", r"route=unknown status=404 seconds=[\d.e-]+"),
        ("S3CRET", "/predict?s3cret", "INFO", r"route=unknown status=405 seconds=[\d.e-]+"),
        ("POST", "/predict?s3cret", "INFO", r"route=predict status=200 seconds=[\d.e-]+ kind=selection tasks=2"),
    ],
)
def test_a_request_has_one_line(
    client: FlaskClient, lines: pytest.LogCaptureFixture, method: str, path: str, level: str, line: str
) -> None:
    sent = body("predicted", "empty") if method == "POST" else None
    client.open(path, method=method, json=sent, headers={"X-Request-ID": "abc", "Authorization": "Bearer s3cret"})
    (record,) = [record for record in lines.records if record.name == "wholebody.serving.request_hooks"]
    assert (record.levelname, getattr(record, "request_id", "")) == (level, "abc")
    assert re.fullmatch(line, record.getMessage())
    assert record.status == int(re.findall(r"status=(\d+)", line)[0])  # type: ignore[attr-defined]
    assert "s3cret" not in lines.text


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setenv("MODE", "figures")
    yield create_app(WholebodyBackend, load_settings(), load_annotator().model_version).test_client()
    for cached in (load_annotator, shared_openings, shared_pool):
        cached.cache_clear()


def selection(*tasks: dict[str, Any], context: object = None) -> dict[str, Any]:
    return {"tasks": tasks, "label_config": CONFIG, "params": {"context": context}}


def test_lines_of_the_threads_that_do_its_tasks_have_it(real: FlaskClient, lines: pytest.LogCaptureFixture) -> None:
    real.post("/predict", json=selection(BROKEN, NOBODY, {"id": 5}), headers={"X-Request-ID": "abc"})
    ids = {message.partition(":")[0]: request_id for request_id, message in told(lines)}
    assert ids["task 3"] == ids["task 5"] == "abc"


def test_requests_at_the_same_time_keep_theirs_apart(real: FlaskClient, lines: pytest.LogCaptureFixture) -> None:
    def ask(number: int) -> None:
        bad = {"id": number, "data": {"image": f"/no/{number}"}}
        client = real.application.test_client()
        client.post("/predict", json=selection(bad, NOBODY), headers={"X-Request-ID": f"id-{number}"})

    with ThreadPoolExecutor(6) as callers:
        list(callers.map(ask, range(100, 124)))
    found = {message.partition(":")[0]: request_id for request_id, message in told(lines) if "/no/" in message}
    assert found == {f"task {number}": f"id-{number}" for number in range(100, 124)}


def test_a_refused_prompt_is_logged_with_it(real: FlaskClient, lines: pytest.LogCaptureFixture) -> None:
    response = real.post("/predict", json=selection(BROKEN, context=PROMPT), headers={"X-Request-ID": "abc"})
    assert response.status_code == 422
    assert {request_id for request_id, message in told(lines) if message.startswith(("/predict", "route"))} == {"abc"}


MALFORMED = (b"GET /s3cret", b"GET /s3cret X/1\r\n\r\n", b"GET / HTTP/1.1\r\nAuthorization s3cret\r\n\r\n")


def test_gunicorn_and_the_app_write_json_alone(tmp_path: Path) -> None:
    with GunicornServer("_wsgi:app", tmp_path, LOG_FORMAT="json", LOG_LEVEL="DEBUG") as running:
        headers = {"X-Request-ID": "abc", "Authorization": "Bearer s3cret"}
        url, sent = f"{running.url}/predict?a=s3cret", selection(BROKEN, NOBODY)
        assert requests.post(url, json=sent, headers=headers, timeout=WAIT_S).status_code == 200
        for malformed in MALFORMED:
            with socket.create_connection(("127.0.0.1", running.port), timeout=WAIT_S) as connection:
                connection.sendall(malformed)
                connection.shutdown(socket.SHUT_WR)
                assert b" 200 " not in connection.recv(1000)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(WAIT_S)
    written = running.log()
    logged = [json.loads(line) for line in written.splitlines()]
    assert {"gunicorn.error", "wholebody.estimation.estimator", "wholebody.serving.request_hooks"} <= {
        line["logger"] for line in logged
    }
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in logged)
    of_it = [line for line in logged if line.get("request_id") == "abc"]
    assert {line["message"].split()[0] for line in of_it} >= {"task", "route=predict"}
    (answered,) = [line for line in of_it if line["logger"] == "wholebody.serving.request_hooks"]
    assert (answered["status"], answered["kind"], answered["tasks"]) == (200, "selection", 2)
    assert sum(line["message"] == "Invalid request from ip=127.0.0.1" for line in logged) == 2
    assert "s3cret" not in written.lower()


def test_what_runs_below_the_server_knows_it(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[str] = []

    def predict(*_: object, **__: object) -> list[object]:
        known.append(current_request_id())
        return []

    monkeypatch.setattr(StubBackend, "predict", predict)
    client.post("/predict", json=body("empty"), headers={"X-Request-ID": "abc"})
    assert known == ["abc"]
