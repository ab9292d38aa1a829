"""The HTTP status line tells what went wrong: of a failed call Label Studio shows its user that line alone."""

from typing import Any

import pytest
from flask import abort
from flask.testing import FlaskClient

from wholebody.errors import ImageError, LabelingConfigError, ModelError, PromptError, RequestError
from wholebody.images.loader import ImageLoader
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.serving.answers import MAX_REASON_CHARS
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

CONFIG = write_config([Part.BODY])


class FailingBackend:
    error: Exception

    def __init__(self, *, label_config: str) -> None: ...

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        raise self.error


def client_for(**settings: Any) -> FlaskClient:
    return create_app(FailingBackend, load_settings(**settings), "v").test_client()


def fail(error: Exception) -> Any:
    FailingBackend.error = error
    return client_for().post("/predict", json={"tasks": [], "label_config": CONFIG})


LONG = "a" * 1000
HIDDEN = "500 the backend failed; its log says more"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PromptError("no person under the point"), "422 no person under the point"),
        (ImageError("not found", "/data/a.jpg"), "422 /data/a.jpg: not found"),
        (RequestError("the body is not JSON"), "400 the body is not JSON"),
        (LabelingConfigError("nothing to fill"), "400 nothing to fill"),
        # one line, without control characters: nothing can be added to the headers
        (PromptError("a\r\nSet-Cookie: b=c\r\n\r\nbody"), "422 a Set-Cookie: b=c body"),
        (PromptError("a\tb\x0bc\x85d\u2028e  f"), "422 a b c d e f"),
        (PromptError("a\x00b\x1b[31mc\x7f"), "422 a?b?[31mc?"),
        # ASCII: a server would refuse or garble the rest
        (ImageError("not found", "/data/kätzchen 猫.jpg"), "422 /data/k?tzchen ?.jpg: not found"),
        # bounded
        (ImageError("not found", LONG), f"422 {LONG[:MAX_REASON_CHARS]}"),
        # what is meant for the log alone
        (ModelError("/opt/models/x.onnx: CUDA"), HIDDEN),
        (RuntimeError("password=1234"), HIDDEN),
        (KeyError("\r\n"), HIDDEN),
        # nothing to tell
        (PromptError(""), "422 UNPROCESSABLE ENTITY"),
        (PromptError("\n"), "422 UNPROCESSABLE ENTITY"),
    ],
)
def test_the_status_line(error: Exception, line: str) -> None:
    response = fail(error)
    assert response.status == line
    expected = line[4:] if line == HIDDEN else str(error)
    assert response.json["error"] == expected, "the body has it all"
    assert "Set-Cookie" not in response.headers
    assert response.content_type == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("POST", "/predict", 400, "the body is not JSON: "),
        ("GET", "/nothing", 404, "The requested URL was not found on the server."),
        ("GET", "/predict", 405, "The method is not allowed for the requested URL."),
    ],
)
def test_what_never_reaches_the_backend(method: str, path: str, status: int, reason: str) -> None:
    response = client_for().open(path, method=method, data=b"?" if method == "POST" else None)
    assert response.status.startswith(f"{status} {reason}")
    assert response.status == f"{status} {response.json['error']}"  # type: ignore[index]


def test_a_stranger_is_told_what_is_missing_and_nothing_else() -> None:
    response = client_for(basic_auth_user="annotator", basic_auth_pass="geheim").get("/health")
    assert response.status == "401 wrong or missing user name and password (BASIC_AUTH_USER)"


def test_an_error_without_a_description_has_its_name() -> None:
    app = create_app(FailingBackend, load_settings(), "v")
    app.add_url_rule("/teapot", view_func=lambda: abort(418, ""))
    response = app.test_client().get("/teapot")
    assert (response.status, response.json["error"]) == ("418 I'm a teapot", "I'm a teapot")  # type: ignore[index]


@pytest.mark.parametrize(
    "reference",
    [
        "http://user:s3cret@127.0.0.1:1/a.jpg?X-Amz-Signature=s3cret#s3cret",
        "https://[::1]:1/a.jpg?token=s3cret",
        "ftp://user:s3cret@host/a.jpg?s3cret",
        "data:image/png;base64,s3cret==",
        "/etc/x?s3cret",
    ],
)
def test_an_address_shows_no_secret(reference: str) -> None:
    with pytest.raises(ImageError) as raised:
        ImageLoader(load_settings(image_timeout_seconds=1)).load(reference, 1)
    response = fail(raised.value)
    assert (response.status_code, len(response.status) > 10) == (422, True)
    assert "s3cret" not in response.status + response.text


def test_a_prompt_is_quoted_in_part_alone() -> None:
    """What an annotator's browser sends stands in the message, escaped and cut."""
    from model import WholebodyBackend

    client = create_app(WholebodyBackend, load_settings(mode="figures"), "v").test_client()
    context = {"result": [{"type": "x\r\nSet-Cookie: a=b" + LONG}]}
    body = {"tasks": [{"id": 1}], "label_config": CONFIG, "params": {"context": context}}
    response = client.post("/predict", json=body)
    shown = r"'x\r\nSet-Cookie: a=b" + "a" * 22 + "'"
    assert response.status == f"400 a prompt of type {shown} says nothing about people: draw a box or click"
