"""Where Label Studio's token goes when images are fetched: to Label Studio, and nowhere else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.client.test_credential import PAT, REFRESH
from tests.http_server import Answer, Received, ScriptedServer
from tests.images.test_images import LEGACY, PICTURE, PNG
from wholebody.errors import ImageError
from wholebody.images.loader import ImageLoader
from wholebody.settings import load_settings

OK = Answer(body=PNG)
Loaders = Callable[..., ImageLoader]


@pytest.fixture
def loader_for() -> Iterator[Loaders]:
    made = []

    def make(url: str, token: str | None = LEGACY) -> ImageLoader:
        made.append(ImageLoader(load_settings(label_studio_url=url, label_studio_api_token=token)))
        return made[-1]

    yield make
    for loader in made:
        loader.close()


def redirect(url: str, status: int = 302) -> Answer:
    return Answer(status, headers={"Location": url})


def tokens(requests: list[Received]) -> list[str | None]:
    return [request.authorization for request in requests]


@pytest.mark.parametrize(
    "address",
    [
        # another port of the same host
        "http://127.0.0.1:{other}/a",
        # another name of the same host
        "http://localhost:{other}/a",
        "http://localhost:{ls}/a",
        # Label Studio's address as user name and password
        "http://127.0.0.1:{ls}@127.0.0.1:{other}/a",
        "http://127.0.0.1:{ls}@localhost:{other}/a",
        # an address that Python's and requests' parsers read differently
        "http://127.0.0.1:{other}\\@127.0.0.1:{ls}/a",
        "http://localhost:{other}\\@127.0.0.1:{ls}/a",
        # Label Studio's address in path, query and fragment
        "http://127.0.0.1:{other}/http://127.0.0.1:{ls}/a",
        "http://127.0.0.1:{other}/a?http://127.0.0.1:{ls}/a",
        "http://127.0.0.1:{other}/a#@127.0.0.1:{ls}/a",
    ],
)
def test_the_token_does_not_go_to_look_alikes(
    server: ScriptedServer, other_server: ScriptedServer, loader_for: Loaders, address: str
) -> None:
    for path in ("/a", f"/http://127.0.0.1:{server.port}/a", f"/%5C@127.0.0.1:{server.port}/a"):
        other_server.on("GET", path, OK)
    server.on("GET", "/a", OK)
    url = address.format(ls=server.port, other=other_server.port)
    assert np.array_equal(loader_for(server.url).load(url, 1).bgr, PICTURE)
    assert tokens(server.requests + other_server.requests) == [None]


@pytest.mark.parametrize("way_out", ["/other/a", "/ls/../other/a", "/ls/%2e%2e/other/a"])
def test_the_token_does_not_leave_the_sub_path(server: ScriptedServer, loader_for: Loaders, way_out: str) -> None:
    for path in ("/other/a", "/ls/../other/a", "/ls/%2e%2e/other/a"):
        server.on("GET", path, OK)
    assert np.array_equal(loader_for(server.url + "/ls").load(server.url + way_out, 1).bgr, PICTURE)
    assert tokens(server.requests) == [None]


def test_the_token_goes_to_label_studio_whoever_names_it(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("GET", "/data/upload/1/a", OK)
    url = f"http://me:secret@127.0.0.1:{server.port}/data/upload/1/a"
    assert np.array_equal(loader_for(server.url).load(url, 1).bgr, PICTURE)
    assert tokens(server.requests) == [f"Token {LEGACY}"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_away_and_back(
    server: ScriptedServer, other_server: ScriptedServer, loader_for: Loaders, status: int
) -> None:
    server.on("GET", "/data/a", redirect(other_server.url + "/b", status))
    other_server.on("GET", "/b", redirect("c", status))
    other_server.on("GET", "/c", redirect(server.url + "/d", status))
    server.on("GET", "/d", OK)
    assert np.array_equal(loader_for(server.url).load("/data/a", 1).bgr, PICTURE)
    assert tokens(server.requests) == [f"Token {LEGACY}"] * 2
    assert tokens(other_server.requests) == [None, None]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "is redirected to something that is not http(s)"),
        ("ftp://host/a", "is redirected to something that is not http(s)"),
        ("data:image/png;base64,AAAA", "is redirected to something that is not http(s)"),
        ("http://[::1/a", "is not an address that can be fetched"),
        ("/data/a", "is redirected more than 10 times"),
    ],
)
def test_redirects_that_are_not_followed(
    server: ScriptedServer, loader_for: Loaders, location: str, message: str
) -> None:
    server.on("GET", "/data/a", redirect(location))
    with pytest.raises(ImageError) as raised:
        loader_for(server.url).load("/data/a", 1)
    assert str(raised.value) == f"/data/a: {message}"


def test_a_redirect_without_a_place_to_go(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("GET", "/data/a", Answer(302))
    with pytest.raises(ImageError, match=rf"^/data/a: 127\.0\.0\.1:{server.port} answers HTTP 302$"):
        loader_for(server.url).load("/data/a", 1)


def needing(access: str) -> Callable[[Received], Answer]:
    return lambda request: OK if request.authorization == f"Bearer {access}" else Answer(401)


def test_a_personal_token_is_refreshed_once_for_many_images(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("POST", "/ls" + REFRESH, Answer(json={"access": "one"}))
    server.on("GET", "/ls/data/a", needing("one"))
    loader = loader_for(server.url + "/ls", PAT)
    for _ in range(3):
        assert np.array_equal(loader.load("/data/a", 1).bgr, PICTURE)
    assert [request.method for request in server.requests] == ["POST", "GET", "GET", "GET"]
    assert PAT not in str(tokens(server.requests))


def test_an_access_token_that_is_refused_is_renewed_once(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("POST", REFRESH, Answer(json={"access": "one"}), Answer(json={"access": "two"}))
    server.on("GET", "/data/a", needing("one"))
    loader = loader_for(server.url, PAT)
    loader.load("/data/a", 1)
    server.on("GET", "/data/a", needing("two"))
    assert np.array_equal(loader.load("/data/a", 1).bgr, PICTURE)
    assert tokens(server.asked("GET", "/data/a")) == ["Bearer one", "Bearer one", "Bearer two"]
    server.on("GET", "/data/a", needing("three"))
    with pytest.raises(ImageError, match=r"Label Studio does not accept the token; check LABEL_STUDIO_API_TOKEN$"):
        loader.load("/data/a", 1)
    assert len(server.asked("GET", "/data/a")) == 5


def test_a_401_from_elsewhere_renews_nothing(
    server: ScriptedServer, other_server: ScriptedServer, loader_for: Loaders
) -> None:
    other_server.on("GET", "/a", Answer(401, headers={"WWW-Authenticate": "Bearer"}))
    with pytest.raises(ImageError, match=r"answers HTTP 401: needs a credential this backend does not have$"):
        loader_for(server.url, PAT).load(other_server.url + "/a", 1)
    assert server.requests == []
    assert tokens(other_server.requests) == [None]


def test_a_personal_token_that_is_revoked_is_told(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("POST", REFRESH, Answer(401, json={"detail": "Token is blacklisted"}))
    message = r"^/data/a: Label Studio refuses the personal access token \(Token is blacklisted\); create a new one"
    with pytest.raises(ImageError, match=message) as raised:
        loader_for(server.url, PAT).load("/data/a", 1)
    assert PAT not in str(raised.value)


def test_a_legacy_token_that_is_refused_is_not_tried_again(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("GET", "/data/a", Answer(401))
    with pytest.raises(ImageError, match="Label Studio does not accept the token") as raised:
        loader_for(server.url).load("/data/a", 1)
    assert LEGACY not in str(raised.value)
    assert len(server.requests) == 1


def test_netrc_is_never_used(
    server: ScriptedServer,
    other_server: ScriptedServer,
    loader_for: Loaders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\nmachine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.on("GET", "/data/a", OK)
    other_server.on("GET", "/a", OK)
    server.on("POST", REFRESH, Answer(json={"access": "one"}))
    loader_for(server.url).load("/data/a", 1)
    loader_for(server.url, PAT).load("/data/a", 1)
    loader_for(server.url).load(other_server.url + "/a", 1)
    loader_for(server.url).load(other_server.localhost_url + "/a", 1)
    assert tokens(server.requests) == [f"Token {LEGACY}", None, "Bearer one"]
    assert tokens(other_server.requests) == [None, None]


def test_cookies_are_neither_kept_nor_sent(
    server: ScriptedServer, other_server: ScriptedServer, loader_for: Loaders
) -> None:
    cookie = {"Set-Cookie": "sessionid=secret; Path=/"}
    server.on("GET", "/data/a", Answer(body=PNG, headers=cookie))
    server.on("GET", "/data/b", Answer(302, headers={"Location": other_server.url + "/c", **cookie}))
    other_server.on("GET", "/c", Answer(body=PNG, headers=cookie))
    loader = loader_for(server.url)
    for reference in ("/data/a", "/data/a", "/data/b", "/data/b", other_server.url + "/c"):
        loader.load(reference, 1)
    received = server.requests + other_server.requests
    assert [request.headers.get("Cookie") for request in received] == [None] * 7
    assert len(loader._fetcher._session.cookies) == 0


def cookies(requests: list[Received]) -> list[str | None]:
    return [request.headers.get("Cookie") for request in requests]


def test_a_cookie_of_a_redirect_comes_along_to_its_own_host(
    server: ScriptedServer, other_server: ScriptedServer, loader_for: Loaders
) -> None:
    """As where a host wants to see whether cookies are kept, before it gives the picture."""
    setting = {"Set-Cookie": "seen=1; Path=/a"}
    other_server.on("GET", "/a", Answer(302, headers={"Location": "/a/picture", **setting}))
    other_server.on("GET", "/a/picture", lambda request: OK if request.headers.get("Cookie") else Answer(403))
    loader = loader_for(server.url)
    for _ in range(2):  # anew for each fetch
        assert np.array_equal(loader.load(other_server.url + "/a", 1).bgr, PICTURE)
    assert cookies(other_server.requests) == [None, "seen=1"] * 2


@pytest.mark.parametrize(
    "cookie",
    [
        "seen=1",
        # for others than itself
        "seen=1; Domain=localhost",
        "seen=1; Domain=0.0.1",
        # for another path, and for TLS alone
        "seen=1; Path=/other",
        "seen=1; Secure",
        "seen=1; Max-Age=0",
    ],
)
def test_a_cookie_goes_nowhere_else(
    server: ScriptedServer, other_server: ScriptedServer, loader_for: Loaders, cookie: str
) -> None:
    away = {"Location": other_server.localhost_url + "/b", "Set-Cookie": cookie}
    other_server.on("GET", "/a", Answer(302, headers=away))
    other_server.on("GET", "/b", Answer(302, headers={"Location": server.url + "/data/c"}))
    server.on("GET", "/data/c", Answer(302, headers={"Location": "/data/d", "Set-Cookie": "sessionid=secret; Path=/"}))
    server.on("GET", "/data/d", Answer(302, headers={"Location": f"http://127.0.0.1:{other_server.port}/e"}))
    other_server.on("GET", "/e", OK)
    assert np.array_equal(loader_for(server.url).load(other_server.url + "/a", 1).bgr, PICTURE)
    assert cookies(server.requests) == [None, None], "nor to Label Studio, which has the token"
    back = "seen=1" if cookie in ("seen=1", "seen=1; Domain=0.0.1") else None
    assert cookies(other_server.requests) == [None, None, back]


def test_without_a_token_none_is_sent(server: ScriptedServer, loader_for: Loaders) -> None:
    server.on("GET", "/data/a", OK, Answer(401))
    loader = loader_for(server.url, None)
    assert np.array_equal(loader.load("/data/a", 1).bgr, PICTURE)
    with pytest.raises(ImageError, match=r"Label Studio asks for a token; set LABEL_STUDIO_API_TOKEN$"):
        loader.load("/data/a", 1)
    assert tokens(server.requests) == [None, None]
