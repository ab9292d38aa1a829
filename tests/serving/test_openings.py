"""A task that is opened twice at once gets one prediction; whatever goes wrong, the editor does not stay empty."""

import base64
import functools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import cv2
import pytest
import requests
from werkzeug.serving import make_server

import model
from tests.fake_label_studio import LEGACY_TOKEN, PREDICTIONS, PROJECT, FakeLabelStudio, http, settings_for, told
from wholebody.annotator import Annotator
from wholebody.errors import ImageError, LabelStudioError, UnavailableError
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.predictions import Prediction
from wholebody.serving import openings
from wholebody.serving.openings import IsStored, Openings
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

TASK = {"id": 7, "data": {"image": "x"}}
VARIANT = b"config"


class Annotate:
    """Predicts slowly; each prediction has its number for a score. Counts its calls."""

    def __init__(self, seconds: float = 0.1, error: BaseException | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.count = 0

    def __call__(self) -> Prediction:
        self.count += 1
        score = float(self.count)
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        return Prediction(result=[], score=score, model_version="v")


def prediction(number: int) -> Prediction:
    return Prediction(result=[], score=float(number), model_version="v")


def parallel(count: int, call: Callable[[], Any]) -> list[Future[Any]]:
    """Calls that all begin at once, when they have ended."""
    start = threading.Barrier(count, timeout=10)

    def together() -> Any:
        start.wait()
        return call()

    with ThreadPoolExecutor(count) as pool:
        return [pool.submit(together) for _ in range(count)]


def answers(count: int, is_stored: IsStored | None, annotate: Annotate, task: Any = TASK) -> list[Any]:
    """What parallel calls get: predictions first, then those that were held."""
    opened = Openings(is_stored)
    results = [future.result() for future in parallel(count, lambda: opened.predict(task, VARIANT, annotate))]
    return sorted(results, key=lambda result: result == [])


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "POLL_S", 0.02)


@pytest.mark.parametrize("count", [2, 5])
def test_the_second_gets_nothing_once_the_first_is_stored(count: int) -> None:
    annotate, asked = Annotate(), []

    def is_stored(task: dict[str, Any]) -> bool:
        asked.append(task["id"])
        return len(asked) > 5

    assert answers(count, is_stored, annotate) == [prediction(1)] + [[]] * (count - 1)
    assert annotate.count == 1
    assert set(asked) == {7}


def test_it_is_not_asked_before_the_first_is_done() -> None:
    annotate = Annotate(seconds=0.3)
    done = []

    def is_stored(task: dict[str, Any]) -> bool:
        done.append(annotate.count)
        return time.monotonic() - start >= 0.3

    start = time.monotonic()
    assert answers(2, is_stored, annotate) == [prediction(1), []]
    assert len(done) == 1


def test_what_is_not_seen_in_time_is_given_twice(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "SEEN_WITHIN_S", 0.4)
    annotate = Annotate()
    start = time.monotonic()
    assert answers(2, lambda task: False, annotate) == [prediction(1)] * 2
    assert 0.4 <= time.monotonic() - start < 5
    assert annotate.count == 1
    assert caplog.messages == ["task 7 may get two equal predictions: the first was not seen in Label Studio"]


def test_what_cannot_be_asked_is_given_twice(caplog: pytest.LogCaptureFixture) -> None:
    def fails(task: dict[str, Any]) -> bool:
        raise UnavailableError("GET /api/predictions/: HTTP 502")

    annotate = Annotate()
    assert answers(2, fails, annotate) == [prediction(1)] * 2
    assert annotate.count == 1
    assert caplog.messages == ["task 7 may get two equal predictions: GET /api/predictions/: HTTP 502"]


def test_what_may_not_be_asked_is_told_once_and_not_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openings, "SEEN_WITHIN_S", 3600)
    asked = []

    def refuses(task: dict[str, Any]) -> bool:
        asked.append(task["project"])
        raise LabelStudioError("GET /api/predictions/: HTTP 403")

    opened, annotate = Openings(refuses), Annotate(seconds=0)
    for project, task_id in ((1, 7), (1, 8), (2, 9)):
        task = {"id": task_id, "project": project}
        first = opened.predict(task, VARIANT, annotate)
        assert [opened.predict(task, VARIANT, annotate) for _ in range(3)] == [first] * 3
    assert asked == [1, 2]
    assert caplog.messages == [
        f"tasks of project {project} that are opened twice at once get two equal predictions: "
        "GET /api/predictions/: HTTP 403"
        for project in (1, 2)
    ]


@pytest.mark.parametrize(
    ("is_stored", "task"),
    [
        # without a token nobody can be asked
        (None, TASK),
        # a task without an id, or with another kind of it, cannot be asked about
        (lambda task: True, {"data": {}}),
        (lambda task: True, {"id": "7"}),
        (lambda task: True, {"id": [7]}),
    ],
)
def test_nothing_is_held_back(is_stored: IsStored | None, task: Any) -> None:
    annotate = Annotate()
    both = answers(2, is_stored, annotate, task)
    assert sorted(one["score"] for one in both) == [1, 2]


@pytest.mark.parametrize("error", [ImageError("not found", "/data/a.jpg"), IndexError("ours"), SystemExit(1)])
def test_an_error_reaches_both_and_is_forgotten(error: BaseException) -> None:
    opened, annotate = Openings(lambda task: True), Annotate(error=error)
    futures = parallel(2, lambda: opened.predict(TASK, VARIANT, annotate))
    assert [future.exception() for future in futures] == [error, error]
    assert annotate.count == 1
    annotate.error = None
    assert opened.predict(TASK, VARIANT, annotate) == prediction(2)


def test_a_call_just_after_belongs_to_the_same_opening() -> None:
    opened, annotate = Openings(lambda task: True), Annotate(seconds=0)
    assert [opened.predict(TASK, VARIANT, annotate) for _ in range(3)] == [prediction(1), [], []]


def test_a_later_call_is_another_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "LINGER_S", 0.1)
    opened, annotate = Openings(lambda task: True), Annotate(seconds=0)
    assert opened.predict(TASK, VARIANT, annotate) == prediction(1)
    time.sleep(0.15)
    assert opened.predict(TASK, VARIANT, annotate) == prediction(2)


def test_tasks_do_not_wait_for_each_other() -> None:
    opened, both = Openings(lambda task: True), threading.Barrier(2, timeout=10)

    def annotate() -> Prediction:
        both.wait()
        return prediction(1)

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(opened.predict, {"id": task_id}, VARIANT, annotate) for task_id in (1, 2)]
        assert [future.result() for future in futures] == [prediction(1)] * 2


def test_a_changed_labeling_config_is_another_question() -> None:
    opened, annotate = Openings(lambda task: True), Annotate(seconds=0)
    assert opened.predict(TASK, b"before", annotate) == prediction(1)
    assert opened.predict(TASK, b"after", annotate) == prediction(2)


def test_nothing_piles_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "MAX_TASKS", 10)
    opened = Openings(lambda task: True)
    for task_id in range(100):
        error = ImageError("not found") if task_id % 2 else None
        try:
            opened.predict({"id": task_id}, VARIANT, Annotate(seconds=0, error=error))
        except ImageError as raised:
            assert raised is error
    assert (len(opened._running), len(opened._recent)) == (0, 10)


DRAWING = draw_figures(1, seed=1, size_wh=(640, 800))
PICTURE = "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", DRAWING.bgr)[1].tobytes()).decode()
CONFIG = write_config([Part.BODY])


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        running.add_tasks(7)
        yield running


@pytest.fixture
def backend_url(_isolated: None, fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The whole backend behind a threaded server."""
    given = {"MODE": "figures", "LABEL_STUDIO_URL": fake.url, "LABEL_STUDIO_API_TOKEN": LEGACY_TOKEN}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    forget()
    app = create_app(model.WholebodyBackend, load_settings(), model.load_annotator().model_version)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    forget()


def forget() -> None:
    """What a process keeps of the settings it was started with."""
    model.load_annotator.cache_clear()
    model.shared_openings.cache_clear()


def test_the_first_two_requests_share_one_registry(backend_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        time.sleep(0.1)

    monkeypatch.setattr(model, "_asker", slow)
    made = {id(future.result()) for future in parallel(4, model.shared_openings)}
    assert len(made) == 1


def open_task(fake: FakeLabelStudio, backend_url: str, image: str = PICTURE, project: int = 1) -> list[Any]:
    """Ask the backend as Label Studio does when a task is opened, and store what it answers."""
    task = {"id": 7, "data": {"image": image}, "project": project}
    body = {"tasks": [task], "label_config": CONFIG, "params": {"context": None}}
    response = requests.post(backend_url + "/predict", json=body, timeout=30)
    results: list[Any] = response.json()["results"]
    for result in results:
        if result:
            time.sleep(0.2)  # Label Studio takes its time, too
            fake.predict(7, result["model_version"], result=result["result"])
    return results


def test_label_studio_stores_one_prediction(
    fake: FakeLabelStudio, backend_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = []
    annotate = Annotator.annotate

    def counted(self: Annotator, *args: Any) -> Prediction:
        count.append(args)
        return annotate(self, *args)

    monkeypatch.setattr(Annotator, "annotate", counted)
    futures = parallel(2, functools.partial(open_task, fake, backend_url))
    assert sorted(len(future.result()[0]) for future in futures) == [0, 3]
    assert (len(count), fake.predicted()) == (1, [7])
    assert len(fake.predictions[0]["result"]) == 18
    asked = fake.asked("GET", PREDICTIONS)
    assert {(one.parameters["task"], one.authorization) for one in asked} == {("7", f"Token {LEGACY_TOKEN}")}


def test_another_picture_under_the_same_id_is_another_opening(fake: FakeLabelStudio, backend_url: str) -> None:
    """A task that was changed just after it was opened, or a task of another Label Studio."""
    (one,) = open_task(fake, backend_url)
    png = cv2.imencode(".png", draw_figures(2, 3, (640, 480)).bgr)[1]
    (two,) = open_task(fake, backend_url, "data:image/png;base64," + base64.b64encode(png).decode())
    assert (len(one["result"]), len(two["result"])) == (18, 36)


def test_where_label_studio_cannot_be_asked_it_stores_two(fake: FakeLabelStudio, backend_url: str) -> None:
    fake.fail("GET", PREDICTIONS, http(503))
    parallel(2, functools.partial(open_task, fake, backend_url))
    assert fake.predicted() == [7, 7]


@pytest.mark.timeout(60)
def test_project_that_the_tokens_user_may_not_see_is_told_and_not_waited_for(
    fake: FakeLabelStudio, backend_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openings, "SEEN_WITHIN_S", 3600)
    fake.fail("GET", PREDICTIONS, *[told([])] * 99)  # as Label Studio answers then
    parallel(3, functools.partial(open_task, fake, backend_url, project=2))
    assert fake.predicted() == [7, 7, 7]
    messages = [message for message in caplog.messages if "two equal" in message]
    assert messages == [
        "tasks of project 2 that are opened twice at once get two equal predictions: there is no project 2 that the "
        "token's user may see (GET /api/projects/2/: HTTP 404 No Project matches the given query.); was it deleted? "
        "Else check the number in its address, and the token"
    ]


def test_project_is_asked_for_once(fake: FakeLabelStudio) -> None:
    is_stored = model._asker(settings_for(fake), "v")
    assert is_stored
    assert [is_stored({"id": 7, "project": 1}) for _ in range(3)] == [False] * 3
    fake.predict(7, "v")
    assert is_stored({"id": 7, "project": 1})
    assert len(fake.asked("GET", PROJECT)) == 1


def test_a_task_that_cannot_be_done_is_stored_by_neither(fake: FakeLabelStudio, backend_url: str) -> None:
    futures = parallel(2, functools.partial(open_task, fake, backend_url, "data:image/png;base64,AAAA"))
    assert [future.result() for future in futures] == [[[]], [[]]]
    assert (fake.predicted(), fake.asked("GET", PREDICTIONS)) == ([], [])
