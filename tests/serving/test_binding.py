"""What is told to gunicorn to listen on, and what is said of a HOST that means nothing of the kind."""

import re
import socket

import pytest

from wholebody.errors import SettingsError
from wholebody.serving.binding import bind_address


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("::", "[::]"),
        ("[::]", "[::]"),
        ("::1", "[::1]"),
    ],
)
def test_addresses_of_this_machine(host: str, bound: str, port: int) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    assert bind_address(host, port) == f"{bound}:{port}"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("x86_64-conda-linux-gnu", "is no address that this machine knows; set HOST=0.0.0.0 (all addresses), HOST=127"),
        ("http://0.0.0.0", "is no address that this machine knows; set HOST="),
        ("a" * 300, "is no address that this machine knows; set HOST="),
        ("0.0.0.0:9090", "has a port; set HOST=0.0.0.0 and PORT=9090"),
        ("[::]:9090", "has a port; set HOST=:: and PORT=9090"),
        (":9090", "has a port; set HOST=0.0.0.0 and PORT=9090"),
        ("203.0.113.7", "cannot be listened on ("),
        ("[::", "is no address that this machine knows"),
    ],
)
def test_what_is_none(host: str, message: str, port: int) -> None:
    with pytest.raises(SettingsError, match=f"^HOST={re.escape(repr(host))}: {re.escape(message)}"):
        bind_address(host, port)


def test_port_that_only_others_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(SettingsError, match=r"^PORT=80: this user may not listen there; use a port from 1024 on$"):
        bind_address("0.0.0.0", 80)


def test_port_in_use_is_left_to_gunicorn() -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = used.getsockname()[1]
        assert bind_address("127.0.0.1", port) == f"127.0.0.1:{port}"
