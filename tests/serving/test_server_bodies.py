"""Bodies that Label Studio would not send: 400 with the reason, and the backend is never asked."""

import io
import json
import re

import pytest
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize

from tests.serving.test_server import CONFIG, StubBackend, client_for
from wholebody.serving import server

GOOD = '"label_config": ' + json.dumps(CONFIG)


@pytest.fixture
def client() -> FlaskClient:
    StubBackend.calls.clear()
    return client_for()


@pytest.mark.parametrize("route", ["/predict", "/setup"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        # not JSON
        (b"", r"the body is not JSON: .+"),
        (b"hello", r"the body is not JSON: .+"),
        (b'{"tasks": [}', r"the body is not JSON: .+"),
        (b"\xff\xfe", r"the body is not JSON: .+"),
        (b"[" * 100_000, r"the body is not JSON: .+"),
        # JSON has no such numbers
        (b'{"tasks": NaN}', r"the body is not JSON: .+"),
        (b'{"tasks": -Infinity}', r"the body is not JSON: .+"),
        # not an object
        (b"[]", r"the body must be a JSON object, not list"),
        (b"null", r"the body must be a JSON object, not NoneType"),
        (b'"text"', r"the body must be a JSON object, not str"),
        (b"7", r"the body must be a JSON object, not int"),
    ],
)
def test_bodies_that_are_no_json_object(client: FlaskClient, route: str, content: bytes, message: str) -> None:
    response = client.post(route, data=content, content_type="application/json")
    assert response.status_code == 400
    assert re.fullmatch(message, response.json["error"])  # type: ignore[index]
    assert StubBackend.calls == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # tasks
        ("{%s}", "'tasks' must be a list, not NoneType"),
        ('{"tasks": null, %s}', "'tasks' must be a list, not NoneType"),
        ('{"tasks": {"id": 1}, %s}', "'tasks' must be a list, not dict"),
        ('{"tasks": [{}, 1], %s}', "'tasks'[1] must be an object, not int"),
        ('{"tasks": [null], %s}', "'tasks'[0] must be an object, not NoneType"),
        # params and context
        ('{"tasks": [], "params": [1], %s}', "'params' must be an object, not list"),
        ('{"tasks": [], "params": "x", %s}', "'params' must be an object, not str"),
        ('{"tasks": [], "params": {"context": [1]}, %s}', "'params'.'context' must be an object, not list"),
        ('{"tasks": [], "params": {"context": "x"}, %s}', "'params'.'context' must be an object, not str"),
        # ids that cannot stand in log lines and addresses
        ('{"tasks": [{}, {"id": [1]}], %s}', "'tasks'[1]: its id must be a number or a text of up to 100 characters"),
        ('{"tasks": [{"id": {}}], %s}', "'tasks'[0]: its id must be a number or a text of up to 100 characters"),
        ('{"tasks": [{"id": 1.5}], %s}', "'tasks'[0]: its id must be a number or a text of up to 100 characters"),
        ('{"tasks": [{"id": "1\\n2"}], %s}', "'tasks'[0]: its id must be a number or a text of up to 100 characters"),
        (
            f'{{"tasks": [{{"id": "{"9" * 101}"}}], %s}}',
            "'tasks'[0]: its id must be a number or a text of up to 100 characters",
        ),
        (
            f'{{"tasks": [{{"id": {"[" * 1000}{"]" * 1000}}}], %s}}',
            "'tasks'[0]: its id must be a number or a text of up to 100 characters",
        ),
        # a prompt
        ('{"tasks": [{}, {}], "params": {"context": {"result": []}}, %s}', "a prompt is about one task, not 2"),
        # label_config
        ('{"tasks": []}', "'label_config' must be the labeling config as text, not NoneType"),
        ('{"tasks": [], "label_config": {}}', "'label_config' must be the labeling config as text, not dict"),
        ('{"tasks": [], "label_config": ""}', "the labeling config is empty; set one in Settings > Labeling Interface"),
        (
            '{"tasks": [], "label_config": "<View/>"}',
            'the labeling config has no <Image name="..." value="$..."> to find people in',
        ),
    ],
)
def test_predict_says_what_is_wrong(client: FlaskClient, content: str, message: str) -> None:
    sent = content % GOOD if "%s" in content else content
    response = client.post("/predict", data=sent)
    assert (response.status_code, response.json["error"]) == (400, message)  # type: ignore[index]
    assert StubBackend.calls == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "'schema' must be the labeling config as text, not NoneType"),
        ({"schema": 5}, "'schema' must be the labeling config as text, not int"),
        ({"schema": ""}, "the labeling config is empty; set one in Settings > Labeling Interface"),
        (
            {"schema": CONFIG.replace("nose", "trunk")},
            "none of the 2 keypoint labels (trunk, tail) is known, such as nose, left_wrist, face-0; use "
            "COCO-WholeBody's names or predicted_values, or take a config from `wholebody config`",
        ),
        (
            {"schema": CONFIG.replace('toName="img"', 'toName="x"')},
            "no <KeyPointLabels> has a toName of an <Image> (img); correct toName",
        ),
    ],
)
def test_setup_says_why_a_labeling_config_cannot_be_filled(
    client: FlaskClient, sent: dict[str, object], message: str
) -> None:
    response = client.post("/setup", json=sent)
    assert (response.status_code, response.json["error"]) == (400, message)  # type: ignore[index]


def test_a_body_of_chunks_that_are_none_is_the_callers_fault(client: FlaskClient) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise InvalidChunkSize(b"zz")

    environ = {"wsgi.input": Broken(), "wsgi.input_terminated": True}
    response = client.post("/predict", environ_overrides=environ)
    assert response.status == "400 the body cannot be read: it is sent in chunks that are broken"


def test_a_body_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_BODY_BYTES", 1000)
    response = client_for().post("/predict", data=b" " * 1001)
    assert response.status_code == 413
    assert "exceeds the capacity limit" in response.json["error"]  # type: ignore[index]


@pytest.mark.parametrize("number", ["1e999", "123456789012345678901234567890"])
def test_numbers_beyond_measure_do_not_end_in_a_500(client: FlaskClient, number: str) -> None:
    sent = f'{{"tasks": [{{"id": {number}, "answer": "empty"}}], {GOOD}}}'
    assert client.post("/predict", data=sent).status_code in (200, 400)
