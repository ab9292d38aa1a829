"""Where the cookies of an answer go: back to the host that set them."""

import pytest

from tests.http_server import Answer, ScriptedServer
from wholebody.http.cookies import Cookies
from wholebody.http.session import Session


@pytest.mark.parametrize("attributes", ["", "; Domain=localhost", "; Domain=.localhost"])
def test_they_go_to_their_host_and_not_below_it(server: ScriptedServer, attributes: str) -> None:
    server.on("GET", "/", Answer(headers={"Set-Cookie": f"seen=1{attributes}"}))
    cookies = Cookies()
    with Session() as session:
        cookies.take(session.get(server.localhost_url, timeout=20))
    asked = ("localhost", "localhost:99", "sub.localhost", "xlocalhost", "other.example", "127.0.0.1", "local")
    told = [host for host in asked if cookies.headers_for(f"http://{host}/a")]
    assert told in ([], ["localhost", "localhost:99"])
    assert attributes or told


def test_they_are_told_as_they_were_set(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(headers={"Set-Cookie": "a=x y; Path=/a; HttpOnly"}))
    cookies = Cookies()
    with Session() as session:
        cookies.take(session.get(server.url + "/a", timeout=20))
    assert cookies.headers_for(server.url + "/a/b") == {"Cookie": "a=x y"}
    assert cookies.headers_for(server.url + "/b") == {}
    assert Cookies().headers_for(server.url + "/a") == {}
