import logging
from collections.abc import Iterator

import pytest
import requests

from tests.http_server import Answer, ScriptedServer
from wholebody.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, urllib3 = logging.getLogger(), logging.getLogger("urllib3")
    handlers, levels = root.handlers[:], (root.level, urllib3.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    urllib3.setLevel(levels[1])


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("INFO", ["INFO", "WARNING", "ERROR"]),
        ("WARNING", ["WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_what_is_logged_at_a_level(level: str, shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level)
    for name in ("DEBUG", "INFO", "WARNING", "ERROR"):
        logging.getLogger("wholebody.images").log(getattr(logging, name), "line")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" ", 2)[2] for line in err.splitlines()] == [f"{name} wholebody.images: line" for name in shown]


def test_the_http_library_logs_no_address(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    server.on("GET", "/a", Answer())
    requests.get(f"{server.url}/a?X-Amz-Signature=secret", timeout=5)
    assert capsys.readouterr().err == ""
