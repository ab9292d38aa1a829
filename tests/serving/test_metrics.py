"""What /metrics tells of real requests, and that nobody can make it grow."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from model import WholebodyBackend, load_annotator, shared_openings, shared_pool
from tests.http_server import Answer, ScriptedServer
from tests.test_model import BROKEN, CONFIG, NOBODY, PROMPT, TWO_PEOPLE, task
from wholebody.errors import Cause
from wholebody.process.calls import Call, Priority
from wholebody.serving.admission import EXTENSION
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

Series = dict[str, float]


@contextmanager
def loaded() -> Iterator[None]:
    try:
        yield
    finally:
        for cached in (load_annotator, shared_openings, shared_pool):
            cached.cache_clear()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """The whole backend with the figure models."""
    monkeypatch.setenv("MODE", "figures")
    with loaded():
        annotator = load_annotator()
        yield create_app(WholebodyBackend, load_settings(), annotator.model_version, annotator.devices).test_client()


def read(client: FlaskClient) -> Series:
    """Every series with its value, `_created` ones left out."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = (sample for family in families for sample in family.samples)
    return {
        "".join([s.name, *(f' {key}="{value}"' for key, value in sorted(s.labels.items()))]): s.value
        for s in samples
        if not s.name.endswith("_created")
    }


def predict(client: FlaskClient, *tasks: dict[str, Any], **context: Any) -> Any:
    return client.post("/predict", json={"tasks": tasks, "label_config": CONFIG, "params": {"context": context}})


def test_what_a_selection_of_tasks_leaves(client: FlaskClient) -> None:
    assert predict(client, TWO_PEOPLE, NOBODY, BROKEN).status_code == 200
    told = read(client)
    assert told['wholebody_requests_total route="predict" status="200"'] == 1
    assert told['wholebody_request_seconds_count route="predict"'] == 1
    assert told['wholebody_tasks_total outcome="predicted"'] == 1
    assert told['wholebody_tasks_total outcome="empty"'] == 1
    assert told['wholebody_tasks_total outcome="failed"'] == 1
    assert told['wholebody_failures_total cause="image_unreadable"'] == 1
    assert told["wholebody_people_per_image_count"] == 2
    assert told["wholebody_people_per_image_sum"] == 2
    assert told['wholebody_people_per_image_bucket le="0.0"'] == 1
    seen = {name: told[f'wholebody_stage_seconds_count stage="{name}"'] for name in ("queue", "fetch", "decode")}
    assert seen == {"queue": 1, "fetch": 3, "decode": 3}
    assert told['wholebody_stage_seconds_count stage="detect"'] == 2
    assert told['wholebody_stage_seconds_count stage="pose"'] == 2
    assert told['wholebody_stage_seconds_sum stage="detect"'] > 0
    assert told['wholebody_image_cache_lookups_total result="miss"'] == 3


def test_a_second_prompt_on_an_image_is_a_hit(client: FlaskClient) -> None:
    for _ in range(3):
        assert predict(client, TWO_PEOPLE, **PROMPT).status_code == 200
    told = read(client)
    assert told['wholebody_image_cache_lookups_total result="miss"'] == 1
    assert told['wholebody_image_cache_lookups_total result="hit"'] == 2
    assert told['wholebody_stage_seconds_count stage="decode"'] == 1


def failures(client: FlaskClient) -> dict[str, float]:
    return {
        name.split('"')[1]: value
        for name, value in read(client).items()
        if name.startswith("wholebody_failures_total") and value
    }


REFERENCES: list[tuple[object, str]] = [
    ("/etc/passwd", "image_refused"),
    ("ftp://host/a.jpg", "image_refused"),
    ("", "image_refused"),
    (["a.jpg"], "image_refused"),
    ("http://169.254.169.254/latest/meta-data", "image_refused"),
    ("http://127.0.0.1:1/a.jpg", "image_unreachable"),
    ("{server}/missing.jpg", "image_unreachable"),
    ("{server}/large.jpg", "image_too_large"),
    ("data:image/png;base64," + "A" * 2_000_000, "image_too_large"),
    ("{server}/text.jpg", "image_unreadable"),
    ("{server}/page.jpg", "image_unreadable"),
    ("{server}/empty.jpg", "image_unreadable"),
    ("data:image/png;base64,=", "image_unreadable"),
    ("data:no comma", "image_unreadable"),
    ("/data/upload/1/a.jpg", "label_studio"),
]


def test_images_that_cannot_be_had_are_counted_by_cause(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    monkeypatch.setenv("IMAGE_MAX_BYTES", "1000000")
    monkeypatch.setenv("MODE", "figures")
    server.on("GET", "/missing.jpg", Answer(404))
    server.on("GET", "/large.jpg", Answer(body=b"x" * 1_500_000))
    server.on("GET", "/text.jpg", Answer(body=b"hello"))
    server.on("GET", "/page.jpg", Answer(body=b"<html>log in</html>"))
    server.on("GET", "/empty.jpg", Answer(body=b""))
    counted = []
    with loaded():
        for reference, _ in REFERENCES:
            client = create_app(WholebodyBackend, load_settings(), load_annotator().model_version).test_client()
            sent = reference.replace("{server}", server.url) if isinstance(reference, str) else reference
            assert predict(client, task(1, sent)).json == {"results": [[]]}
            counted.append((reference, failures(client)))
    assert counted == [(reference, {cause: 1}) for reference, cause in REFERENCES]


def test_what_else_fails_is_counted_by_cause(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    click = {"type": "keypoint", "to_name": "img", "value": {"x": 1, "y": 1, "width": 1}}
    assert predict(client, NOBODY, result=[click]).status_code == 422
    assert predict(client, NOBODY, result=[{"type": "brush"}]).status_code == 400
    assert client.post("/setup", json={"schema": "<View/>"}).status_code == 400
    assert predict(client, {"id": 1, "data": {}}).status_code == 200
    monkeypatch.setattr("wholebody.estimation.estimator.decode_detections", lambda *_: 1 / 0)
    assert predict(client, task(9, NOBODY["data"]["image"])).status_code == 200
    assert failures(client) == {"prompt": 1, "request": 1, "config": 2, "unexpected": 1}


def test_what_waits_and_what_is_worked_on(client: FlaskClient) -> None:
    admission = client.application.extensions[EXTENSION]
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with admission.arrival(), admission.place(Call(Priority.PROMPT)):
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(30)
    told = read(client)
    leave.set()
    thread.join()
    assert told['wholebody_queue_working kind="prompt"'] == 1
    assert told['wholebody_queue_working kind="selection"'] == 0
    assert told['wholebody_queue_waiting kind="prompt"'] == 0
    assert told["wholebody_requests_in_hand"] == 1
    assert (told["wholebody_threads"], told["wholebody_queue_limit"]) == (8, 32)
    assert told["wholebody_draining"] == 0
    admission.close()
    assert read(client)["wholebody_draining"] == 1
    assert read(client)['wholebody_queue_working kind="prompt"'] == 0


def test_a_waiting_call_is_seen_by_its_kind(client: FlaskClient) -> None:
    admission = client.application.extensions[EXTENSION]
    leave = threading.Event()

    def work() -> None:
        with admission.place(Call(Priority.SELECTION)):
            leave.wait(30)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        told = read(client)
        if told['wholebody_queue_waiting kind="selection"'] == 2:
            break
        leave.wait(0.05)
    leave.set()
    for thread in threads:
        thread.join()
    assert told['wholebody_queue_waiting kind="selection"'] == 2, "two of eight places are kept for what is more urgent"
    assert told['wholebody_queue_working kind="selection"'] == 6


def test_it_says_what_it_is_and_runs_on(client: FlaskClient) -> None:
    text = client.get("/metrics").text
    version = load_annotator().model_version
    assert f'wholebody_build_info{{model_version="{version}",version="0.1.0"}} 1.0' in text
    (device,) = re.findall(r"^wholebody_device_info\{(.*)\} 1.0$", text, re.MULTILINE)
    assert device == (
        'backend_type="onnxruntime",detector="CPUExecutionProvider",device="cpu",mode="figures",'
        'pose="CPUExecutionProvider"'
    )


def test_the_process_is_measured(client: FlaskClient) -> None:
    told = read(client)
    assert told["process_resident_memory_bytes"] > 1e7
    assert told["process_cpu_seconds_total"] > 0
    assert told["process_open_fds"] > 0


def test_every_word_is_there_before_the_first_event(client: FlaskClient) -> None:
    """Else the first failure would not be seen as a rise."""
    told = read(client)
    for cause in Cause.__args__:  # type: ignore[attr-defined]
        assert told[f'wholebody_failures_total cause="{cause}"'] == 0
    for stage in ("queue", "fetch", "memory", "decode", "turn", "detect", "pose"):
        assert told[f'wholebody_stage_seconds_count stage="{stage}"'] == 0
    assert told["wholebody_deadline_cuts_total"] == 0
    assert told["wholebody_deadline_cut_tasks_total"] == 0


def test_hostile_requests_do_not_make_it_grow(client: FlaskClient) -> None:
    def ask(number: int) -> None:
        client.get(f"/{number}.php?token={number}", headers={"X-Request-ID": f"id-{number}"})
        client.open("/predict", method=f"M{number}")
        client.open(f"/predict/{number}", method="DELETE")
        client.post("/predict", data=f"{number}")
        predict(client, task(number, f"/etc/{number}"))
        predict(client, NOBODY, result=[{"type": f"brush{number}"}])

    read(client)  # which is a route, too
    ask(1)
    before = read(client).keys()
    for number in range(2, 40):
        ask(number)
    assert read(client).keys() == before


def test_no_text_of_a_request_is_in_it(client: FlaskClient) -> None:
    client.get("/s3cret?a=s3cret", headers={"X-Request-ID": "s3cret", "Authorization": "Bearer s3cret"})
    predict(client, task(1, "http://s3cret:s3cret@127.0.0.1:1/s3cret.jpg?s3cret"))
    predict(client, task(1, "s3cret"), result=[{"type": "s3cret"}])
    client.post("/setup", json={"schema": "<View s3cret='1'/>"})
    assert "s3cret" not in client.get("/metrics").text
