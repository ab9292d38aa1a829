"""From a task's images to its regions: in bulk on as many threads as there are cores, online on the caller's."""

import logging
import operator
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from tests.http_server import Answer, Received, ScriptedServer
from tests.test_model import CONFIG
from wholebody import annotator
from wholebody.annotator import GPU_WORKERS, Annotator
from wholebody.errors import ClientGoneError, DeadlineError, ImageError, ImageUnavailableError, StoppedError
from wholebody.estimation.weights import Traits
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.prompts import Prompts
from wholebody.process.calls import Call
from wholebody.settings import Settings, load_settings

CORES = 2
TRAITS = Traits((640, 640), (192, 256), "bgr", 1.0)
TASKS = 6
WAIT_S = 8.0
"""What has not come after this does not come; less than a fetch waits for its answer."""

ONE_IMAGE = parse_labeling_config(CONFIG)
THREE_IMAGES = parse_labeling_config(
    "<View>"
    + "".join(
        f'<Image name="{name}" value="${name}"/>'
        f'<KeyPointLabels name="{name}_points" toName="{name}"><Label value="nose"/></KeyPointLabels>'
        for name in ("c", "a", "b")
    )
    + "</View>"
)
WHOLE_BODY = parse_labeling_config(write_config(tuple(Part)))
WITH_BOXES = parse_labeling_config(
    '<View><Image name="img" value="$image"/><KeyPointLabels name="kp" toName="img"><Label value="nose"/>'
    '</KeyPointLabels><RectangleLabels name="box" toName="img"><Label value="person"/></RectangleLabels></View>'
)
FIGURES = {
    count: cv2.imencode(".png", draw_figures(count, seed=1, size_wh=(640, 480)).bgr)[1].tobytes() for count in (1, 2, 3)
}


@pytest.fixture(autouse=True)
def _cores(pretend_cores: Callable[[int], None]) -> None:
    pretend_cores(CORES)


@pytest.fixture
def bulk() -> Annotator:
    return Annotator(load_settings(mode="figures"), bulk=True)


@pytest.fixture
def online() -> Annotator:
    return Annotator(load_settings(mode="figures"))


def task(task_id: int, address: str) -> dict[str, Any]:
    return {"id": task_id, "data": {"image": address}}


def serve(server: ScriptedServer, answer: Callable[[Received], Answer] | None = None) -> list[dict[str, Any]]:
    """Tasks of an image each, which the server has."""
    for number in range(TASKS):
        server.on("GET", f"/{number}.png", answer or Answer(body=FIGURES[1]))
    return [task(number, f"{server.url}/{number}.png") for number in range(TASKS)]


def annotate_at_once(one: Annotator, tasks: list[dict[str, Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(lambda each: one.annotate(each, ONE_IMAGE)["result"], tasks))


def wrap(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, before: Callable[[], object]) -> None:
    real = getattr(owner, name)

    def call(*args: Any) -> Any:
        before()
        return real(*args)

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize(
    ("owner", "name"), [("_images._loader", "decode"), ("_estimator", "detect"), ("_estimator", "pose")]
)
def test_no_more_images_than_workers_are_at_work_however_many_threads_ask(
    bulk: Annotator, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, owner: str, name: str
) -> None:
    owned_by = operator.attrgetter(owner)(bulk)
    real = getattr(owned_by, name)
    inside, peaks, all_are_inside = [0], [], threading.Event()
    lock = threading.Lock()

    def counted(*args: Any) -> Any:
        with lock:
            inside[0] += 1
            peaks.append(inside[0])
            if inside[0] == TASKS:
                all_are_inside.set()
        end = time.monotonic() + WAIT_S
        while len(server.requests) < TASKS and time.monotonic() < end:
            time.sleep(0.01)
        all_are_inside.wait(0.3)  # any others have time to come
        result = real(*args)
        with lock:
            inside[0] -= 1
        return result

    monkeypatch.setattr(owned_by, name, counted)
    assert all(annotate_at_once(bulk, serve(server)))
    assert bulk.workers == CORES
    assert (max(peaks), len(peaks)) == (CORES, TASKS)


def test_images_are_fetched_while_all_workers_are_busy(
    bulk: Annotator, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    all_asked = threading.Event()

    def answer(_: Received) -> Answer:
        if len(server.requests) == TASKS:
            all_asked.set()
        return Answer(body=FIGURES[1])

    wrap(monkeypatch, bulk._images._loader, "decode", lambda: asked.append(all_asked.wait(WAIT_S)))
    assert all(annotate_at_once(bulk, serve(server, answer)))
    assert asked == [True] * TASKS


def test_more_images_than_workers_are_fetched_at_a_time(bulk: Annotator, server: ScriptedServer) -> None:
    together = threading.Barrier(TASKS)

    def answer(_: Received) -> Answer:
        together.wait(WAIT_S)
        return Answer(body=FIGURES[1])

    assert all(annotate_at_once(bulk, serve(server, answer)))
    assert len(server.requests) == TASKS


def test_what_waits_for_a_worker_is_given_up_when_it_is_closed(
    bulk: Annotator, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    goes_on = threading.Event()

    def hold() -> None:
        decoded.append(1)
        goes_on.wait(WAIT_S)

    wrap(monkeypatch, bulk._images._loader, "decode", hold)
    tasks = serve(server)
    with ThreadPoolExecutor(TASKS) as threads:
        pending = [threads.submit(bulk.annotate, each, ONE_IMAGE) for each in tasks]
        end = time.monotonic() + WAIT_S
        while (len(server.requests) < TASKS or len(decoded) < CORES) and time.monotonic() < end:
            time.sleep(0.01)
        bulk.close()
        goes_on.set()
    given_up = [future for future in pending if isinstance(future.exception(), StoppedError)]
    assert len(decoded) == CORES  # which are finished
    assert len(given_up) == TASKS - CORES


@pytest.mark.parametrize(
    ("answer", "cause", "message"),
    [
        (Answer(404), "image_unreachable", r"127\.0\.0\.1:\d+ answers HTTP 404: not found"),
        (Answer(body=b"no"), "image_unreadable", r"not an image of a known format \(.*\)"),
        (Answer(body=FIGURES[1][:-60]), "image_unreadable", r"damaged or cut off: .*"),
    ],
    ids=["fetch", "format", "decode"],
)
def test_an_error_names_the_image_and_the_next_task_is_done(
    bulk: Annotator, server: ScriptedServer, answer: Answer, cause: str, message: str
) -> None:
    server.on("GET", "/bad.png", answer)
    server.on("GET", "/good.png", Answer(body=FIGURES[1]))
    address = f"{server.url}/bad.png"
    for _ in range(CORES + 1):
        with pytest.raises(ImageError, match=rf"^{address}\?\.\.\.: {message}$") as raised:
            bulk.annotate(task(1, f" {address}?signature=s3cr3t"), ONE_IMAGE)
        assert raised.value.cause == cause
        assert address not in raised.value.reason
    assert bulk.annotate(task(2, f"{server.url}/good.png"), ONE_IMAGE)["result"]


@pytest.mark.parametrize("is_bulk", [True, False])
def test_the_images_of_a_task_keep_their_order(server: ScriptedServer, is_bulk: bool) -> None:
    one = Annotator(load_settings(mode="figures"), bulk=is_bulk)
    for count, content in FIGURES.items():
        server.on("GET", f"/{count}.png", Answer(body=content))
    data = {name: f"{server.url}/{count}.png" for name, count in (("a", 3), ("b", 1), ("c", 2))}
    prediction = one.annotate({"id": 1, "data": data}, THREE_IMAGES)
    assert [region["to_name"] for region in prediction["result"]] == ["c"] * 2 + ["a"] * 3 + ["b"]
    assert [request.path for request in server.requests] == ["/2.png", "/3.png", "/1.png"]
    assert 0.5 < prediction["score"] <= 1


def label_studio_at(server: ScriptedServer, **settings: object) -> Settings:
    return load_settings(
        mode="figures", label_studio_url=server.url, label_studio_api_token="0123456789abcdef", **settings
    )


def bulk_at(server: ScriptedServer, **settings: object) -> Annotator:
    return Annotator(label_studio_at(server, max_backoff_delay=0, **settings), bulk=True)


def test_in_bulk_an_image_of_label_studio_is_waited_for(server: ScriptedServer) -> None:
    refused = [Answer(503, headers={"Retry-After": "0"})] * 3  # what one fetch asks for
    server.on("GET", "/data/a.png", *refused, Answer(reset=True), Answer(reset=True), Answer(body=FIGURES[1]))
    assert bulk_at(server).annotate(task(1, "/data/a.png"), ONE_IMAGE)["result"]
    assert len(server.requests) == 6


@pytest.mark.parametrize(("health", "kind"), [(Answer(502), ImageUnavailableError), (Answer(200, "{}"), ImageError)])
def test_in_bulk_a_label_studio_that_answers_is_not_gone(
    server: ScriptedServer, health: Answer, kind: type[Exception]
) -> None:
    """Where only the storage behind it is broken, the tasks after this one can be done."""
    server.on("GET", "/data/a.png", Answer(504))
    server.on("GET", "/health", health)
    with pytest.raises(ImageError, match=r"^/data/a\.png: 127.* answers HTTP 504$") as raised:
        bulk_at(server, max_retries=1).annotate(task(1, "/data/a.png"), ONE_IMAGE)
    assert type(raised.value) is kind
    assert raised.value.reason.endswith("answers HTTP 504")


def test_online_no_image_is_waited_for(server: ScriptedServer) -> None:
    """An annotator waits, and Label Studio gives up after a time."""
    server.on("GET", "/data/a.png", Answer(reset=True))
    with pytest.raises(ImageError, match="connection dropped"):
        Annotator(label_studio_at(server)).annotate(task(1, "/data/a.png"), ONE_IMAGE)
    assert len(server.requests) == 2


def test_in_bulk_no_image_is_kept(bulk: Annotator, server: ScriptedServer) -> None:
    first, *_ = serve(server)
    for _ in range(2):
        assert bulk.annotate(first, ONE_IMAGE)["result"]
    assert len(server.requests) == 2


def test_online_the_image_is_kept_and_the_callers_thread_does_it_all(
    online: Annotator, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = serve(server)
    by: list[str] = []
    for owner, name in ((online._images._loader, "load"), (online._estimator, "detect"), (online._estimator, "pose")):
        wrap(monkeypatch, owner, name, lambda name=name: by.append(f"{name} {threading.current_thread().name}"))
    for _ in range(2):
        assert online.annotate(first, ONE_IMAGE)["result"]
    here = threading.current_thread().name
    assert by == [f"load {here}", f"detect {here}", f"pose {here}", f"pose {here}"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("is_bulk", [True, False])
@pytest.mark.parametrize("takes_boxes", [True, False])
def test_people_are_where_the_task_says_if_that_is_wanted(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, takes_boxes: bool, is_bulk: bool
) -> None:
    one = Annotator(load_settings(mode="figures", task_boxes=takes_boxes), bulk=is_bulk)
    server.on("GET", "/3.png", Answer(body=FIGURES[3]))
    drawing = draw_figures(3, seed=1, size_wh=(640, 480))
    left, top, right, bottom = (drawing.xyxy[1] / (640, 480, 640, 480) * 100).tolist()
    value = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rectanglelabels": ["person"]}
    box = {"type": "rectanglelabels", "to_name": "img", "from_name": "any", "value": value}
    detected: list[int] = []
    wrap(monkeypatch, one._estimator, "detect", lambda: detected.append(1))
    for number, (entries, is_seen) in enumerate((([{"id": 1, "result": [box]}], not takes_boxes), ([], True))):
        detected.clear()
        prediction = one.annotate(task(number, f"{server.url}/3.png") | {"annotations": entries}, WITH_BOXES)
        boxes = [region["value"] for region in prediction["result"] if region["type"] == "rectanglelabels"]
        assert bool(detected) == is_seen
        assert len(boxes) == (3 if is_seen else 1)
        if not is_seen:
            assert [boxes[0][key] for key in ("x", "y")] == pytest.approx([left, top], abs=0.01)
            noses = [region["value"] for region in prediction["result"] if region["type"] == "keypointlabels"]
            x, y = drawing.keypoints[1][0] / (640, 480) * 100
            assert [(nose["x"], nose["y"]) for nose in noses] == [pytest.approx((x, y), abs=1)]


@pytest.mark.parametrize(
    ("is_bulk", "device", "cores", "expected"),
    [
        # workers; threads inside a run, 0 for all; runs at a time
        (True, "cpu", 16, (16, 1, 16)),
        (True, "cpu", 1, (1, 1, 1)),
        (True, "cuda", 16, (GPU_WORKERS, 0, 1)),
        (True, "cuda", 2, (2, 0, 1)),
        (False, "cpu", 16, (1, 0, 1)),
        (False, "cuda", 16, (1, 0, 1)),
    ],
)
def test_who_works_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
    pretend_cores: Callable[[int], None],
    is_bulk: bool,
    device: str,
    cores: int,
    expected: tuple[int, int, int],
) -> None:
    given: dict[str, int] = {}
    monkeypatch.setattr(
        annotator, "load_estimator", lambda *_, **rest: given.update(rest) or SimpleNamespace(devices={}, traits=TRAITS)
    )
    pretend_cores(cores)
    one = Annotator(load_settings(mode="figures", device=device), bulk=is_bulk)
    assert (one.workers, given["threads"], given["concurrency"]) == expected


def test_one_of_several_processes_keeps_to_its_cores(
    monkeypatch: pytest.MonkeyPatch, pretend_cores: Callable[[int], None]
) -> None:
    given: dict[str, int] = {}
    monkeypatch.setattr(
        annotator, "load_estimator", lambda *_, **rest: given.update(rest) or SimpleNamespace(devices={}, traits=TRAITS)
    )
    pretend_cores(16)
    for cores in (1, 4):
        one = Annotator(load_settings(mode="figures"), bulk=True, cores=cores)
        assert (one.workers, given["threads"], given["concurrency"]) == (cores, 1, cores)


def test_a_fingerprint_follows_all_that_a_prediction_depends_on() -> None:
    one, boxed = (Annotator(load_settings(mode="figures", task_boxes=takes)) for takes in (False, True))
    plain = task(1, "http://a/1.png")
    value = {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["person"]}
    with_box = plain | {
        "annotations": [{"id": 1, "result": [{"type": "rectanglelabels", "to_name": "img", "value": value}]}]
    }
    same = plain | {"data": {"image": "http://a/1.png", "note": "read by nobody"}, "predictions": [{"id": 1}]}
    assert one.fingerprint(plain, WITH_BOXES) == one.fingerprint(same, WITH_BOXES)
    assert one.fingerprint(plain, WITH_BOXES) == one.fingerprint(with_box, WITH_BOXES)
    assert boxed.fingerprint(plain, WITH_BOXES) == one.fingerprint(plain, WITH_BOXES)
    assert boxed.fingerprint(with_box, WITH_BOXES) != boxed.fingerprint(plain, WITH_BOXES)
    other = task(1, "http://a/2.png")
    assert one.fingerprint(other, WITH_BOXES) != one.fingerprint(plain, WITH_BOXES)
    for odd in (None, {}, {"image": None}, {"image": [["x"]]}, {"image": "\ud800"}):
        assert one.fingerprint({"id": 1, "data": odd}, WITH_BOXES) != one.fingerprint(plain, WITH_BOXES)


PAGES = parse_labeling_config(
    '<View><Image name="img" valueList="$images"/>'
    '<KeyPointLabels name="kp" toName="img"><Label value="nose"/></KeyPointLabels></View>'
)


def pages_of(server: ScriptedServer, *counts: int | None) -> dict[str, Any]:
    """A task whose pages show so many figures each; `None` is a page that the server lacks."""
    for number, count in enumerate(counts):
        server.on("GET", f"/{number}.png", Answer(404) if count is None else Answer(body=FIGURES[count]))
    return {"id": 1, "data": {"images": [f"{server.url}/{number}.png" for number in range(len(counts))]}}


@pytest.mark.parametrize("is_bulk", [True, False])
def test_each_page_has_its_people(server: ScriptedServer, is_bulk: bool) -> None:
    one = Annotator(load_settings(mode="figures"), bulk=is_bulk)
    prediction = one.annotate(pages_of(server, 2, 1, 3), PAGES)
    assert [region["item_index"] for region in prediction["result"]] == [0, 0, 1, 2, 2, 2]


@pytest.mark.parametrize("is_bulk", [True, False])
def test_one_page_that_cannot_be_had_fails_the_task_and_is_named(server: ScriptedServer, is_bulk: bool) -> None:
    one = Annotator(load_settings(mode="figures"), bulk=is_bulk)
    with pytest.raises(ImageError) as raised:
        one.annotate(pages_of(server, 1, None, 1), PAGES)
    host = server.url.removeprefix("http://")
    assert str(raised.value) == f"page 2 of 'img', {server.url}/1.png: {host} answers HTTP 404: not found"
    assert raised.value.reason == f"{host} answers HTTP 404: not found"


def test_a_task_with_more_regions_than_anybody_can_look_at(
    online: Annotator, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotator, "MOST_REGIONS_OF_A_TASK", 4)
    assert len(online.annotate(pages_of(server, 3, 1), PAGES)["result"]) == 4
    with pytest.raises(ImageError, match=r"^the task's people have more than 4 points; split it, lower MAX_PEOPLE"):
        online.annotate(pages_of(server, 3, 2) | {"id": 2}, PAGES)


def regions_of(prediction: Any) -> list[int]:
    """How many regions each person has, the smallest first, page by page."""
    result = prediction["result"]
    boxes = [region["id"] for region in result if region["type"] == "rectanglelabels"]
    return [1 + sum(region.get("parentID") == box for region in result) for box in boxes]


def said_of_crowds(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Other loggers may be open, by tests before."""
    return [record.getMessage() for record in caplog.records if record.name == "wholebody.labeling.crowds"]


@pytest.mark.parametrize("is_bulk", [True, False])
def test_a_crowd_has_no_more_regions_than_asked_for(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, is_bulk: bool
) -> None:
    one = Annotator(load_settings(mode="figures", max_regions=200), bulk=is_bulk)
    unbound = Annotator(load_settings(mode="figures", max_regions=0), bulk=is_bulk)
    server.on("GET", "/3.png", Answer(body=FIGURES[3]))
    with caplog.at_level(logging.INFO, "wholebody.labeling.crowds"):
        everything = unbound.annotate(task(8, f"{server.url}/3.png"), WHOLE_BODY)
        assert said_of_crowds(caplog) == []
        prediction = one.annotate(task(8, f"{server.url}/3.png"), WHOLE_BODY)
    assert (regions_of(everything), regions_of(prediction)) == ([134] * 3, [24, 24, 134])
    assert prediction["score"] == everything["score"]
    assert said_of_crowds(caplog) == [
        "task 8: 3 people in 182 regions instead of 402 (MAX_REGIONS=200): 2 without the points of face and hands"
    ]


def test_each_page_has_its_own_crowd(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    pages = parse_labeling_config(write_config(tuple(Part)).replace('value="$image"', 'valueList="$images"'))
    one = Annotator(load_settings(mode="figures", max_regions=150))
    with caplog.at_level(logging.INFO, "wholebody.labeling.crowds"):
        prediction = one.annotate(pages_of(server, 1, 2, 1), pages)
    of_page = [sum(region["item_index"] == page for region in prediction["result"]) for page in range(3)]
    assert of_page == [134, 48, 134]
    assert [said.partition(": ")[0] for said in said_of_crowds(caplog)] == ["task 1, page 2 of 'img'"]


def test_who_is_asked_for_has_all_points(server: ScriptedServer) -> None:
    one = Annotator(load_settings(mode="figures", max_regions=1))
    server.on("GET", "/1.png", Answer(body=FIGURES[1]))
    asked, target = task(1, f"{server.url}/1.png"), WHOLE_BODY.targets[0]
    everything = np.array([[0, 0, 1, 1]], np.float32)
    none = np.zeros((0, 2), np.float32)
    assert regions_of(one.annotate(asked, WHOLE_BODY)) == [1]
    assert regions_of(one.annotate_prompted(asked, [Prompts(target, everything, none, none)])) == [134]


@pytest.mark.parametrize(
    ("call", "error"),
    [(Call(deadline=0.0), DeadlineError), (Call(gone=lambda: True), ClientGoneError)],
    ids=["late", "left alone"],
)
def test_pages_that_nobody_waits_for_are_not_looked_at(
    online: Annotator, server: ScriptedServer, call: Call, error: type[Exception]
) -> None:
    with call.current(), pytest.raises(error):
        online.annotate(pages_of(server, 1, 1), PAGES)
    assert server.requests == []


def test_a_fingerprint_follows_the_pages(online: Annotator) -> None:
    prints = [
        online.fingerprint({"data": {"images": images}}, PAGES) for images in (["a", "b"], ["b", "a"], ["a"], ["a", ""])
    ]
    assert len(set(prints[:3])) == 3
    assert prints[2] == prints[3]
