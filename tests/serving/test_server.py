import base64
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from wholebody.errors import ImageError, LabelingConfigError, ModelError
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

CONFIG = (
    '<View><Image name="img" value="$image"/>'
    '<KeyPointLabels name="kp" toName="img"><Label value="nose"/><Label value="tail"/></KeyPointLabels></View>'
)
VERSION = "wholebody-stub-12345678"
PREDICTION = {"result": [{"id": "1"}], "score": 0.5, "model_version": VERSION}
EMPTY = {"result": [], "score": 0.0, "model_version": VERSION}
USER, PASSWORD = "annotator", "pässword:1"


class StubBackend:
    """Records how it is called and answers by the task's `answer`."""

    calls: ClassVar[list[tuple[str, list[dict[str, Any]], Any]]] = []

    def __init__(self, *, label_config: str) -> None:
        self.label_config = label_config

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        self.calls.append((self.label_config, tasks, context))
        for task in tasks:
            if isinstance(task.get("answer"), Exception):
                raise task["answer"]
        return [ANSWERS[task["answer"]] for task in tasks]


ANSWERS: dict[str, Any] = {"predicted": PREDICTION, "empty": EMPTY, "failed": []}


class RaisingBackend(StubBackend):
    error: ClassVar[Exception]

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        raise self.error


def client_for(backend: type[StubBackend] = StubBackend, **settings: object) -> FlaskClient:
    return create_app(backend, load_settings(**settings), VERSION).test_client()


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    StubBackend.calls.clear()
    yield client_for()
    StubBackend.calls.clear()


def body(*answers: str, **changes: object) -> dict[str, Any]:
    tasks = [{"id": i, "answer": answer} for i, answer in enumerate(answers, 1)]
    return {"tasks": tasks, "label_config": CONFIG, "params": {"context": None}, **changes}


ROUTES = [
    # route, method, answer
    ("/", "GET", {"status": "UP", "model_class": "StubBackend"}),
    ("/health", "GET", {"status": "UP", "model_class": "StubBackend"}),
    ("/ready", "GET", {"status": "READY", "model_version": VERSION}),
    ("/versions", "GET", {"versions": [VERSION]}),
    ("/setup", "POST", {"model_version": VERSION}),
    ("/predict", "POST", {"results": [PREDICTION]}),
    ("/webhook", "POST", {"status": "ignored"}),
]


@pytest.mark.parametrize(("route", "method", "answer"), ROUTES)
def test_routes(client: FlaskClient, route: str, method: str, answer: dict[str, Any]) -> None:
    sent = None if method == "GET" else body("predicted", schema=CONFIG)
    response = client.open(route, method=method, json=sent)
    assert (response.status_code, response.json) == (200, answer)
    assert response.content_type == "application/json"


@pytest.mark.parametrize(("route", "allowed", "_"), [*ROUTES, ("/metrics", "GET", {})])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(client: FlaskClient, route: str, allowed: str, _: object, method: str) -> None:
    if method == allowed:
        return
    response = client.open(route, method=method)
    assert response.status_code == 405
    assert allowed in response.headers["Allow"]
    assert "not allowed" in response.json["error"]  # type: ignore[index]


@pytest.mark.parametrize("route", ["/nothing", "/predict/", "/train", "/static/x"])
def test_other_routes_are_not_found(client: FlaskClient, route: str) -> None:
    response = client.get(route)
    assert response.status_code == 404
    assert list(response.json) == ["error", "request_id"]  # type: ignore[arg-type]


def basic(user: str, password: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        (basic(USER, PASSWORD), True),
        (basic(USER, PASSWORD, "basic"), True),
        ({}, False),
        (basic(USER, "wrong"), False),
        (basic("other", PASSWORD), False),
        (basic(USER, ""), False),
        (basic("", ""), False),
        (basic(USER, PASSWORD + "x"), False),
        ({"Authorization": "Bearer abc"}, False),
        ({"Authorization": "Basic"}, False),
        ({"Authorization": "Basic !!!"}, False),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}, False),
    ],
)
@pytest.mark.parametrize(("route", "method"), [*((r, m) for r, m, _ in ROUTES), ("/metrics", "GET"), ("/no", "GET")])
def test_with_a_password_callers_must_authenticate(
    headers: dict[str, str], accepted: bool, route: str, method: str
) -> None:
    client = client_for(basic_auth_user=USER, basic_auth_pass=PASSWORD)
    sent = None if method == "GET" else body("predicted", schema=CONFIG)
    response = client.open(route, method=method, json=sent, headers=headers)
    is_open = route in ("/ready", "/webhook")
    let_in = 404 if route == "/no" else 200
    assert response.status_code == (let_in if accepted or is_open else 401)
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"] == 'Basic realm="wholebody"'
        assert response.json["error"] == "wrong or missing user name and password (BASIC_AUTH_USER)"  # type: ignore[index]


def test_nothing_is_predicted_for_strangers() -> None:
    StubBackend.calls.clear()
    client = client_for(basic_auth_user=USER, basic_auth_pass=PASSWORD)
    assert client.post("/predict", json=body("predicted")).status_code == 401
    assert StubBackend.calls == []


def test_each_request_has_its_own_labeling_config_and_context(client: FlaskClient) -> None:
    other = CONFIG.replace("img", "picture")
    context = {"result": [{"type": "keypointlabels"}]}
    client.post("/predict", json=body("empty"))
    client.post("/predict", json=body("predicted", label_config=other, params={"context": context}))
    client.post("/predict", json=body(params=None))
    client.post("/predict", json=body(params={"context": {}}))
    assert [(config, len(tasks), given) for config, tasks, given in StubBackend.calls] == [
        (CONFIG, 1, None),
        (other, 1, context),
        (CONFIG, 0, None),
        (CONFIG, 0, None),
    ]


def test_a_task_that_failed_stays_an_empty_list_in_its_place(client: FlaskClient) -> None:
    response = client.post("/predict", json=body("predicted", "failed", "empty"))
    assert response.json == {"results": [PREDICTION, [], EMPTY]}


def test_what_label_studio_sends_beside_is_ignored(client: FlaskClient) -> None:
    sent = body("empty", project="2.1795446367", params={"login": None, "password": None, "context": None, "x": 1})
    assert client.post("/predict", json=sent).status_code == 200
    setup = {"schema": CONFIG, "project": "2.1", "hostname": "http://x", "access_token": "t", "extra_params": None}
    assert client.post("/setup", json=setup).status_code == 200


def test_setup_tells_the_address_of_label_studio() -> None:
    heard: list[tuple[object, object]] = []
    app = create_app(StubBackend, load_settings(), VERSION, hear_address=lambda *told: heard.append(told))
    setup = {"schema": CONFIG, "project": "2.1", "hostname": "http://x", "access_token": "t"}
    assert app.test_client().post("/setup", json=setup).status_code == 200
    assert app.test_client().post("/setup", json={"schema": CONFIG}).status_code == 200
    assert app.test_client().post("/setup", json=setup | {"schema": "<View/>"}).status_code == 400
    assert heard == [("http://x", "2.1"), (None, None)]


def test_the_content_type_does_not_matter(client: FlaskClient) -> None:
    response = client.post("/predict", data=json.dumps(body("empty")), content_type="text/plain")
    assert response.status_code == 200


def test_setup_warns_of_labels_that_match_nothing(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "wholebody.serving.server"):
        client.post("/setup", json={"schema": CONFIG})
    assert caplog.messages == ["kp: no keypoint for the labels tail"]


def test_setup_warns_of_boxes_that_mean_nobody(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    boxes = '<RectangleLabels name="b" toName="img"><Label value="player"/><Label value="referee"/></RectangleLabels>'
    points = '<KeyPointLabels name="kp" toName="img"><Label value="nose"/></KeyPointLabels>'
    with caplog.at_level(logging.WARNING, "wholebody.serving.server"):
        client.post("/setup", json={"schema": f'<View><Image name="img" value="$image"/>{points}{boxes}</View>'})
    assert caplog.messages == [
        "img: no label of the boxes (player, referee) stands for a person, so nothing says whose points are whose; "
        'name one person, or give it predicted_values="person"'
    ]


def test_the_webhook_reads_nothing() -> None:
    """A body that never comes, of any length, does not hold up the answer."""
    server = make_server("127.0.0.1", 0, create_app(StubBackend, load_settings(), VERSION), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
            answer = connection.recv(1000)
            while b"}" not in answer:
                answer += connection.recv(1000)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert b" 200 OK" in answer
    assert b'{"status":"ignored"}' in answer


def metrics(client: FlaskClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_metrics_count_requests_and_tasks(client: FlaskClient) -> None:
    client.post("/predict", json=body("predicted", "predicted", "empty", "failed"))
    client.post("/predict", json=body("failed"))
    client.post("/predict", data=b"?")
    client.get("/nothing")
    counted = metrics(client)
    assert counted['wholebody_tasks_total{outcome="predicted"}'] == 2
    assert counted['wholebody_tasks_total{outcome="empty"}'] == 1
    assert counted['wholebody_tasks_total{outcome="failed"}'] == 2
    assert counted['wholebody_requests_total{route="predict",status="200"}'] == 2
    assert counted['wholebody_requests_total{route="predict",status="400"}'] == 1
    assert counted['wholebody_requests_total{route="unknown",status="404"}'] == 1
    assert counted['wholebody_request_seconds_count{route="predict"}'] == 3
    assert counted[f'wholebody_build_info{{model_version="{VERSION}",version="0.1.0"}}'] == 1
    assert metrics(client)['wholebody_requests_total{route="prometheus",status="200"}'] == 1


def test_metrics_of_two_apps_are_apart(client: FlaskClient) -> None:
    client.post("/predict", json=body("predicted"))
    assert metrics(client_for())['wholebody_tasks_total{outcome="predicted"}'] == 0


INTERACTIVE = {"context": {"result": []}, "x": 1}


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ImageError("not found", "/data/a.jpg"), 422, "/data/a.jpg: not found"),
        (LabelingConfigError("nothing to fill"), 400, "nothing to fill"),
        (ModelError("cannot run: CUDA"), 500, "the backend failed; its log says more"),
        (RuntimeError("/secret/path"), 500, "the backend failed; its log says more"),
        (MemoryError(), 500, "the backend failed; its log says more"),
    ],
)
def test_errors_become_readable_json(
    error: Exception, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    RaisingBackend.error = error
    client = client_for(RaisingBackend)
    response = client.post("/predict", json=body("empty", params=INTERACTIVE))
    assert (response.status_code, response.json["error"]) == (status, message)  # type: ignore[index]
    assert "Traceback" not in response.text
    assert str(error) in caplog.text, "Label Studio shows its user none of it"
    assert ("Traceback" in caplog.text) is (status == 500)
    assert metrics(client)[f'wholebody_requests_total{{route="predict",status="{status}"}}'] == 1
