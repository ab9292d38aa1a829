"""Bytes over real connections to a real gunicorn: malformed HTTP, large bodies, connections that stop half-way."""

import json
import random
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import requests

from tests.fuzz import heavy, scale
from tests.fuzz.conftest import lines
from tests.fuzz.harness import MEGABYTE, Description
from tests.fuzz.strategies import SPLICES, as_json
from tests.fuzz.test_predict import PEOPLE, REQUEST
from tests.fuzz.test_requests import HEADERS, HOSTS, METHODS, PATHS
from tests.gunicorn_server import GunicornServer

KIND = "sockets"
ANSWER_WITHIN_S = 100.0
AT_ONCE = 8
MAX_GROWTH_BYTES = AT_ONCE * 200 * MEGABYTE
"""Of the worker at any time: of 10 MB of nothing but brackets, Python makes ten times as much."""

LOOK_EVERY_S = 0.05

RAW = [
    b"",
    b"\r\n\r\n",
    b"\0" * 1000,
    b"GET",
    b"GET /health",
    b"GET /health HTTP/9.9\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /health HTTP/1.1\nHost: x\n\n",
    b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //predict HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET /health HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nstops here",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]
"""What is no HTTP, or not quite."""


class Served:
    """A running backend, its worker's memory, and what must hold after every case."""

    def __init__(self, server: GunicornServer) -> None:
        self.server = server
        self.description = Description()
        (self.pid,) = server.workers()
        self._worker = psutil.Process(self.pid)
        self.right = self._predicted()
        self.begin_bytes = self.peak_bytes = self._worker.memory_info().rss
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, self._worker.memory_info().rss)

    def end(self) -> None:
        self._ended.set()
        self._watcher.join()

    def _predicted(self) -> list[Any]:
        answer = self.server.predict([{"id": 1, "data": {"image": PEOPLE}}], REQUEST["label_config"])
        (prediction,) = answer.json()["results"]
        return [(region["type"], region["value"]) for region in prediction["result"]]

    def send(self, content: bytes, *, closes: bool = False) -> bytes:
        """Send bytes on a connection of their own; what comes back until it is closed or the answer is whole."""
        scale.ran[KIND] += 1
        received = b""
        with socket.create_connection(("127.0.0.1", self.server.port), ANSWER_WITHIN_S) as connection:
            try:
                connection.sendall(content)
                if not closes:
                    connection.shutdown(socket.SHUT_WR)
                    while piece := connection.recv(1 << 16):
                        received += piece
            except (ConnectionResetError, BrokenPipeError):
                pass  # it need not listen to the end
        if received:
            status = int(received.split(b" ", 2)[1])
            scale.answers[status] += 1
            assert status < 500 or status == 501, received[:300]
        return received

    def check(self) -> None:
        """It is the same process, works, and has not grown."""
        assert self._predicted() == self.right
        assert self.server.workers() == [self.pid]
        assert self.peak_bytes - self.begin_bytes < MAX_GROWTH_BYTES


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with GunicornServer("_wsgi:app", folder, IMAGE_TIMEOUT_SECONDS="1") as server:
        served = Served(server)
        yield served
        served.end()
        begin, peak = served.begin_bytes // MEGABYTE, served.peak_bytes // MEGABYTE
        lines.append(f"memory of gunicorn's worker: {begin} MB before, {peak} MB at most")
        log = server.log()
    assert " ERROR " not in log and "Traceback" not in log


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A request as it goes over a connection, right or not."""
    lines_of_it = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines_of_it).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body


def test_bytes_that_are_no_http(served: Served) -> None:
    for content in RAW:
        served.send(content)
        served.send(content, closes=True)
    served.check()


def test_requests_with_damaged_bytes(served: Served) -> None:
    """Drawn with a seed, which a failure shows."""
    seed = random.SystemRandom().randrange(1 << 32) if scale.FULL else 0
    rng = random.Random(seed)
    for _ in range(scale.share(KIND)):
        headers = {"Host": rng.choice(["x", *HOSTS]), "Content-Type": "application/json", "Connection": "close"}
        for name in rng.sample(sorted(HEADERS), rng.randrange(4)):
            headers[name] = rng.choice(HEADERS[name])
        body = as_json(REQUEST)
        if rng.random() < 0.8:
            headers.setdefault("Content-Length", str(len(body)))
        content = request_bytes(rng.choice(METHODS), rng.choice([*PATHS, "//predict", "//"]), headers, body)
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(content))
            content = content[:at] + rng.choice(SPLICES)[:2000] + content[at + rng.randrange(10) :]
        served.send(content, closes=rng.random() < 0.2)
    served.check()


@pytest.mark.parametrize("name", ["10 MB of text", "10 MB of lists", "10 MB of brackets", "a 10 MB data URI"])
def test_large_bodies(served: Served, name: str) -> None:
    body = heavy.predict_body(name, REQUEST, PEOPLE)
    scale.ran[KIND] += 2
    for sent in (body, iter([body[:5_000_000], body[5_000_000:]])):  # with a length, and in chunks
        answer = requests.post(served.server.url + "/predict", data=sent, timeout=ANSWER_WITHIN_S)
        scale.answers[answer.status_code] += 1
        content_type = answer.headers["Content-Type"]
        served.description.check("/predict", "POST", answer.status_code, content_type, answer.content)
    served.check()


@pytest.mark.thorough
def test_large_bodies_at_once(served: Served) -> None:
    body = heavy.predict_body("10 MB of lists", REQUEST, PEOPLE)
    statuses: list[int] = []

    def send() -> None:
        statuses.append(requests.post(served.server.url + "/predict", data=body, timeout=ANSWER_WITHIN_S).status_code)

    threads = [threading.Thread(target=send) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scale.ran[KIND] += len(threads)
    assert set(statuses) <= {400, 503} and len(statuses) == len(threads)
    served.check()


def test_a_body_over_the_limit_is_not_read_to_its_end(served: Served) -> None:
    headers = {"Host": "x", "Content-Length": str(300 << 20), "Connection": "close"}
    received = served.send(request_bytes("POST", "/predict", headers, b"x" * 1000))
    assert received.startswith(b"HTTP/1.1 413 ")
    assert list(json.loads(received.partition(b"\r\n\r\n")[2])) == ["error", "request_id"]


def test_chunks_that_are_none_are_the_callers_fault(served: Served) -> None:
    headers = {"Host": "x", "Connection": "close", "Transfer-Encoding": "chunked"}
    received = served.send(request_bytes("POST", "/predict", headers, b"zz\r\nhello\r\n0\r\n\r\n"))
    assert received.startswith(b"HTTP/1.1 400 the body cannot be read: it is sent in chunks that are broken\r\n")
