"""Requests of any method, path and headers; and the routes that take little: /setup's body, /webhook."""

from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import scale
from tests.fuzz.harness import Harness
from tests.fuzz.labeling_configs import GOOD
from tests.fuzz.strategies import as_json, bodies
from wholebody.serving.openapi import describe_api

SETUP, WEBHOOK, ANY = "/setup, body", "/webhook", "requests of any kind"

SETUP_REQUEST = {
    "project": "2.1795446367",
    "schema": GOOD,
    "hostname": "http://localhost:8081",
    "access_token": "abc",
    "extra_params": {"a": 1},
}
EVENT = {
    "action": "ANNOTATION_CREATED",
    "annotation": {"id": 1, "result": [{"id": "a", "value": {"x": 1.5}}]},
    "task": {"id": 1, "data": {"image": "/data/upload/1/x.jpg"}},
    "project": {"id": 1, "label_config": GOOD},
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 100]
PATHS = [
    *describe_api()["paths"],
    "/predict/",
    "/nothing",
    "/static/x",
    "/..",
    "/%00",
    "/%ff",
    "/predict;a=b",
]
HEADERS: dict[str, list[str]] = {
    "Content-Type": [
        "",
        "text/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "a/b; charset=utf-16",
        "/",
    ],
    "Content-Encoding": ["gzip", "br", "deflate, gzip", "x"],
    "Content-Length": ["0", "5", "-1", "abc", "1_0", "99999999999999999999"],
    "Transfer-Encoding": ["chunked", "gzip, chunked", "x"],
    "Accept": ["text/html", "*/*;q=0", "\x7f"],
    "Authorization": ["Basic", "Basic !!!", "Basic Og==", "Bearer x", "Digest a=b", "\u00e9"],
    "Cookie": ["a=b; c", "=", "\x01"],
    "Range": ["bytes=0-", "bytes=9-1", "x"],
    "If-None-Match": ['"x"', "*", "W/"],
    "X-Forwarded-For": ["127.0.0.1", "x"],
    "X-Request-Id": ["a" * 1000, "\x00", "${jndi:ldap://127.0.0.1:1/a}"],
    "Expect": ["100-continue", "x"],
}


HOSTS = ["", "a b", "[", "[::1", "a" * 300, "x:y:z", "\u00e9", "localhost:99999999"]
"""Answered with 400 whatever the route; sent over real connections alone."""


@scale.cases(SETUP)
@given(body=bodies(SETUP_REQUEST))
def test_any_body_of_setup(harness: Harness, body: bytes) -> None:
    assert harness.send(SETUP, "POST", "/setup", data=body).status_code in (200, 400)


@scale.cases(WEBHOOK)
@given(body=bodies(EVENT))
def test_any_event_is_taken_and_ignored(harness: Harness, body: bytes) -> None:
    response = harness.send(WEBHOOK, "POST", "/webhook", data=body, content_type="application/json")
    assert response.json == {"status": "ignored"}


@scale.cases(ANY)
@given(data=st.data())
def test_any_request(harness: Harness, data: st.DataObject) -> None:
    path = data.draw(
        st.one_of(st.sampled_from(PATHS), st.text(max_size=20).map(lambda text: "/x/" + quote(text, safe="%;/:@")))
    )
    names = data.draw(st.lists(st.sampled_from(list(HEADERS)), max_size=4, unique=True))
    request: dict[str, Any] = {
        "environ_overrides": {_key(name): data.draw(st.sampled_from(HEADERS[name])) for name in names},
        "query_string": data.draw(st.sampled_from(["", "a=b", "%", "a=%ff&a", "x" * 5000])),
        "data": data.draw(
            st.sampled_from([b"", as_json({"schema": GOOD}), b"\x1f\x8b\x08\0", b"5\r\nhello\r\n0\r\n\r\n"])
        ),
    }
    harness.send(ANY, data.draw(st.sampled_from(METHODS)), path, **request)


def _key(header: str) -> str:
    """A header's name as WSGI has it."""
    name = header.upper().replace("-", "_")
    return name if name.startswith("CONTENT_") and name != "CONTENT_ENCODING" else f"HTTP_{name}"
