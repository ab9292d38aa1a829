"""Long predictions are compressed for whoever reads gzip, and for nobody else."""

import gzip
from typing import Any

import orjson
import pytest
import requests
from flask.testing import FlaskClient

from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.serving.answers import COMPRESSED_FROM_BYTES
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

BODY = {"tasks": [{"id": 1, "data": {}}], "label_config": write_config([Part.BODY])}
REGION = {"type": "keypointlabels", "value": {"x": 12.3456, "y": 65.4321, "keypointlabels": ["nose"]}}
SHORT, LONG = [REGION], [REGION] * 1000
ENVELOPE = len(orjson.dumps({"results": [{"result": [""]}]}))


class Backend:
    result: list[Any]

    def __init__(self, *, label_config: str) -> None: ...

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        return [{"result": self.result}]


@pytest.fixture
def client() -> FlaskClient:
    return create_app(Backend, load_settings(), "v").test_client()


def ask(client: FlaskClient, result: list[Any], encodings: str | None) -> Any:
    Backend.result = result
    return client.post("/predict", json=BODY, headers={"Accept-Encoding": encodings} if encodings else {})


@pytest.mark.parametrize("encodings", ["gzip", "gzip, deflate", "deflate, gzip;q=0.5", "*"])
def test_a_long_answer_is_compressed_for_whoever_reads_it(client: FlaskClient, encodings: str) -> None:
    answer = ask(client, LONG, encodings)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.data) < COMPRESSED_FROM_BYTES
    assert orjson.loads(gzip.decompress(answer.data)) == {"results": [{"result": LONG}]}


@pytest.mark.parametrize("encodings", [None, "", "identity", "deflate, br", "gzip;q=0", "*;q=0"])
def test_nobody_else_gets_it_compressed(client: FlaskClient, encodings: str | None) -> None:
    answer = ask(client, LONG, encodings)
    assert "Content-Encoding" not in answer.headers
    assert answer.json == {"results": [{"result": LONG}]}


@pytest.mark.parametrize(("more", "is_compressed"), [(-1, False), (0, True)])
def test_short_answers_are_left_alone(client: FlaskClient, more: int, is_compressed: bool) -> None:
    answer = ask(client, ["a" * (COMPRESSED_FROM_BYTES - ENVELOPE + more)], "gzip")
    assert ("Content-Encoding" in answer.headers) == is_compressed


@pytest.mark.parametrize("result", [SHORT, LONG])
def test_caches_learn_that_the_answer_depends_on_it(client: FlaskClient, result: list[Any]) -> None:
    assert ask(client, result, None).headers["Vary"] == ask(client, result, "gzip").headers["Vary"] == "Accept-Encoding"


def test_what_label_studio_calls_with_reads_it(client: FlaskClient) -> None:
    encodings = requests.Session().headers["Accept-Encoding"]
    assert ask(client, LONG, str(encodings)).headers["Content-Encoding"] == "gzip"
