"""A download that is cut off, goes on, begins anew or gives up."""

import logging
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from requests import Response

from tests.file_host import hosting
from tests.http_server import Answer, ScriptedServer
from wholebody.errors import ModelError
from wholebody.estimation import downloads
from wholebody.estimation.downloads import TRIES_WITHOUT_GAIN, download, shown

CONTENT = bytes(range(256)) * 4096  # 1 MiB
OTHER = CONTENT[::-1]
CUT = 300_000


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSE_S", 0.0)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "pose.onnx.part"


def ranges(server: ScriptedServer) -> list[str | None]:
    return [request.headers.get("Range") for request in server.requests]


def test_a_cut_off_download_goes_on_where_it_was(server: ScriptedServer, part: Path) -> None:
    server.on("GET", "/pose.onnx", hosting(CONTENT, cut_after=CUT))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_a_later_start_goes_on_where_an_earlier_one_ended(server: ScriptedServer, part: Path) -> None:
    server.then(hosting(CONTENT, cut_after=CUT), Answer(404))
    url = f"{server.url}/pose.onnx"
    with pytest.raises(ModelError, match=r"^HTTP 404$"):
        download(url, part)
    server.on("GET", "/pose.onnx", hosting(CONTENT))
    download(url, part)
    assert part.read_bytes() == CONTENT
    assert ranges(server)[-1] == "bytes=300000-"


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(server: ScriptedServer, part: Path) -> None:
    server.on("GET", "/pose.onnx", hosting(OTHER, cut_after=CUT), hosting(CONTENT, etag='"second"'))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT
    assert server.requests[1].headers["If-Range"] == '"first"'


def test_a_second_cut_of_a_changed_file_goes_on_with_its_own_etag(server: ScriptedServer, part: Path) -> None:
    new = {"etag": '"second"'}
    server.on("GET", "/pose.onnx", hosting(OTHER, cut_after=CUT), hosting(CONTENT, cut_after=CUT, **new))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT
    assert [request.headers.get("If-Range") for request in server.requests[1:3]] == ['"first"', '"second"']


@pytest.mark.parametrize(
    ("etag", "ranges_understood"),
    [('"first"', False), ("", True), ('W/"first"', True)],
    ids=["Range is ignored", "no ETag", "a weak ETag"],
)
def test_where_it_cannot_go_on_it_begins_anew(
    server: ScriptedServer, part: Path, etag: str, ranges_understood: bool
) -> None:
    cut = hosting(OTHER, etag=etag, ranges=ranges_understood, cut_after=CUT)
    server.on("GET", "/pose.onnx", cut, hosting(CONTENT, etag=etag, ranges=ranges_understood))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "answer",
    [
        Answer(206, body=CONTENT[100:], headers={"Content-Range": f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}"}),
        Answer(206, body=CONTENT[CUT:]),
        Answer(416, headers={"Content-Range": f"bytes */{len(CONTENT)}"}),
    ],
    ids=["another range", "no Content-Range", "416"],
)
def test_an_answer_with_another_range_is_not_put_behind_what_is_there(
    server: ScriptedServer, part: Path, answer: Answer
) -> None:
    server.on("GET", "/pose.onnx", hosting(CONTENT, cut_after=CUT), answer, hosting(CONTENT))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=300000-", None]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(body=b"short", headers={"Content-Length": "9"}, stop_after=5), r"^connection dropped$"),
        (Answer(503), r"^HTTP 503$"),
        (Answer(429), r"^HTTP 429$"),
        (Answer(reset=True), r"^connection dropped$"),
    ],
)
def test_it_gives_up_after_some_tries_that_gain_nothing(
    server: ScriptedServer, part: Path, answer: Answer, message: str
) -> None:
    server.on("GET", "/pose.onnx", answer)
    with pytest.raises(ModelError, match=message):
        download(f"{server.url}/pose.onnx", part)
    assert TRIES_WITHOUT_GAIN <= len(server.requests) <= TRIES_WITHOUT_GAIN + 1


def test_a_host_that_sends_less_than_the_rest_is_asked_on(server: ScriptedServer, part: Path) -> None:
    slice_headers = {"Content-Range": f"bytes {CUT}-{2 * CUT - 1}/{len(CONTENT)}"}
    sliced = Answer(206, body=CONTENT[CUT : 2 * CUT], headers=slice_headers)
    server.on("GET", "/pose.onnx", hosting(CONTENT, cut_after=CUT), sliced, hosting(CONTENT))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=300000-", "bytes=600000-"]


def test_a_server_that_stalls_is_left(server: ScriptedServer, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(downloads, "TRIES_WITHOUT_GAIN", 1)
    server.on("GET", "/pose.onnx", Answer(body=CONTENT, piece_bytes=CUT, pause_s=600))
    with pytest.raises(ModelError, match=r"^timed out$"):
        download(f"{server.url}/pose.onnx", part)
    assert part.stat().st_size == CUT


@pytest.mark.parametrize("status", [204, 401, 403, 404, 410])
def test_a_refusal_is_not_asked_again(server: ScriptedServer, part: Path, status: int) -> None:
    server.on("GET", "/pose.onnx", Answer(status))
    with pytest.raises(ModelError, match=rf"^HTTP {status}$"):
        download(f"{server.url}/pose.onnx", part)
    assert len(server.requests) == 1


def test_nobody_there(part: Path) -> None:
    with pytest.raises(ModelError, match=r"^connection refused$"):
        download("http://127.0.0.1:9/pose.onnx", part)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(body=CONTENT, headers={"Content-Encoding": "br"}), r"^it is sent as br$"),
        (Answer(headers={"Content-Length": str(3 << 30)}), r"^it has 3221225472 bytes, over the limit of 2147483648$"),
        (Answer(302, headers={"Location": "file:///etc/passwd"}), r"^it redirects to something that is not http\(s\)$"),
        (Answer(302, headers={"Location": "/pose.onnx"}), r"^it redirects in circles$"),
    ],
)
def test_answers_that_are_not_taken(server: ScriptedServer, part: Path, answer: Answer, message: str) -> None:
    server.on("GET", "/pose.onnx", answer)
    with pytest.raises(ModelError, match=message):
        download(f"{server.url}/pose.onnx", part)
    assert not part.exists() or not part.read_bytes()


def test_a_body_whose_length_nobody_states_is_not_taken(part: Path) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf a fi")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ModelError, match=r"^the answer has no Content-Length, so a whole file cannot be told"):
            download(f"http://127.0.0.1:{listening.getsockname()[1]}/pose.onnx", part)
        thread.join()


def test_a_redirect_is_followed(server: ScriptedServer, other_server: ScriptedServer, part: Path) -> None:
    server.on("GET", "/pose.onnx", Answer(302, headers={"Location": f"{other_server.url}/store/1?signature=2"}))
    other_server.on("GET", "/store/1", hosting(CONTENT, cut_after=CUT), hosting(CONTENT))
    download(f"{server.url}/pose.onnx", part)
    assert part.read_bytes() == CONTENT
    assert ranges(other_server) == [None, "bytes=300000-"]


def test_no_more_is_written_than_the_limit(server: ScriptedServer, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", CUT)
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [CONTENT[:CUT], CONTENT[CUT:]]) + b"0\r\n\r\n"
    endless = {"Transfer-Encoding": "chunked"}
    server.on("GET", "/pose.onnx", Answer(body=chunked, headers=endless))
    with pytest.raises(ModelError, match=r"^it has over 300000 bytes$"):
        download(f"{server.url}/pose.onnx", part)
    assert part.stat().st_size <= CUT


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown("https://me:secret@host/a/pose.zip?key=secret#secret") == "https://host/a/pose.zip"


def test_elsewhere_than_on_a_terminal_progress_is_a_line_in_the_log(
    server: ScriptedServer,
    part: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(downloads, "LOG_EVERY_S", 0.0)
    caplog.set_level(logging.INFO)
    server.on("GET", "/pose.onnx", hosting(CONTENT))
    download(f"{server.url}/pose.onnx", part)
    assert caplog.messages[-1] == "pose.onnx.part: 1 of 1 MB"
    assert capfd.readouterr().err == ""


def test_on_a_terminal_progress_is_a_bar(server: ScriptedServer, part: Path) -> None:
    server.on("GET", "/pose.onnx", hosting(CONTENT))
    program = (
        "import sys, pathlib, wholebody.estimation.downloads as d; d.download(sys.argv[1], pathlib.Path(sys.argv[2]))"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-c", program, f"{server.url}/pose.onnx", str(part)]
    subprocess.run(command, stderr=theirs, check=True, timeout=100)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert b"pose.onnx.part: 100%" in seen
    assert b"1.00M/1.00M" in seen


def test_what_was_asked_for_by_https_is_not_taken_by_http() -> None:
    hops = [Response(), Response()]
    hops[0].url, hops[1].url = "https://host/pose.onnx", "http://host/pose.onnx"
    hops[1].history, hops[1].status_code = hops[:1], 200
    with pytest.raises(ModelError, match=r"^it redirects from https to http$"):
        downloads._check(hops[1])
