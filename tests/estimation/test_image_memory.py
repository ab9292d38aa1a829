"""All images of a process share IMAGE_MEMORY_BYTES: decoded, looked at and kept. Who finds too little waits."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import cv2
import pytest

from tests.http_server import Answer, ScriptedServer
from tests.test_annotator import ONE_IMAGE, THREE_IMAGES, task
from wholebody.annotator import Annotator
from wholebody.errors import DeadlineError, ImageError, PromptError, StoppedError
from wholebody.estimation.image_source import KeptImages
from wholebody.estimation.seen_images import ImageCache
from wholebody.figures.drawing import draw_figures
from wholebody.images.loader import ImageLoader
from wholebody.images.pixels import Picture
from wholebody.process.calls import Call
from wholebody.process.memory_budget import MemoryBudget
from wholebody.serving.openings import Openings
from wholebody.serving.task_pool import TaskPool
from wholebody.settings import load_settings

PIXELS = draw_figures(1, seed=1, size_wh=(640, 480)).bgr
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()
DECODING = len(PNG) + 640 * 480 * 7
HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def _cores(pretend_cores: Callable[[int], None]) -> None:
    pretend_cores(2)


@pytest.fixture
def addresses(server: ScriptedServer) -> list[str]:
    for number in range(8):
        server.on("GET", f"/{number}.png", Answer(body=PNG))
    return [f"{server.url}/{number}.png" for number in range(8)]


def open_annotator(*, bulk: bool, **settings: Any) -> tuple[Annotator, MemoryBudget]:
    one = Annotator(load_settings(mode="figures", **settings), bulk=bulk)
    return one, one._images._loader.memory  # type: ignore[attr-defined]


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize("room", [1.0, 1.5, 3.0])
def test_many_at_once_are_all_done_with_memory_for_a_few(addresses: list[str], bulk: bool, room: float) -> None:
    total = int(DECODING * room)
    one, memory = open_annotator(bulk=bulk, image_memory_bytes=total)
    most, real = [0], memory.take

    def take(*given: Any) -> Any:
        share = real(*given)
        most.append(memory._taken_bytes)
        return share

    memory.take = take  # type: ignore[method-assign]
    with ThreadPoolExecutor(8) as threads:
        tasks = [task(number, address) for number, address in enumerate(addresses)]
        results = list(threads.map(lambda each: one.annotate(each, ONE_IMAGE)["result"], tasks))
    assert all(results)
    assert max(most) <= total
    if bulk:
        assert memory.free_bytes == total
    else:
        assert memory.free_bytes == total - sum(seen.bgr.nbytes for seen in one._images._cache._kept.values())  # type: ignore[attr-defined]


@pytest.mark.parametrize("bulk", [True, False])
def test_a_task_with_several_images_needs_memory_for_one_at_a_time(addresses: list[str], bulk: bool) -> None:
    one, _ = open_annotator(bulk=bulk, image_memory_bytes=DECODING)
    with Call(deadline=time.monotonic() + 60).current():
        assert one.annotate({"id": 1, "data": dict(zip("abc", addresses, strict=False))}, THREE_IMAGES)["result"]


def test_images_that_are_kept_make_room(addresses: list[str], server: ScriptedServer) -> None:
    one, memory = open_annotator(bulk=False, image_memory_bytes=DECODING + PIXELS.nbytes)
    one.annotate(task(1, addresses[0]), ONE_IMAGE)
    one.annotate(task(1, addresses[0]), ONE_IMAGE)
    assert len(server.requests) == 1, "kept, as long as nobody needs the room"
    assert memory.free_bytes == DECODING
    one.annotate(task(2, addresses[1]), ONE_IMAGE)
    assert memory.free_bytes == DECODING - PIXELS.nbytes, "both are kept"
    one.annotate(task(3, addresses[2]), ONE_IMAGE)
    one.annotate(task(1, addresses[0]), ONE_IMAGE)
    assert len(server.requests) == 4, "the oldest made room"


def test_an_image_that_could_never_fit_is_refused_and_the_next_is_done(addresses: list[str]) -> None:
    one, memory = open_annotator(bulk=False, image_memory_bytes=640 * 480 * 4)
    with pytest.raises(
        ImageError, match=r"1\.png: is 640 x 480 and takes \d+ bytes .* over the limit of 1228800; raise"
    ):
        one.annotate(task(1, addresses[1]), ONE_IMAGE)
    assert memory.free_bytes == 640 * 480 * 4


def test_a_call_does_not_wait_for_memory_beyond_its_deadline(addresses: list[str]) -> None:
    one, memory = open_annotator(bulk=False, image_memory_bytes=DECODING)
    share = memory.take(DECODING)
    with (
        Call(deadline=time.monotonic() + 0.1).current(),
        pytest.raises(DeadlineError, match="did not come free in time"),
    ):
        one.annotate(task(1, addresses[0]), ONE_IMAGE)
    share.release()
    assert one.annotate(task(1, addresses[0]), ONE_IMAGE)["result"]


def test_bulk_work_that_waits_for_memory_ends_when_it_is_closed(addresses: list[str]) -> None:
    one, memory = open_annotator(bulk=True, image_memory_bytes=DECODING)
    memory.take(DECODING)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(one.annotate, task(1, addresses[0]), ONE_IMAGE)
        limit = time.monotonic() + 10
        while not memory._waiting:
            assert time.monotonic() < limit
            time.sleep(0.005)
        one.close()
        with pytest.raises(StoppedError):
            future.result(10)


def test_who_waits_for_an_image_tries_itself_when_the_time_of_the_first_is_over() -> None:
    """That says nothing of the image, and who came later has more time."""
    cache, loading, given_up = ImageCache(1 << 20, HOUR_S), threading.Event(), threading.Event()
    picture = Picture.whole(PIXELS)

    def first() -> Picture:
        loading.set()
        given_up.wait(10)
        raise DeadlineError("late")

    with ThreadPoolExecutor(2) as threads:
        early = threads.submit(cache.get, "a", first)
        loading.wait(10)
        late = threads.submit(cache.get, "a", lambda: picture)
        while cache._loading["a"].others == 0:
            time.sleep(0.005)
        given_up.set()
        assert isinstance(early.exception(10), DeadlineError)
        assert late.result(10).bgr is PIXELS


def test_an_image_counts_until_nobody_looks_at_it_and_it_is_not_kept(addresses: list[str]) -> None:
    loader = ImageLoader(load_settings())
    cache, total = ImageCache(PIXELS.nbytes + 10_000, HOUR_S), loader.memory.free_bytes
    source = KeptImages(loader, cache)
    with source.open(addresses[0], 1) as first, source.open(addresses[0], 1) as again:
        assert first is again
        assert total - loader.memory.free_bytes == PIXELS.nbytes
    assert total - loader.memory.free_bytes == PIXELS.nbytes, "kept"
    with source.open(addresses[0], 1):
        with source.open(addresses[1], 1):
            assert total - loader.memory.free_bytes == 2 * PIXELS.nbytes, "the first is not kept any more, but in use"
        assert total - loader.memory.free_bytes == 2 * PIXELS.nbytes
    assert total - loader.memory.free_bytes == PIXELS.nbytes
    assert cache.drop_oldest()
    assert not cache.drop_oldest()
    assert loader.memory.free_bytes == total


def test_what_was_kept_long_enough_counts_no_more(addresses: list[str]) -> None:
    loader = ImageLoader(load_settings())
    source = KeptImages(loader, ImageCache(1 << 30, 1e-6))
    for number in range(2):
        with source.open(addresses[number], 1):
            pass
    assert loader.memory.total_bytes - loader.memory.free_bytes == PIXELS.nbytes, "the first was found to be too old"


@pytest.mark.parametrize("answer", [Answer(body=PNG), Answer(body=PNG[:-60]), Answer(404), Answer(body=b"")])
@pytest.mark.parametrize("bulk", [True, False])
def test_a_file_counts_until_it_is_decoded_or_not(server: ScriptedServer, answer: Answer, bulk: bool) -> None:
    server.on("GET", "/a.png", answer)
    one, memory = open_annotator(bulk=bulk, image_cache_bytes=0)
    counted, real = [], memory._count
    memory._count = lambda size_bytes: (counted.append(size_bytes), real(size_bytes))[1]  # type: ignore[method-assign]
    with suppress(ImageError):
        one.annotate(task(1, f"{server.url}/a.png"), ONE_IMAGE)
    assert memory.free_bytes == memory.total_bytes
    if answer.body and answer.status == 200:
        assert max(counted) == len(answer.body), "all of it at once, before it is read"


class Looked:
    """An image's stand-in that can be seen to be gone, and the error that meets it."""

    def __init__(self) -> None:
        self.gone: list[weakref.ref[Any]] = []

    def __call__(self) -> Any:
        pixels = PIXELS.copy()
        self.gone.append(weakref.ref(pixels))
        raise PromptError(f"nobody among {len(pixels)}")


@pytest.fixture
def _no_collector() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_an_error_does_not_keep_the_image_that_it_came_from() -> None:
    """Errors that held themselves would hold the pixels, uncounted, until Python looks for such circles."""
    looked, openings, pool, cache = Looked(), Openings(lambda _: True), TaskPool(1), ImageCache(1, HOUR_S)
    for call in (
        lambda: openings.predict({"id": 1}, b"", looked),
        lambda: pool.run(Call(), [looked]),
        lambda: cache.get("a", looked),
    ):
        with pytest.raises(PromptError):
            call()
    # A thread of the pool lets go of what it did when it has something else to do.
    pool.run(Call(), [lambda: None])
    assert [reference() is None for reference in looked.gone] == [True] * 3
