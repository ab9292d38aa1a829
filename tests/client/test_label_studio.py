import re
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from tests.fake_label_studio import (
    CUT,
    HTML,
    LEGACY_TOKEN,
    PROJECT,
    RESET,
    TASKS,
    FakeLabelStudio,
    Fault,
    http,
    settings_for,
    told,
)
from tests.http_server import Answer
from wholebody.errors import AuthenticationError, GoneError, LabelStudioError, SettingsError, UnavailableError
from wholebody.label_studio import client as label_studio
from wholebody.label_studio import transport
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

IDS = (3, 7, 8, 250, 1000)


@pytest.fixture
def fake() -> Any:
    with FakeLabelStudio() as running:
        yield running


def client_of(fake: FakeLabelStudio, **changes: Any) -> LabelStudioClient:
    return LabelStudioClient(settings_for(fake, **changes), Stop())


def listed(client: LabelStudioClient, start_id: int = 1) -> list[int]:
    return [task["id"] for task in client.tasks(1, TaskQuery.undone(start_id))]


@pytest.mark.parametrize(
    ("start_id", "ids"),
    [(1, [*IDS]), (3, [*IDS]), (4, [7, 8, 250, 1000]), (8, [8, 250, 1000]), (251, [1000]), (1001, [])],
)
@pytest.mark.parametrize("page_size", [1, 2, 5, 100])
def test_listing_has_every_task_from_the_start_on_whatever_the_gaps(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, page_size: int, start_id: int, ids: list[int]
) -> None:
    monkeypatch.setattr(label_studio, "PAGE_SIZE", page_size)
    fake.add_tasks(*IDS)
    assert listed(client_of(fake), start_id) == ids
    assert {request.parameters["page"] for request in fake.asked("GET", TASKS)} == {"1"}


def test_listing_misses_no_task_while_tasks_leave_and_join_it(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_studio, "PAGE_SIZE", 3)
    fake.add_tasks(*range(1, 11))
    seen = []
    for task in client_of(fake).tasks(1, TaskQuery.undone()):
        seen.append(task["id"])
        fake.predict(task["id"])  # as the prefill does
        if task["id"] == 4:
            fake.tasks[9]["total_annotations"] = 1
            fake.add_tasks(20)
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8, 10, 20]


def test_listing_leaves_out_what_is_done_and_brings_what_is_asked_for(fake: FakeLabelStudio) -> None:
    fake.add_tasks(1, 2, 3, 4, image="s3://bucket/1.png")
    fake.predict(1)
    fake.tasks[2]["total_annotations"] = 1
    fake.tasks[3]["cancelled_annotations"] = 1
    client = client_of(fake)
    assert [*client.tasks(1, TaskQuery.undone())] == [{"id": 4, "data": {"image": "s3://bucket/1.png"}}]
    assert [client.count_tasks(1, query) for query in (TaskQuery.undone(), TaskQuery())] == [1, 4]
    assert [client.count_tasks(1, query) for query in (TaskQuery.undone(3), TaskQuery(3))] == [1, 2]
    assert {request.parameters["resolve_uri"] for request in fake.asked("GET", TASKS)} == {"false"}


@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_listing_of_given_ids(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, page_size: int) -> None:
    monkeypatch.setattr(label_studio, "PAGE_SIZE", page_size)
    fake.add_tasks(*range(1, 10))
    fake.predict(4)
    query = TaskQuery.undone().among([8, 2, 4, 77, 5])
    client = client_of(fake)
    assert [task["id"] for task in client.tasks(1, query)] == [2, 5, 8]
    assert client.count_tasks(1, query) == 3
    assert client.count_tasks(1, query.among([])) == 0


def test_listing_of_what_has_other_versions_of_ours(fake: FakeLabelStudio) -> None:
    old, ours = "wholebody-balanced-11111111", "wholebody-balanced-22222222"
    fake.add_tasks(*range(1, 8))
    for task_id, versions in {1: [old], 2: [ours], 3: [old, ours], 4: ["other"], 5: ["other", old], 6: [old]}.items():
        for version in versions:
            fake.predict(task_id, version)
    fake.tasks[6]["total_annotations"] = 1
    client = client_of(fake)
    assert [task["id"] for task in client.tasks(1, TaskQuery.outdated(ours))] == [1, 5]
    assert [task["id"] for task in client.tasks(1, TaskQuery.with_more_than_one(ours))] == [3]
    assert [task["id"] for task in client.tasks(1, TaskQuery.with_more_than_one(old))] == [3, 5]
    fake.tasks[3]["cancelled_annotations"] = 1
    assert [*client.tasks(1, TaskQuery.with_more_than_one(ours).without_annotation())] == []


def test_listing_reads_a_page_only_when_it_is_asked_for(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_studio, "PAGE_SIZE", 2)
    fake.add_tasks(*IDS)
    tasks = client_of(fake).tasks(1, TaskQuery.undone())
    pages = []
    for _ in range(4):
        next(tasks)
        pages.append(len(fake.asked("GET", TASKS)))
    assert pages == [1, 1, 2, 2]


@pytest.mark.parametrize("fault", [http(429), http(500), http(502), http(503), http(504), RESET, HTML])
def test_listing_that_fails_for_now_is_repeated(fake: FakeLabelStudio, fault: Fault) -> None:
    fake.add_tasks(*IDS)
    fake.fail("GET", TASKS, fault, fault, fault)
    assert listed(client_of(fake)) == [*IDS]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (told({"tasks": "none"}), "{url} does not list tasks as Label Studio does"),
        (told({"tasks": []}), "{url} does not list tasks as Label Studio does"),
        (told({"total": 3, "tasks": []}), "{url} does not list tasks as Label Studio does"),
        (told({"total": 1, "tasks": [7]}), "{url} does not list tasks as Label Studio does"),
        (told({"total": 1, "tasks": [{"id": "7"}]}), "{url} does not list tasks as Label Studio does"),
        (told([]), "{url} does not list tasks as Label Studio does"),
        # a server that knows no filter would have the same page read for ever
        (told({"total": 9, "tasks": [{"id": 1}]}), "{url} does not list tasks by id from 5 on, as was asked"),
        (
            told({"total": 9, "tasks": [{"id": 8}, {"id": 6}]}),
            "{url} does not list tasks by id from 5 on, as was asked",
        ),
    ],
)
def test_listing_that_is_none(fake: FakeLabelStudio, fault: Fault, message: str) -> None:
    fake.fail("GET", TASKS, *[fault] * 9)
    with pytest.raises(UnavailableError, match=f"^{re.escape(message.format(url=fake.url))}$"):
        listed(client_of(fake, max_retries=1), 5)
    assert len(fake.asked("GET", TASKS)) == 2


def test_project(fake: FakeLabelStudio) -> None:
    fake.project |= {"title": "Poses", "label_config": "<View/>", "model_version": None}
    assert client_of(fake).project(1) == Project(1, "Poses", "<View/>", "")
    assert fake.requests[0].authorization == f"Token {LEGACY_TOKEN}"


DETAIL = "Authentication credentials were not provided."


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (
            Fault(Answer(301, headers={"Location": "https://ls.example/api/projects/1/?next=%2F"})),
            LabelStudioError,
            "{url} redirects to https://ls.example; set LABEL_STUDIO_URL to the final address",
        ),
        (
            Fault(Answer(302, headers={"Location": "/user/login/?next=/api/"})),
            LabelStudioError,
            "{url} redirects to {url}/user/login/; set LABEL_STUDIO_URL to the final address",
        ),
        (told({}), LabelStudioError, "{url} does not answer as Label Studio; check LABEL_STUDIO_URL"),
        (told([]), LabelStudioError, "{url} does not answer as Label Studio; check LABEL_STUDIO_URL"),
        (
            told({"detail": "No Project."}, 404),
            GoneError,
            "there is no project 1 that the token's user may see (GET /api/projects/1/: HTTP 404 No Project.); was it "
            "deleted? Else check the number in its address, and the token",
        ),
        (http(404), LabelStudioError, "GET /api/projects/1/: HTTP 404"),
        (
            http(413),  # as of nginx: with a web page
            LabelStudioError,
            "GET /api/projects/1/: HTTP 413: what was sent is longer than the proxy before Label Studio takes; raise "
            "its limit (nginx: client_max_body_size 20m), or lower MAX_PEOPLE",
        ),
        (told(["no"], 403), LabelStudioError, "GET /api/projects/1/: HTTP 403"),
        (told({"detail": "a \n b"}, 403), LabelStudioError, "GET /api/projects/1/: HTTP 403 a b"),
        (
            told({"detail": DETAIL}, 401),
            AuthenticationError,
            f"Label Studio does not accept the token ({DETAIL}); check LABEL_STUDIO_API_TOKEN",
        ),
        (HTML, UnavailableError, "GET /api/projects/1/: HTTP 200 without JSON; is {url} Label Studio?"),
        (RESET, UnavailableError, "GET /api/projects/1/: connection dropped"),
        *[
            (http(status), UnavailableError, f"GET /api/projects/1/: HTTP {status}")
            for status in (408, 425, 429, 500, 501, 502, 503, 504, 520)
        ],
    ],
)
def test_what_a_failed_call_says_and_whether_it_is_repeated(
    fake: FakeLabelStudio, fault: Fault, kind: type[Exception], message: str
) -> None:
    fake.fail("GET", PROJECT, fault, fault, fault)
    with pytest.raises(LabelStudioError, match=f"^{re.escape(message.format(url=fake.url))}$") as caught:
        client_of(fake, max_retries=2).project(1)
    assert type(caught.value) is kind
    assert len(fake.requests) == (3 if kind is UnavailableError else 1)


def test_an_answer_cut_off_is_repeated(fake: FakeLabelStudio) -> None:
    fake.fail("GET", PROJECT, CUT, CUT)
    assert client_of(fake).project(1).title == "Figures"


def test_an_answer_that_does_not_come(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.05)
    fake.fail("GET", PROJECT, Fault(delay_s=5))
    with pytest.raises(UnavailableError, match=r"^GET /api/projects/1/: timed out$"):
        client_of(fake, max_retries=0).project(1)


def test_an_answer_that_trickles_is_not_waited_for(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes well within the time-out for a single one."""
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.3)
    fake.fail("GET", PROJECT, Fault(Answer(json={"id": 1, "title": "x" * 400}, piece_bytes=1, pause_s=0.05)))
    before = time.monotonic()
    with pytest.raises(UnavailableError, match=r"^GET /api/projects/1/: timed out$"):
        client_of(fake, max_retries=0).project(1)
    assert time.monotonic() - before < 10  # of the 20 s that it would take


def test_headers_that_trickle_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.3)
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 400:
                line.sendall(bytes([byte]))
                ended.wait(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=[listener])
        thread.start()
        settings = Settings(
            label_studio_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            label_studio_api_token=LEGACY_TOKEN,
            max_retries=0,
        )
        before = time.monotonic()
        with pytest.raises(UnavailableError, match=r"^GET /api/projects/1/: timed out$"):
            LabelStudioClient(settings, Stop()).project(1)
        assert time.monotonic() - before < 10  # of the 20 s that it would take
        ended.set()
        thread.join()


def test_nobody_there() -> None:
    with FakeLabelStudio() as gone:
        client = client_of(gone, max_retries=0)
    with pytest.raises(UnavailableError, match=r"^GET /api/projects/1/: connection refused$"):
        client.project(1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"label_studio_api_token": LEGACY_TOKEN},
            "LABEL_STUDIO_URL is not set; give the address of Label Studio",
        ),
        (
            {"label_studio_url": "http://127.0.0.1:1"},
            "LABEL_STUDIO_API_TOKEN is not set; create a personal access token in Account & Settings (before Label "
            "Studio 1.17: copy the access token there)",
        ),
    ],
)
def test_what_must_be_set(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        LabelStudioClient(Settings(**given), Stop())
