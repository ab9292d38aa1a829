"""Sends a case to the app and holds the answer against the description: what must be true of any answer at all."""

import ctypes
import gc
import logging
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import psutil
from flask import Flask
from werkzeug.test import TestResponse

from tests.fuzz import scale
from wholebody.serving.openapi import describe_api

CPU_LIMIT_S = 20.0
"""Of one case. A hang that takes no processor time meets pytest's time-out."""

CASE_LIMIT_BYTES = 500 << 20
"""Of one case, whose body has 15 MB at most; a body of nothing but brackets has the greatest share."""

KEPT_REQUESTS = 300
KEPT_BODY_BYTES = 100_000

WHOLE_CHECK_EVERY = 25
MEGABYTE = 1 << 20
LIBC = ctypes.CDLL(None)


class Log(logging.Filter):
    """Keeps what is logged as an error, a fault that was swallowed; drops all else, of which pytest would keep all."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        text.encode()  # as whatever writes it must
        if record.levelno >= logging.ERROR:
            self.errors.append(f"{text[:300]} {record.exc_info}")
        return False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """See what the backend's loggers are given."""
        names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("wholebody", "model")]
        for name in names:
            logging.getLogger(name).addFilter(self)
        yield
        for name in names:
            logging.getLogger(name).removeFilter(self)


class Memory:
    """The resident memory of this process: what is kept from case to case, and what one case takes."""

    def __init__(self) -> None:
        self.begin_bytes = self.trimmed()
        self.most_of_a_case_bytes = 0

    def trimmed(self) -> int:
        """What is in use: freed memory is given back first."""
        gc.collect()
        LIBC.malloc_trim(0)
        return int(psutil.Process().memory_info().rss)

    @contextmanager
    def of_a_case(self) -> Iterator[None]:
        """Measure what a case takes at most."""
        before = psutil.Process().memory_info().rss
        Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark back
        yield
        (mark,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        self.most_of_a_case_bytes = max(self.most_of_a_case_bytes, int(mark) * 1024 - before)

    def line(self) -> str:
        """For the summary; Hypothesis itself keeps some 40 kB of every case."""
        begin, most = self.begin_bytes // MEGABYTE, self.most_of_a_case_bytes // MEGABYTE
        return f"{begin} MB before all cases, {most} MB more taken by one case at most"


class Description:
    """Which answers the description allows."""

    def __init__(self) -> None:
        self.document = describe_api()
        self._validators: dict[tuple[str, str, int], Any] = {}

    def check(self, path: str, method: str, status: int, content_type: str, body: bytes) -> None:
        """Raise an AssertionError unless an answer is described."""
        operation = self.document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            assert status in (400, 404, 405) if path not in self.document["paths"] else status == 405, (path, status)
            return self._check_schema(("error", "", 0), self.document["components"]["schemas"]["Error"], body)
        response = operation["responses"].get(str(status))
        assert response is not None, f"{method} {path} answers {status}, which is not described: {body[:300]!r}"
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        (described,) = response["content"]
        assert content_type.partition(";")[0] == described
        if described == "application/json":
            self._check_schema((path, method, status), response["content"][described]["schema"], body)
        return None

    def _check_schema(self, key: tuple[str, str, int], schema: Any, body: bytes) -> None:
        if key not in self._validators:
            whole = {"allOf": [schema], "components": self.document["components"]}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        import orjson

        error = next(iter(self._validators[key].iter_errors(orjson.loads(body))), None)
        assert error is None, str(error)[:1000]


class Harness:
    """The app with its model, and what must hold after every case.

    Args:
        app: The app.
        request: A right request to /predict: what it is answered with at the begin is what it must be answered
            with ever after.
    """

    def __init__(self, app: Flask, request: dict[str, Any]) -> None:
        self.client = app.test_client()
        self.description = Description()
        self.log = Log()
        self.memory = Memory()
        self._request = request
        self._right = self._predict()
        self._since = 0
        self._rng = random.Random(0)
        self._seen = 0
        self.some: list[tuple[str, str, dict[str, Any]]] = []
        """Some of the requests sent, each as likely as any other."""

    def _keep(self, request: tuple[str, str, dict[str, Any]]) -> None:
        if len(request[2].get("data", b"")) > KEPT_BODY_BYTES:
            return
        self._seen += 1
        if len(self.some) < KEPT_REQUESTS:
            self.some.append(request)
        elif (place := self._rng.randrange(self._seen)) < KEPT_REQUESTS:
            self.some[place] = request

    def send(self, kind: str, method: str, path: str, **request: Any) -> TestResponse:
        """Send a case, and check the answer, the log, the time, and that the app still does its work."""
        scale.ran[kind] += 1
        self._keep((method, path, request))
        with self.case():
            response = self.client.open(path, method=method, **request)
            content = response.get_data()
        scale.answers[response.status_code] += 1
        if method not in ("HEAD", "OPTIONS"):
            self.description.check(path, method, response.status_code, response.content_type or "", content)
        assert response.status_code < 500, content[:300]
        line = response.status
        assert line.isprintable() and line.isascii() and len(line) <= 300, line
        self.check_that_it_works()
        return response

    @contextmanager
    def case(self) -> Iterator[None]:
        """Hold a case against `CPU_LIMIT_S` and `CASE_LIMIT_BYTES`."""
        begun = time.process_time()
        with self.memory.of_a_case():
            yield
        took = time.process_time() - begun
        assert took < CPU_LIMIT_S, f"took {took:.1f} s of processor time"
        assert self.memory.most_of_a_case_bytes < CASE_LIMIT_BYTES, self.memory.line()

    def check_that_it_works(self) -> None:
        """Nothing was logged as an error, and the next requests are answered rightly."""
        assert not self.log.errors, self.log.errors.pop()
        assert self.client.get("/health").status_code == 200
        self._since = (self._since + 1) % WHOLE_CHECK_EVERY
        if self._since == 0:
            assert self._predict() == self._right

    def _predict(self) -> list[Any]:
        """The answer to the right request, without the ids of regions, which are new each time."""
        answer = self.client.post("/predict", json=self._request)
        assert answer.status_code == 200
        (prediction,) = answer.json["results"]  # type: ignore[index]
        return [(region["type"], region["value"], region["score"]) for region in prediction["result"]]
