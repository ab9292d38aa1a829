"""One time limit for all of a fetch: names, connections, TLS, headers, repetitions, redirects, bodies."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.client.test_credential import PAT, REFRESH
from tests.http_server import Answer, ScriptedServer
from tests.images.test_images import PICTURE, PNG, refusal
from tests.raw_server import RawServer, drip
from wholebody.images.loader import ImageLoader
from wholebody.settings import load_settings

OPEN_FILES = Path("/proc/self/fd")
LIMIT_S = 0.6
GENEROUS_S = 8.0
"""What a fetch may take here on a machine with much else to do; each of these servers would take a minute or more."""

HEADERS = b"HTTP/1.1 200 OK\r\nX-Filling: " + b"x" * 5000


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < GENEROUS_S


def late(url: str, **settings: object) -> None:
    text = refusal(url, image_timeout_seconds=LIMIT_S, **settings)
    assert text.endswith(f": timed out (IMAGE_TIMEOUT_SECONDS={LIMIT_S})")


def ask(line: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += line.recv(4096)


def dripping_headers(line: socket.socket, ended: threading.Event) -> None:
    ask(line)
    drip(line, HEADERS, ended)


def test_headers_that_drip() -> None:
    with RawServer(dripping_headers) as server:
        late(server.url + "/a")


def test_headers_that_drip_on_a_connection_that_was_kept() -> None:
    def behave(line: socket.socket, ended: threading.Event) -> None:
        ask(line)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PNG) + PNG)
        dripping_headers(line, ended)

    with RawServer(behave) as server:
        loader = ImageLoader(load_settings(image_timeout_seconds=LIMIT_S))
        assert np.array_equal(loader.load(server.url + "/a", 1).bgr, PICTURE)
        with pytest.raises(Exception, match=r"timed out \(IMAGE_TIMEOUT_SECONDS=0\.6\)$"):
            loader.load(server.url + "/a", 1)
        loader.close()
        assert server.connections == 1


def test_a_tls_handshake_that_drips() -> None:
    def behave(line: socket.socket, ended: threading.Event) -> None:
        line.recv(4096)
        drip(line, b"\x16\x03\x03\x40\x00" + b"\x02" * 16384, ended)  # the beginning of a long record

    with RawServer(behave) as server:
        late(server.url.replace("http:", "https:") + "/a")


def test_bodies_without_a_length_that_are_cut_are_not_taken_for_whole() -> None:
    def behave(line: socket.socket, ended: threading.Event) -> None:
        ask(line)
        line.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        drip(line, PNG, ended, pause_s=0.2)

    with RawServer(behave) as server:
        late(server.url + "/a")


def test_interim_answers_without_end() -> None:
    def behave(line: socket.socket, ended: threading.Event) -> None:
        ask(line)
        while not ended.wait(0.01):
            line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    with RawServer(behave) as server:
        late(server.url + "/a")


@pytest.mark.parametrize("headers", [{"Retry-After": "3"}, {}], ids=["as the server asks", "by itself"])
def test_no_wait_before_a_repetition_is_past_the_limit(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: waits.append(seconds) or threading.Event().wait(seconds))
    server.on("GET", "/a", Answer(503, headers=headers))
    refusal(server.url + "/a", image_timeout_seconds=0.2)
    assert waits
    assert max(waits) <= 0.2


def test_a_server_that_is_slowly_never_ready(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(503, delay_s=LIMIT_S / 2.5))  # three times is too often, each is in time
    late(server.url + "/a")


def test_redirects_without_end_that_take_their_time(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(302, headers={"Location": "/a"}, delay_s=LIMIT_S / 4))
    late(server.url + "/a")


def test_names_that_are_not_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(60) and [])
    late("http://slow.example/a")
    answered.set()


def test_a_token_that_is_not_renewed(server: ScriptedServer) -> None:
    server.on("POST", REFRESH, Answer(json={"access": "one"}, delay_s=30))
    loader = ImageLoader(
        load_settings(label_studio_url=server.url, label_studio_api_token=PAT, image_timeout_seconds=LIMIT_S)
    )
    with pytest.raises(Exception, match=r"timed out \(IMAGE_TIMEOUT_SECONDS=0\.6\)$"):
        loader.load("/data/a", 1)
    loader.close()


def test_a_proxy_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(dripping_headers) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        late("http://127.0.0.1:9/a")


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="open files are counted in Linux's /proc")
def test_fetches_leave_neither_files_nor_threads_behind(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(body=PNG))
    loader = ImageLoader(load_settings())
    loader.load(server.url + "/a", 1)
    before = len(list(OPEN_FILES.iterdir()))
    for _ in range(20):
        loader.load(server.url + "/a", 1)
    assert len(list(OPEN_FILES.iterdir())) <= before
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(GENEROUS_S / 2)  # not the 20 s that it would wait
            assert not thread.is_alive()
    loader.close()
