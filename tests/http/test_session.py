"""What a session remembers of the environment: the same settings as requests finds, asked for once a server."""

import weakref
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.http_server import Answer, ScriptedServer
from wholebody import __version__
from wholebody.http import session as session_module
from wholebody.http.session import PlainSession, Session

PROXY, OTHER_PROXY = "http://proxy.example:3128", "http://other-proxy.example:3128"

ADDRESSES = [
    "http://images.example/a?b=c",
    # a port that no_proxy names, and ones that it does not
    "http://images.example:8080/a",
    "http://images.example:8081/a",
    "http://user:password@images.example/a",
    "http://user:p%40ss@inside.example:9000/a",
    "http://inside.example/a",
    "http://deep.inside.example/a",
    "http://[::1]:8080/a",
    "http://[fd00::1]/a",
    "http://127.0.0.1:9/a",
    # a network of no_proxy, and outside it
    "http://10.1.2.3/a",
    "http://11.1.2.3/a",
    "https://images.example/a",
    "https://user:password@images.example:8080/a",
    "https://inside.example/a",
]

ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"http_proxy": PROXY},
    {"https_proxy": PROXY, "REQUESTS_CA_BUNDLE": "/etc/own.pem"},
    {"HTTPS_PROXY": PROXY, "http_proxy": OTHER_PROXY, "CURL_CA_BUNDLE": "/etc/curl.pem"},
    {
        "http_proxy": PROXY,
        "https_proxy": OTHER_PROXY,
        "no_proxy": "inside.example,images.example:8080,::1,127.0.0.1,10.0.0.0/8",
    },
    {"all_proxy": PROXY, "NO_PROXY": "*"},
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses for which requests has asked the environment."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    addresses: list[str] = []
    real = requests.sessions.get_environ_proxies

    def record(url: str, no_proxy: str | None = None) -> dict[str, str]:
        addresses.append(url)
        return real(url, no_proxy=no_proxy)

    monkeypatch.setattr(requests.sessions, "get_environ_proxies", record)
    return addresses


def settings_of(session: requests.Session, url: str, proxies: Any = None, verify: Any = None) -> dict[str, Any]:
    return session.merge_environment_settings(url, proxies or {}, True, verify, None)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: "+".join(environment) or "none")
def test_the_same_settings_as_without_a_memory(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session = Session()
    for verify in (None, False, True):
        for url in (*ADDRESSES, *reversed(ADDRESSES)):
            assert settings_of(session, url, verify=verify) == settings_of(requests.Session(), url, verify=verify), url


def test_the_environment_is_asked_once_a_server(
    asked: list[str], server: ScriptedServer, other_server: ScriptedServer
) -> None:
    with Session() as session:
        for one in (server, other_server, server):
            for number in range(5):
                one.on("GET", f"/{number}", Answer(body=b"x"))
                assert session.get(f"{one.url}/{number}", params={"a": number}, timeout=20).content == b"x"
    assert asked == [server.url, other_server.url]


def test_no_password_is_remembered(asked: list[str]) -> None:
    session = Session()
    for login in ("", "user:first@", "user:second@", "a%40b:third@"):
        settings_of(session, f"http://{login}images.example:8080/a")
    assert asked == ["http://images.example:8080"], "neither kept with a password nor apart by one"


def test_it_says_what_it_is(server: ScriptedServer) -> None:
    """Hosts such as Wikimedia's refuse the name of a library."""
    with Session() as session, PlainSession() as plain:
        session.get(server.url, timeout=20)
        plain.get(server.url, timeout=20)
    assert [one.headers["User-Agent"] for one in server.requests] == [f"label-studio-wholebody/{__version__}"] * 2


def test_given_proxies_go_around_the_memory(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    session, url = Session(), ADDRESSES[0]
    for given in ({"http": OTHER_PROXY}, {"https": OTHER_PROXY}, {"http": PROXY, "no_proxy": "images.example"}):
        expected = settings_of(requests.Session(), url, dict(given))
        assert settings_of(session, url, dict(given)) == expected
        assert settings_of(session, url)["proxies"] == {"http": PROXY}


def test_a_changed_answer_does_not_change_the_next(asked: list[str]) -> None:
    session = Session()
    before = settings_of(session, ADDRESSES[0])
    before["proxies"]["http"] = "http://changed.example"
    before["verify"] = False
    before.pop("proxies")
    assert settings_of(session, ADDRESSES[0]) == settings_of(requests.Session(), ADDRESSES[0])


def test_sessions_share_nothing(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Session(), Session()
    monkeypatch.setenv("http_proxy", PROXY)
    assert settings_of(first, ADDRESSES[0])["proxies"] == {"http": PROXY}
    monkeypatch.setenv("http_proxy", OTHER_PROXY)
    assert settings_of(second, ADDRESSES[0])["proxies"] == {"http": OTHER_PROXY}
    assert settings_of(first, ADDRESSES[0])["proxies"] == {"http": PROXY}


def test_so_many_servers_are_remembered_and_no_more(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "MAX_SERVERS", 2)
    session = Session()
    for host in ("a", "b", "a", "c", "b"):
        settings_of(session, f"http://{host}.example/")
    assert [url.removeprefix("http://")[0] for url in asked] == ["a", "b", "c", "b"]


def test_hosts_as_long_as_no_host_is_are_not_kept(asked: list[str]) -> None:
    session = Session()
    for _ in range(2):
        settings_of(session, f"http://{'a' * 1_000_000}.example/")
    assert len(asked) == 2
    assert session._remembered.currsize == 0


def test_a_session_that_nobody_needs_is_gone_at_once(asked: list[str]) -> None:
    session = Session()
    settings_of(session, ADDRESSES[0])
    gone = weakref.ref(session)
    del session
    assert gone() is None  # and its connections with it, not with the next look of the garbage collector


def test_a_request_is_what_it_was_given_and_nothing_else(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As requests sends it, but for cookies and for passwords of an address or a .netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.on("POST", "/a%20b", Answer(headers={"Set-Cookie": "sessionid=secret; Path=/"}))
    address = server.url.replace("//", "//me:secret@") + "/a b"
    given: dict[str, Any] = {"params": {"page": 1, "query": "a&b"}, "data": b"{}", "headers": {"Accept": "text/x"}}
    with Session() as session, requests.Session() as plain:
        plain.trust_env = False
        plain.headers["User-Agent"] = f"label-studio-wholebody/{__version__}"
        session.post(address, **given)
        session.post(address, **given)
        assert not session.cookies
        plain.post(server.url + "/a b", **given)
    first, second, expected = server.requests
    assert first.headers.items() == second.headers.items() == expected.headers.items()
    assert (first.path, first.query, first.body) == (expected.path, expected.query, expected.body)
    assert "page=1" in first.query


def test_a_redirect_is_an_answer_whose_body_is_left_unread(
    server: ScriptedServer, other_server: ScriptedServer
) -> None:
    elsewhere = {"Location": other_server.url + "/b", "Set-Cookie": "sessionid=secret; Path=/"}
    server.on("GET", "/a", Answer(302, body=bytes(10_000_000), headers=elsewhere))
    with Session() as session:
        answer = session.get(server.url + "/a", stream=True)  # as by default, where redirects are followed
        assert session.get_redirect_target(answer) == other_server.url + "/b"
        assert answer.raw.tell() == 0
        answer.close()
        assert (session.cookies, other_server.requests) == (requests.cookies.RequestsCookieJar(), [])
