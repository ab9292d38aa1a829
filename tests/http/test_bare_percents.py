"""What a server is asked for, where an address has percent signs that begin no escape; as Chromium 156 asks."""

import pytest

from tests.http_server import Answer, ScriptedServer
from wholebody.http.bare_percents import mark_bare_percents
from wholebody.http.session import Session


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/a%20b/100%.jpg", "/a%20b/100%.jpg"),
        ("/100%.jpg", "/100%.jpg"),
        ("/a%20b.jpg?x=1%&y=%zz%2F", "/a%20b.jpg?x=1%&y=%zz%2F"),
        ("?d=50%", "/?d=50%"),
        ("/%", "/%"),
        ("/%%20%4", "/%%20%4"),
        ("/é 5%.jpg", "/%C3%A9%205%.jpg"),
        # what is escaped stays so
        ("/a%25b%2520.jpg", "/a%25b%2520.jpg"),
        ("/a%20b.jpg#100%", "/a%20b.jpg"),
    ],
)
def test_what_is_asked_for(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, target: str, asked: str) -> None:
    server.on("GET", asked.partition("?")[0], Answer(body=b"x"))
    with Session() as session:
        assert session.get(server.url + target, timeout=20).content == b"x"
    monkeypatch.setenv("http_proxy", server.url)
    server.on("GET", f"http://images.example{asked.partition('?')[0]}", Answer(body=b"x"))
    with Session() as session:
        assert session.get("http://images.example" + target, timeout=20).content == b"x"
    got = [request.path + (request.query and f"?{request.query}") for request in server.requests]
    assert got == [asked, f"http://images.example{asked}"]


@pytest.mark.parametrize("url", ["http://a%/b", "http://a%zz:80", "http://[fe80::1%lo]/", "http://me:50%@host/"])
def test_a_host_is_left_alone(url: str) -> None:
    assert mark_bare_percents(url) == url
