import json
import logging
import logging.config
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.http_server import Answer, ScriptedServer
from wholebody.process.logs import configure_logging, logging_config
from wholebody.process.request_ids import begin_request, current_request_id, end_request

LOGGER = "wholebody.images.loader"


@pytest.fixture(autouse=True)
def _as_before(logging_as_before: None) -> Iterator[None]:
    yield
    end_request()


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
        logging.getLogger(LOGGER).log(getattr(logging, name), "line")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" ", 2)[2] for line in err.splitlines()] == [
        f"{name} wholebody.images.loader: line" for name in shown
    ]


def test_the_http_library_logs_no_address(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    server.on("GET", "/a", Answer())
    requests.get(f"{server.url}/a?X-Amz-Signature=secret", timeout=5)
    assert capsys.readouterr().err == ""


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    logging.getLogger(LOGGER).warning("task %s:\nkätzchen %r", 7, "x\ny")
    (line,) = json_lines(capsys)
    assert {name: line[name] for name in ("level", "logger", "message")} == {
        "level": "WARNING",
        "logger": LOGGER,
        "message": "task 7:\nkätzchen 'x\\ny'",
    }
    assert line.keys() == {"time", "level", "logger", "message"}
    time = datetime.fromisoformat(str(line["time"]))
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=5)


def test_a_traceback_is_one_field(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    try:
        raise KeyError("ours")
    except KeyError:
        logging.getLogger("wholebody").exception("task 7: not predicted")
    (line,) = json_lines(capsys)
    assert line["message"] == "task 7: not predicted"
    assert str(line["exception"]).startswith("Traceback (most recent call last):\n")
    assert str(line["exception"]).endswith("KeyError: 'ours'")


def test_what_a_line_says_in_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    logging.getLogger("wholebody").info("predict 200", extra={"status": 200, "seconds": 0.25})
    (line,) = json_lines(capsys)
    assert (line["status"], line["seconds"]) == (200, 0.25)


def test_in_a_request_lines_have_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    log = logging.getLogger("wholebody")
    log.info("before")
    begin_request("abc")
    log.info("in it")
    end_request()
    log.info("after")
    before, inside, after = json_lines(capsys)
    assert inside["request_id"] == "abc"
    assert "request_id" not in before.keys() | after.keys()


def test_text_has_the_id_after_the_logger(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    begin_request("abc-1")
    logging.getLogger("wholebody.serving.server").warning("line")
    assert re.fullmatch(
        r"[\d-]{10} [\d:,]{12} WARNING wholebody.serving.server \[abc-1\]: line\n", capsys.readouterr().err
    )


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_threads_that_work_for_a_request_log_its_id(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", log_format)  # type: ignore[arg-type]
    begin_request("abc")
    with ThreadPoolExecutor(1) as threads:
        threads.submit(copy_context().run, logging.getLogger("wholebody").info, "for it").result()
        threads.submit(logging.getLogger("wholebody").info, "for nobody").result()
    for_it, for_nobody = capsys.readouterr().err.splitlines()
    assert "abc" in for_it
    assert "abc" not in for_nobody


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_gunicorn_logs_as_we_do(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = logging.getLogger("gunicorn.error")
    own.addHandler(logging.StreamHandler())  # as gunicorn has made it before it reads logconfig_dict
    own.propagate = False
    logging.config.dictConfig(logging_config("INFO", log_format))  # type: ignore[arg-type]
    own.info("Listening at: %s", "http://127.0.0.1:9090")
    own.debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    message = "Listening at: http://127.0.0.1:9090"
    if log_format == "json":
        assert json.loads(line)["message"] == message
    else:
        assert line.endswith(f" INFO gunicorn.error: {message}")


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64, "0af7651916cd43dd8448eb211c80319c"])
def test_a_sane_id_of_the_caller_is_kept(given: str) -> None:
    assert begin_request(given) == given == current_request_id()


@pytest.mark.parametrize(
    "given", [None, "", "x" * 65, "a b", "a\nINFO forged", "a\n", "ä", '"', "{}", "a/b", "a:b", "\x1b[31m"]
)
def test_any_other_is_replaced(given: str | None) -> None:
    made = begin_request(given)
    assert re.fullmatch(r"[0-9a-f]{16}", made)
    assert made == current_request_id() != begin_request(given)


def test_gunicorn_quotes_no_query(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    own = logging.getLogger("gunicorn.error")
    own.error("Error handling request %s %s", "GET", "/predict?token=s3cret")
    own.warning("Invalid request from ip=::1: Invalid HTTP Header: 'AUTHORIZATION S3CRET'")
    logging.getLogger("gunicorn.access").info("GET /predict?token=s3cret")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("Error handling request GET /predict")
    assert second.endswith("Invalid request from ip=::1")
