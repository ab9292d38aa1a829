"""Servers that fail, stall, lie or send too much: one line that says which, what, and the cure."""

import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.http_server import Answer, ScriptedServer
from tests.images.test_images import PICTURE, PNG, SECRET, load, refusal
from wholebody.images.fetching import open_session
from wholebody.settings import load_settings

OK = Answer(body=PNG)
LABEL_STUDIO = "/data/upload/1/a.png"


@pytest.mark.parametrize(
    ("status", "at_label_studio", "elsewhere"),
    [
        (
            401,
            ": Label Studio does not accept the token; check LABEL_STUDIO_API_TOKEN",
            ": needs a credential this backend does not have",
        ),
        (
            403,
            ": Label Studio denies access; for local files it must run with LOCAL_FILES_SERVING_ENABLED=true",
            ": access denied",
        ),
        (
            404,
            ": Label Studio does not serve it; is it inside a storage of a project that the token's user may see?",
            ": not found",
        ),
        (
            424,
            ": Label Studio cannot read the storage that it is in; check the storage's credentials and bucket there",
            "",
        ),
        (500, ": Label Studio failed; it answers so for an upload that it does not know", ""),
        (410, "", ""),
        (204, "", ""),
        (206, "", ""),
    ],
)
def test_what_a_status_means(
    server: ScriptedServer, other_server: ScriptedServer, status: int, at_label_studio: str, elsewhere: str
) -> None:
    for one in (server, other_server):
        one.on("GET", LABEL_STUDIO, Answer(status))
    here, there = f"127.0.0.1:{server.port}", f"127.0.0.1:{other_server.port}"
    expected = f"{LABEL_STUDIO}: {here} answers HTTP {status}{at_label_studio}"
    assert refusal(LABEL_STUDIO, server.url) == expected
    url = f"{other_server.url}{LABEL_STUDIO}?X-Amz-Signature={SECRET}"
    perhaps = f"; if that is Label Studio, set LABEL_STUDIO_PUBLIC_URL={other_server.url}"
    expected = f"{other_server.url}{LABEL_STUDIO}?...: {there} answers HTTP {status}{elsewhere}{perhaps}"
    assert refusal(url, server.url) == expected
    other_server.on("GET", "/a.png", Answer(status))
    expected = f"{other_server.url}/a.png: {there} answers HTTP {status}{elsewhere}"
    assert refusal(f"{other_server.url}/a.png", server.url) == expected


def test_an_old_label_studio_says_nothing_of_an_unsigned_storage(server: ScriptedServer) -> None:
    server.on("GET", "/tasks/7/presign/", Answer(500))
    assert refusal("s3://bucket/k", server.url) == (
        f"s3://bucket/k: 127.0.0.1:{server.port} answers HTTP 500: up to 1.17, Label Studio hands out cloud images by "
        "signed addresses alone; switch on pre-signed URLs in the storage's settings, or upgrade"
    )


def test_a_look_alike_gets_no_label_studio_advice(server: ScriptedServer) -> None:
    """`http://127.0.0.1:80801/` begins as `http://127.0.0.1:8080` does."""
    server.on("GET", "/data/a", Answer(404))
    shorter = server.url[:-1]
    assert refusal(server.url + "/data/a", shorter).endswith("answers HTTP 404: not found")


@pytest.mark.parametrize("status", [201, 202, 203])
def test_an_image_that_comes_with_another_status_of_success(server: ScriptedServer, status: int) -> None:
    server.on("GET", "/a", Answer(status, body=PNG))
    assert np.array_equal(load(server.url + "/a"), PICTURE)


def test_an_upload_that_label_studio_does_not_have_is_asked_for_once(server: ScriptedServer) -> None:
    server.on("GET", LABEL_STUDIO, Answer(500))
    assert refusal(LABEL_STUDIO, server.url).endswith("it answers so for an upload that it does not know")
    assert len(server.requests) == 1


def test_label_studio_has_another_address(server: ScriptedServer, other_server: ScriptedServer) -> None:
    """As where a proxy redirects http to https: the token is not sent along."""
    moved = other_server.url + LABEL_STUDIO
    server.on("GET", LABEL_STUDIO, Answer(301, headers={"Location": moved}))
    other_server.on("GET", LABEL_STUDIO, Answer(401))
    told = f"{server.url} redirects there; set LABEL_STUDIO_URL={other_server.url}"
    assert refusal(LABEL_STUDIO, server.url).endswith(f"answers HTTP 401: {told}")
    assert other_server.requests[0].authorization is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_fails_for_now_is_repeated(server: ScriptedServer, status: int) -> None:
    server.on("GET", "/a", Answer(status, headers={"Retry-After": "0"}), Answer(status), OK)
    assert np.array_equal(load(server.url + "/a"), PICTURE)
    assert len(server.requests) == 3


def test_what_fails_for_good_is_told_with_its_status(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(503, headers={"Retry-After": "0"}))
    assert refusal(server.url + "/a").endswith(" answers HTTP 503")
    assert len(server.requests) == 3


def test_a_reset_connection_is_tried_again(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(reset=True), OK)
    assert np.array_equal(load(server.url + "/a"), PICTURE)


@pytest.mark.parametrize(
    "path",
    [
        # words in the address must not be taken for those of an error
        "/tasks/7/resolve/refused/timed-out",
        "/a",
    ],
)
def test_a_connection_that_is_dropped_is_told(server: ScriptedServer, path: str) -> None:
    server.on("GET", path, Answer(reset=True))
    url = server.url + path
    assert refusal(f"{url}?sig={SECRET}") == f"{url}?...: 127.0.0.1:{server.port}: connection dropped"


@pytest.mark.parametrize("stop_after", [0, 1, 50])
def test_a_body_that_breaks_off_is_told(server: ScriptedServer, stop_after: int) -> None:
    server.on("GET", "/a", Answer(body=PNG, stop_after=stop_after))
    assert refusal(server.url + "/a").endswith(f": 127.0.0.1:{server.port}: connection dropped")


def test_a_chunked_body_that_breaks_off_is_told(server: ScriptedServer) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    server.on(
        "GET", "/a", Answer(body=b"20\r\n" + PNG[:32] + b"\r\n20\r\n" + PNG[32:40], headers=chunked, stop_after=90)
    )
    assert refusal(server.url + "/a").endswith(": connection dropped")


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_nobody_listens(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}/tasks/7/resolve/"
    assert refusal(f"http://me:{SECRET}@127.0.0.1:{closed_port}/tasks/7/resolve/?fileuri={SECRET}") == (
        f"{url}?...: 127.0.0.1:{closed_port}: connection refused"
    )
    assert refusal("s3://bucket/k", f"http://127.0.0.1:{closed_port}").endswith(": connection refused")


def test_there_is_no_such_host() -> None:
    assert refusal("http://no-such-host.invalid/a", image_timeout_seconds=2).endswith(
        ": no-such-host.invalid: no such host"
    )


def test_a_server_that_does_not_answer(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(delay_s=30))
    begun = time.monotonic()
    text = refusal(server.url + "/a", image_timeout_seconds=0.4)
    assert text == f"{server.url}/a: 127.0.0.1:{server.port}: timed out (IMAGE_TIMEOUT_SECONDS=0.4)"
    assert time.monotonic() - begun < 10
    assert len(server.requests) == 2


def test_a_body_that_stalls(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(body=PNG, piece_bytes=40, pause_s=30))
    begun = time.monotonic()
    assert refusal(server.url + "/a", image_timeout_seconds=0.4).endswith(": timed out (IMAGE_TIMEOUT_SECONDS=0.4)")
    assert time.monotonic() - begun < 10


def test_redirects_share_one_time_limit(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(302, headers={"Location": "/a"}, delay_s=0.15))
    assert refusal(server.url + "/a", image_timeout_seconds=0.5).endswith(": timed out (IMAGE_TIMEOUT_SECONDS=0.5)")
    assert len(server.requests) < 7


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}], ids=["length", "chunked"])
def test_the_limit_in_bytes(server: ScriptedServer, headers: dict[str, str]) -> None:
    body = b"%x\r\n" % len(PNG) + PNG + b"\r\n0\r\n\r\n" if headers else PNG
    server.on("GET", "/a", Answer(body=body, headers=headers))
    assert np.array_equal(load(server.url + "/a", image_max_bytes=len(PNG)), PICTURE)
    text = refusal(server.url + "/a", image_max_bytes=len(PNG) - 1)
    assert text == f"{server.url}/a: is over the limit of {len(PNG) - 1} bytes; raise IMAGE_MAX_BYTES or scale it"


def test_of_a_body_without_end_no_more_than_the_limit_is_read(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(body=bytes(2_000_000), piece_bytes=50_000, pause_s=0.3))
    begun = time.monotonic()
    assert "is over the limit of 100000 bytes" in refusal(server.url + "/a", image_max_bytes=100_000)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is an empty file"),
        (b"<!DOCTYPE html><title>Log in</title>", "{host} sends a web page (a login?), not an image"),
        (b"\xef\xbb\xbf<!doctype html>", "{host} sends a web page (a login?), not an image"),
        (b"\n  <html lang=en>", "{host} sends a web page (a login?), not an image"),
        (b'{"detail": "no"}', "not an image of a known format (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, PPM)"),
        (PNG[:-60], "damaged or cut off: "),
    ],
)
def test_a_body_that_is_no_image(server: ScriptedServer, body: bytes, message: str) -> None:
    server.on("GET", LABEL_STUDIO, Answer(body=body))
    text = refusal(LABEL_STUDIO, server.url)
    assert text.startswith(f"{LABEL_STUDIO}: {message.format(host=f'127.0.0.1:{server.port}')}")


def test_the_limit_in_memory(server: ScriptedServer) -> None:
    server.on("GET", "/a", OK)
    text = refusal(server.url + "/a", image_memory_bytes=53)
    assert f": is 9 x 6 and takes {len(PNG) + 9 * 6 * 4 + 11} bytes of memory to decode, over the limit of 53; " in text


def test_the_reason_is_without_the_reference(server: ScriptedServer) -> None:
    from wholebody.errors import ImageError

    server.on("GET", "/a", Answer(body=b""))
    with pytest.raises(ImageError, match=r"/a: is an empty file$") as raised:
        load(server.url + "/a")
    assert raised.value.reason == "is an empty file"


def test_posts_are_not_repeated(server: ScriptedServer) -> None:
    server.on("POST", "/a", Answer(503), OK)
    with open_session(load_settings()) as session:
        assert session.post(server.url + "/a", timeout=5).status_code == 503
