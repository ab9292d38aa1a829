"""What was just looked at is kept, within bounds, and loaded once however many ask."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest

from tests.http_server import Answer, ScriptedServer
from wholebody.annotator import Annotator
from wholebody.errors import ImageError
from wholebody.estimation.detections import Detections
from wholebody.estimation.seen_images import OWN_BYTES, ImageCache, SeenImage
from wholebody.figures.drawing import draw_figures
from wholebody.images import loader as images
from wholebody.images.decoding import BGR, Picture
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.prompts import read_prompts
from wholebody.settings import load_settings

HOUR_S = 3600.0
HUGE = 1 << 30
NOBODY = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def pixels(side: int) -> Picture:
    return Picture.whole(np.zeros((side, side, 3), np.uint8))


def size_bytes(side: int) -> int:
    return SeenImage(pixels(side)).size_bytes


class Loads:
    """Counts its calls; answers with a picture `side` pixels wide, or fails."""

    def __init__(self, side: int = 10) -> None:
        self.side = side
        self.count = 0
        self.failures: list[Exception] = []

    def __call__(self) -> Picture:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return pixels(self.side)


def test_what_is_kept_is_not_loaded_again() -> None:
    cache, load = ImageCache(size_bytes(10), HOUR_S), Loads()
    assert cache.get("a", load) is cache.get("a", load)
    assert load.count == 1


def test_the_oldest_goes_when_the_bytes_are_used_up() -> None:
    cache = ImageCache(2 * size_bytes(10), HOUR_S)
    loads = {key: Loads() for key in "abc"}
    for key in "abaca":
        cache.get(key, loads[key])
    assert [load.count for load in loads.values()] == [1, 1, 1]
    cache.get("b", loads["b"])
    assert loads["b"].count == 2


def test_many_tiny_pictures_fill_it_too() -> None:
    cache, load = ImageCache(3 * OWN_BYTES, HOUR_S), Loads(side=1)
    for key in range(10):
        cache.get(key, load)
    for key in range(9, -1, -1):
        cache.get(key, load)
    assert load.count == 10 + 10 - 2


@pytest.mark.parametrize("max_bytes", [0, size_bytes(10) - 1])
def test_what_is_too_large_is_not_kept(max_bytes: int) -> None:
    cache, load = ImageCache(max_bytes, HOUR_S), Loads()
    assert cache.get("a", load).bgr.shape == (10, 10, 3)
    cache.get("a", load)
    assert load.count == 2


def test_something_too_large_does_not_push_out_the_rest() -> None:
    cache, small = ImageCache(size_bytes(10), HOUR_S), Loads()
    cache.get("small", small)
    cache.get("large", Loads(side=100))
    cache.get("small", small)
    assert small.count == 1


def test_it_is_kept_for_its_time_alone() -> None:
    cache, load = ImageCache(size_bytes(10), 0.1), Loads()
    cache.get("a", load)
    time.sleep(0.15)
    cache.get("a", load)
    assert load.count == 2


def parallel(count: int, call: Callable[[], Any]) -> list[Future[Any]]:
    """Start calls in threads of their own and wait for all."""
    with ThreadPoolExecutor(count) as pool:
        return [pool.submit(call) for _ in range(count)]


def test_threads_that_ask_at_once_load_once() -> None:
    cache, load = ImageCache(size_bytes(10), HOUR_S), Loads()

    def slow() -> Picture:
        time.sleep(0.2)
        return load()

    results = [future.result() for future in parallel(8, lambda: cache.get("a", slow))]
    assert load.count == 1
    assert len({id(seen) for seen in results}) == 1


def test_different_images_load_at_the_same_time() -> None:
    cache, both = ImageCache(HUGE, HOUR_S), threading.Barrier(2, timeout=10)

    def load() -> Picture:
        both.wait()
        return pixels(10)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(cache.get, key, load) for key in "ab"]:
            future.result()


def test_a_failure_is_not_kept() -> None:
    cache, load = ImageCache(HUGE, HOUR_S), Loads()
    load.failures = [ImageError("not found", "a")]
    with pytest.raises(ImageError, match=r"^a: not found$"):
        cache.get("a", load)
    assert cache.get("a", load).bgr.shape == (10, 10, 3)
    assert load.count == 2


@pytest.mark.parametrize(
    ("max_bytes", "failures"),
    [
        # a failure is not tried again by each of them: a time-out would add up
        (HUGE, [ImageError("busy", "a")] * 5),
        # what is too large to be kept is loaded once all the same
        (0, []),
    ],
)
def test_those_who_waited_get_what_the_first_got(max_bytes: int, failures: list[Exception]) -> None:
    cache, load, waiting, go_on = ImageCache(max_bytes, HOUR_S), Loads(), threading.Event(), threading.Event()
    load.failures = list(failures)

    def slow() -> Picture:
        waiting.set()
        assert go_on.wait(10)
        return load()

    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(cache.get, "a", slow)]
        assert waiting.wait(10)
        futures += [pool.submit(cache.get, "a", load) for _ in range(4)]
        time.sleep(0.2)
        go_on.set()
        outcomes = {id(future.exception() or future.result()) for future in futures}
    assert (load.count, len(outcomes)) == (1, 1)


def test_an_image_is_searched_once_and_anew_after_a_failure() -> None:
    seen, runs = SeenImage(pixels(10)), []

    def detect(bgr: BGR) -> Detections:
        runs.append(bgr)
        time.sleep(0.1)
        if len(runs) == 1:
            raise ValueError("first")
        return NOBODY

    futures = parallel(4, lambda: seen.detections(detect))
    assert sorted(str(future.exception()) for future in futures) == ["None", "None", "None", "first"]
    assert len(runs) == 2


DRAWING = draw_figures(2, seed=1, size_wh=(960, 720))
CONFIG = parse_labeling_config(write_config(list(Part)))
PNG = Answer(body=cv2.imencode(".png", DRAWING.bgr)[1].tobytes())
PEOPLE = [tuple(float(edge) for edge in box / (9.6, 7.2, 9.6, 7.2)) for box in DRAWING.xyxy]


class Counted:
    """The annotator with figure models, and how often each part of it has run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.annotator = Annotator(load_settings(mode="figures", **settings))
        self.decoded = self.detected = self.posed = 0
        estimator = self.annotator._estimator
        for owner, name, counter in (
            (estimator._detector, "run", "detected"),
            (estimator._pose_runs, "keypoints", "posed"),
        ):
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name), counter))
        monkeypatch.setattr(images, "decode_image", self._counting(images.decode_image, "decoded"))

    def _counting(self, call: Callable[..., Any], counter: str) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            setattr(self, counter, getattr(self, counter) + 1)
            return call(*args)

        return counted

    def counts(self) -> tuple[int, int, int]:
        return self.decoded, self.detected, self.posed

    def prompt(self, task_id: int, reference: str, *, point: bool = False, person: int = 0) -> int:
        """Draw or click; returns the number of regions."""
        left, top, right, bottom = PEOPLE[person]
        value = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        if point:
            value = {"x": (left + right) / 2, "y": (top + bottom) / 2}
        kind = "keypoint" if point else "rectangle"
        context = {"result": [{"type": kind, "from_name": "prompt", "to_name": "img", "value": value}]}
        task = {"id": task_id, "data": {"image": reference}}
        return len(self.annotator.annotate_prompted(task, read_prompts(context, CONFIG))["result"])


@pytest.fixture
def picture(server: ScriptedServer) -> Iterator[str]:
    server.on("GET", "/a.png", PNG)
    server.on("GET", "/b.png", PNG)
    return server.url + "/a.png"


def test_a_second_prompt_costs_the_pose_alone(
    server: ScriptedServer, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    assert counted.prompt(1, picture) == 134
    assert (len(server.requests), *counted.counts()) == (1, 1, 0, 1), "no detector for a box"
    counted.prompt(1, picture, person=1)
    assert (len(server.requests), *counted.counts()) == (1, 1, 0, 2)
    counted.prompt(1, picture, point=True)
    assert (len(server.requests), *counted.counts()) == (1, 1, 1, 3)
    counted.prompt(1, picture, point=True, person=1)
    assert (len(server.requests), *counted.counts()) == (1, 1, 1, 4)


def test_a_prompt_after_the_task_was_opened_finds_all_done(
    server: ScriptedServer, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    counted.annotator.annotate({"id": 1, "data": {"image": picture}}, CONFIG)
    assert (len(server.requests), *counted.counts()) == (1, 1, 1, 1)
    counted.prompt(1, picture, point=True)
    assert (len(server.requests), *counted.counts()) == (1, 1, 1, 2)


@pytest.mark.parametrize(
    ("settings", "second", "requests"),
    [
        ({}, (1, "/a.png"), 1),
        # another task: Label Studio may show it another image under the same reference
        ({}, (2, "/a.png"), 2),
        ({}, (1, "/b.png"), 2),
        ({"image_cache_bytes": 0}, (1, "/a.png"), 2),
        ({"image_cache_bytes": DRAWING.bgr.nbytes - 1}, (1, "/a.png"), 2),
        ({"image_cache_seconds": 1e-6}, (1, "/a.png"), 2),
    ],
)
def test_the_key_and_the_settings(
    server: ScriptedServer,
    picture: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    second: tuple[int, str],
    requests: int,
) -> None:
    counted = Counted(monkeypatch, **settings)
    counted.prompt(1, picture)
    counted.prompt(second[0], server.url + second[1])
    assert (len(server.requests), counted.decoded) == (requests, requests)


def test_an_image_that_was_missing_is_asked_for_again(
    server: ScriptedServer, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    server.on("GET", "/a.png", Answer(404), PNG)
    with pytest.raises(ImageError, match=r"answers HTTP 404: not found$"):
        counted.prompt(1, picture)
    assert counted.prompt(1, picture) == 134


@pytest.mark.parametrize("reference", [5, True, [["a"]], {"a": 1}])
def test_a_reference_that_is_no_text_is_refused_as_ever(reference: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"^the task's image is of type \w+, not an address$"):
        Counted(monkeypatch).prompt(1, reference)
