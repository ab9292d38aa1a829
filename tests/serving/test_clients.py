"""Whether a client is still there, seen on real connections."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.process.test_turns import until
from wholebody.serving.clients import departure

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A client's end, and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            yield client, server


@pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
@pytest.mark.parametrize("timeout", [None, 60])
def test_who_closes_has_left(pair: Pair, key: str, timeout: float | None) -> None:
    client, server = pair
    server.settimeout(timeout)
    gone = departure({key: server})
    assert not gone()
    client.close()
    until(gone)


def test_who_breaks_off_has_left(pair: Pair) -> None:
    client, server = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()
    until(departure({"gunicorn.socket": server}))


def test_who_sends_the_next_request_is_there_and_nothing_of_it_is_taken(pair: Pair) -> None:
    client, server = pair
    client.sendall(b"GET /")
    assert not departure({"gunicorn.socket": server})()
    assert server.recv(100) == b"GET /"


def test_a_connection_closed_on_this_side_has_nobody(pair: Pair) -> None:
    pair[1].close()
    assert departure({"gunicorn.socket": pair[1]})()


@pytest.mark.parametrize("environ", [{}, {"gunicorn.socket": None}, {"gunicorn.socket": object()}])
def test_where_nothing_can_be_seen_all_stay(environ: dict[str, object]) -> None:
    assert not departure(environ)()


def test_an_encrypted_connection_is_not_looked_into(pair: Pair) -> None:
    client, server = pair
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with context.wrap_socket(server, server_side=True, do_handshake_on_connect=False) as wrapped:
        client.close()
        assert not departure({"gunicorn.socket": wrapped})()
