"""Several threads that wait for a Label Studio which is away: one at a time asks, and as often as a write would."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from wholebody.errors import ImageError, LabelStudioError, StoppedError, UnavailableError
from wholebody.label_studio.patience import Patience
from wholebody.process.stopping import Stop
from wholebody.settings import load_settings

AWAY = UnavailableError("connection refused")


class Server:
    """Fails so many times, or until it is `up`, and tells how many asked at the same time."""

    def __init__(self, failures: float = 0) -> None:
        self.asked, self.failures, self.up = 0, failures, True
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.asked += 1
            if self.asked <= self.failures or not self.up:
                raise AWAY
        return "an image"


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Patience, list[float]]]:
    def make(stop: Stop | None = None, **settings: object) -> tuple[Patience, list[float]]:
        waits: list[float] = []
        patience = Patience(load_settings(**settings), stop or Stop())
        retrying = patience._retrying
        monkeypatch.setattr(retrying, "sleep", waits.append)
        return patience, waits

    return make


@pytest.mark.parametrize(("failures", "waits"), [(0, 0), (1, 0), (2, 1), (4, 3)])
def test_it_is_asked_until_it_answers(
    waiting: Callable[..., tuple[Patience, list[float]]], failures: int, waits: int
) -> None:
    patience, waited = waiting()
    server = Server(failures)
    assert patience.repeated(server) == "an image"
    assert len(waited) == waits
    assert waited == sorted(waited), "ever longer"


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_no_more_often_than_the_settings_say(
    waiting: Callable[..., tuple[Patience, list[float]]], retries: int
) -> None:
    patience, waited = waiting(max_retries=retries)
    with pytest.raises(UnavailableError, match="connection refused"):
        patience.repeated(Server(failures=99))
    assert len(waited) == retries


def test_as_long_as_label_studio_asks_for(waiting: Callable[..., tuple[Patience, list[float]]]) -> None:
    patience, waited = waiting(max_retries=1)

    def busy() -> str:
        raise UnavailableError("HTTP 503", 30.0)

    with pytest.raises(UnavailableError):
        patience.repeated(busy)
    assert waited == [30.0]


@pytest.mark.parametrize("error", [ImageError("not found"), LabelStudioError("HTTP 400")])
def test_what_is_final_is_not_repeated(error: Exception) -> None:
    asked = []

    def refuse() -> None:
        asked.append(1)
        raise error

    with pytest.raises(type(error)):
        Patience(load_settings(), Stop()).repeated(refuse)
    assert len(asked) == 1


def test_of_several_one_asks_again_and_the_others_wait_for_it() -> None:
    """Six threads that each repeat for themselves would fail together, and be counted as a server that is gone."""
    patience, server = Patience(load_settings(max_retries=20, max_backoff_delay=0), Stop()), Server()
    server.up = False
    inside: list[int] = []
    most: list[int] = []
    first = threading.Barrier(6)

    def ask() -> str:
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            first.wait()  # all of them fail once, before any repeats
            raise AWAY
        inside.append(1)
        most.append(len(inside))
        if len(most) == 5:
            server.up = True
        try:
            return server()
        finally:
            inside.pop()

    seen: set[int] = set()
    with ThreadPoolExecutor(6) as pool:
        answers = [future.result() for future in [pool.submit(patience.repeated, ask) for _ in range(6)]]
    assert answers == ["an image"] * 6
    assert max(most) == 1
    assert len(most) == 10, "four more failures of the first, then one question of each"


@pytest.mark.parametrize("end", ["stop", "close"])
def test_nobody_waits_any_more(end: str) -> None:
    stop = Stop()
    patience = Patience(load_settings(max_retries=100, max_backoff_delay=3600), stop)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(patience.repeated, Server(failures=1000)) for _ in range(3)]
        time.sleep(0.05)
        stop.set() if end == "stop" else patience.close()
        wait(waiting, timeout=30)
        for one in waiting:
            assert one.done()
            with pytest.raises(StoppedError):
                one.result()
