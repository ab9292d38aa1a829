"""The description of the API and the app agree: routes, methods, what needs a password, examples, real answers."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient

import model
from tests.fuzz.harness import Description
from tests.fuzz.pictures import NOBODY, PEOPLE
from tests.serving.test_server import StubBackend, basic, client_for
from wholebody import __version__
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_xml import MAX_CONFIG_BYTES, MAX_IMAGES, MAX_LABELS
from wholebody.labeling.prompts import MAX_PROMPTS
from wholebody.serving.answers import MAX_REASON_CHARS
from wholebody.serving.authentication import OPEN_ROUTES
from wholebody.serving.openapi import describe_api
from wholebody.serving.request_bodies import MAX_ID_CHARS
from wholebody.serving.server import MAX_BODY_BYTES, create_app
from wholebody.settings import load_settings

DOCUMENT = describe_api()
OPERATIONS = {(path, method): what for path, item in DOCUMENT["paths"].items() for method, what in item.items()}
SKELETONS = write_config([Part.BODY, Part.FACE], skeleton=True)
POINTS = write_config(list(Part))


def rules(app: Flask) -> set[tuple[str, str, str]]:
    ours = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    hidden = {"HEAD", "OPTIONS"}
    return {(r.rule, method.lower(), r.endpoint) for r in ours for method in (r.methods or set()) - hidden}


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setenv("MODE", "figures")
    yield create_app(model.WholebodyBackend, load_settings(), model.load_annotator().model_version).test_client()
    model.load_annotator.cache_clear()


def test_every_route_is_described_and_every_description_has_a_route() -> None:
    app = create_app(StubBackend, load_settings(), "v")
    assert {(path, method) for path, method, _ in rules(app)} == OPERATIONS.keys()


def test_it_says_what_needs_no_password() -> None:
    app = create_app(StubBackend, load_settings(), "v")
    without = {(path, method) for path, method, endpoint in rules(app) if endpoint in OPEN_ROUTES}
    assert {key for key, what in OPERATIONS.items() if what.get("security") == []} == without
    assert {key for key, what in OPERATIONS.items() if "401" not in what["responses"]} == without


def test_it_is_served_with_the_password_that_the_rest_needs() -> None:
    client = client_for(basic_auth_user="u", basic_auth_pass="p")
    assert client.get("/openapi.json").status_code == 401
    answer = client.get("/openapi.json", headers=basic("u", "p"))
    assert (answer.json, answer.content_type) == (DOCUMENT, "application/json")
    assert DOCUMENT["info"]["version"] == __version__


def test_every_schema_is_one_and_every_reference_leads_to_one() -> None:
    parts = {f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    used = set(_references(DOCUMENT))
    assert used == {part for part in parts if "securitySchemes" not in part}
    for name in DOCUMENT["components"]["schemas"]:
        schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.Draft202012Validator(schema)


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def test_the_bounds_it_names_are_those_that_hold() -> None:
    schemas, responses = DOCUMENT["components"]["schemas"], DOCUMENT["components"]["responses"]
    config = schemas["PredictRequest"]["properties"]["label_config"]["description"]
    assert f"At most {MAX_CONFIG_BYTES >> 20} MiB, {MAX_IMAGES} images and {MAX_LABELS:,} labels" in config
    assert f"At most {MAX_PROMPTS} are answered at once" in schemas["Context"]["description"]
    assert schemas["Task"]["properties"]["id"]["maxLength"] == MAX_ID_CHARS
    assert f"cut to {MAX_REASON_CHARS} characters" in schemas["Error"]["description"]
    assert f"over {MAX_BODY_BYTES >> 20} MiB" in responses["TooLarge"]["description"]


def examples() -> list[tuple[str, Any]]:
    found = []
    for (path, _), what in OPERATIONS.items():
        content = what.get("requestBody", {}).get("content", {}).get("application/json", {})
        found += [(path, content["example"])] if "example" in content else []
        found += [(path, example["value"]) for example in content.get("examples", {}).values()]
    return found


@pytest.mark.parametrize(("path", "example"), examples())
def test_its_examples_are_taken(real: FlaskClient, path: str, example: Any) -> None:
    name = {"/setup": "SetupRequest", "/predict": "PredictRequest"}[path]
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(example)
    assert real.post(path, json=example).status_code == 200


def prompt(kind: str, **value: float) -> dict[str, Any]:
    return {"context": {"result": [{"type": kind, "from_name": "p", "to_name": "img", "value": value}]}}


def body(config: str, *references: str, **changes: Any) -> dict[str, Any]:
    tasks = [{"id": number, "data": {"image": reference}} for number, reference in enumerate(references)]
    return {"tasks": tasks, "label_config": config, **changes}


BOX = prompt("rectangle", x=10, y=10, width=50, height=80, rotation=0)


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        *(("GET", path, None, 200) for path, method in OPERATIONS if method == "get"),
        ("POST", "/webhook", {"action": "TASKS_CREATED"}, 200),
        ("POST", "/setup", {"schema": POINTS}, 200),
        ("POST", "/setup", {"schema": ""}, 400),
        ("POST", "/predict", body(POINTS, PEOPLE, NOBODY, "data:,x"), 200),
        ("POST", "/predict", body(SKELETONS, PEOPLE), 200),
        ("POST", "/predict", body(POINTS, PEOPLE, params=BOX), 200),
        ("POST", "/predict", body(POINTS, "data:,x", params=BOX), 422),
        ("POST", "/predict", body(POINTS, NOBODY, params=prompt("keypoint", x=1, y=1)), 422),
        ("POST", "/predict", body(POINTS, PEOPLE, PEOPLE, params=BOX), 400),
        ("GET", "/nothing", None, 404),
        ("PUT", "/predict", None, 405),
    ],
)
def test_real_answers_are_as_described(real: FlaskClient, method: str, path: str, sent: Any, status: int) -> None:
    answer = real.open(path, method=method, json=sent)
    assert answer.status_code == status
    Description().check(path, method, answer.status_code, answer.content_type or "", answer.get_data())


def test_an_answer_that_is_not_described_is_seen() -> None:
    """Or none of the tests that use it would mean anything."""
    description = Description()
    with pytest.raises(AssertionError, match="which is not described"):
        description.check("/health", "GET", 418, "application/json", b"{}")
    with pytest.raises(AssertionError, match="required property"):
        description.check("/predict", "POST", 400, "application/json", b'{"error": "x"}')
    region = b'{"results": [{"result": [{"id": "x"}], "score": 0.5, "model_version": "v"}]}'
    with pytest.raises(AssertionError, match="anyOf"):
        description.check("/predict", "POST", 200, "application/json", region)
