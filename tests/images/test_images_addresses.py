"""Where images may be fetched from, with real sockets: what is closed is never even connected to."""

import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.http_server import Answer, ScriptedServer
from tests.images.test_images import LEGACY, PICTURE, PNG, load, refusal
from tests.raw_server import RawServer
from tests.tls import TlsServer, make_certificate
from wholebody.images.loader import ImageLoader
from wholebody.settings import load_settings

OK = Answer(body=PNG)
METADATA = "169.254.169.254"
ALWAYS = "a link-local, metadata or reserved address; images never come from those"
CLOSED = "a private address; IMAGE_PRIVATE_ADDRESSES=true lets images come from it"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that sockets were connected to."""
    addresses: list[str] = []
    connect = socket.socket.connect

    def spy(line: socket.socket, address: tuple[str, int]) -> None:
        addresses.append(address[0])
        assert address[0].startswith("127."), "no test goes further"
        connect(line, address)

    monkeypatch.setattr(socket.socket, "connect", spy)
    return addresses


class Resolver:
    """In place of `socket.getaddrinfo`: names have the addresses that a test gives them, each in turn."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.asked: list[str] = []
        self._answers = {name: itertools.chain(turns, itertools.repeat(turns[-1])) for name, turns in names.items()}
        self._real = socket.getaddrinfo

    def __call__(self, host: str, port: int, *rest: object, **options: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host not in self._answers:
            return self._real(host, port, *rest, **options)  # type: ignore[arg-type]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in next(self._answers[host])]


Naming = Callable[..., Resolver]


@pytest.fixture
def naming(monkeypatch: pytest.MonkeyPatch) -> Naming:
    def install(**names: list[list[str]]) -> Resolver:
        resolver = Resolver({name.replace("_", "."): turns for name, turns in names.items()})
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        return resolver

    return install


@pytest.mark.parametrize(
    "address",
    [
        f"http://{METADATA}/latest/meta-data/",
        "https://169.254.169.254/a",
        "http://2852039166/a",
        "http://0xA9FEA9FE/a",
        "http://0251.0376.0251.0376/a",
        "http://[::ffff:169.254.169.254]/a",
        "http://[fe80::1]/a",
        "http://[fe80::1%25lo]/a",
        "http://[fd00:ec2::254]/a",
        "http://[64:ff9b::a9fe:a9fe]/a",
        "http://100.100.100.200/a",
        "http://0.0.0.0:9090/a",
        "http://0/a",
        "http://[::]:9090/a",
        # as user name and password, and with what parsers disagree on
        f"http://127.0.0.1@{METADATA}/a",
        f"http://127.0.0.1:80@{METADATA}:80/a",
        f"http://{METADATA}\\@127.0.0.1/a",
        f"http://{METADATA}#@127.0.0.1/a",
        f"http://{METADATA}?@127.0.0.1/a",
        # a final dot, the dots and digits of other scripts
        f"http://{METADATA}./a",
        "http://169。254。169。254/a",
        "http://" + METADATA.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}) + "/a",
        # names that lead there
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://METADATA.google.internal:80/a",
    ],
)
def test_link_local_and_metadata_addresses_are_never_connected_to(
    server: ScriptedServer, connected: list[str], naming: Naming, address: str
) -> None:
    names = ("metadata.google.internal", "METADATA.google.internal", f"{METADATA}.")
    naming(**{name: [[METADATA]] for name in names})
    text = refusal(address)
    others = (": no such host", ": is not an address that can be fetched")
    assert text.endswith((f"is {ALWAYS}", *others))
    server.on("GET", "/hop", Answer(302, headers={"Location": address.encode().decode("latin-1")}))
    assert connected == []
    refusal(server.url + "/hop")
    assert set(connected) == {"127.0.0.1"}
    assert len(server.requests) == 1


def test_most_of_these_are_refused_for_what_they_are(connected: list[str]) -> None:
    url = f"http://me:{LEGACY}@{METADATA}/latest?x=1"
    assert refusal(url) == f"http://{METADATA}/latest?...: {METADATA} is {ALWAYS}"
    assert refusal("http://2852039166/a") == f"http://2852039166/a: 2852039166 ({METADATA}) is {ALWAYS}"
    assert connected == []


def test_each_redirect_is_checked_anew(
    server: ScriptedServer, other_server: ScriptedServer, connected: list[str], naming: Naming
) -> None:
    naming(inner_example=[[METADATA]])
    server.on("GET", "/data/a", Answer(303, headers={"Location": other_server.url + "/b"}))
    other_server.on("GET", "/b", Answer(302, headers={"Location": "http://inner.example/c"}))
    text = refusal("/data/a", server.url)
    assert text == f"/data/a: inner.example ({METADATA}) is {ALWAYS}"
    assert connected == ["127.0.0.1", "127.0.0.1"]


def test_a_name_is_resolved_once_and_connected_to_as_it_was_checked(
    server: ScriptedServer, connected: list[str], naming: Naming
) -> None:
    """DNS rebinding: the second answer is the attack."""
    resolver = naming(rebinding_example=[["127.0.0.1"], [METADATA]])
    server.on("GET", "/a", OK)
    assert np.array_equal(load(f"http://rebinding.example:{server.port}/a"), PICTURE)
    assert connected == ["127.0.0.1"]
    assert resolver.asked == ["rebinding.example"]
    assert server.requests[0].headers["Host"] == f"rebinding.example:{server.port}"


def test_a_name_that_leads_elsewhere_at_the_next_connection_is_checked_again(
    server: ScriptedServer, connected: list[str], naming: Naming
) -> None:
    naming(rebinding_example=[["127.0.0.1"], [METADATA]])
    here = f"http://rebinding.example:{server.port}"
    server.on("GET", "/a", Answer(302, headers={"Location": here + "/b", "Connection": "close"}, stop_after=0))
    assert refusal(here + "/a").endswith(f": rebinding.example ({METADATA}) is {ALWAYS}")
    assert connected == ["127.0.0.1"]


def test_a_repetition_resolves_and_checks_again(server: ScriptedServer, connected: list[str], naming: Naming) -> None:
    naming(rebinding_example=[["127.0.0.1"], [METADATA]])
    server.on("GET", "/a", Answer(reset=True))
    assert refusal(f"http://rebinding.example:{server.port}/a").endswith(f"is {ALWAYS}")
    assert connected == ["127.0.0.1"]


def test_connections_that_were_checked_are_kept(server: ScriptedServer, connected: list[str], naming: Naming) -> None:
    resolver = naming(pictures_example=[["127.0.0.1"]])
    server.on("GET", "/a", OK)
    loader = ImageLoader(load_settings())
    for _ in range(3):
        loader.load(f"http://pictures.example:{server.port}/a", 1)
    loader.close()
    assert (connected, resolver.asked) == (["127.0.0.1"], ["pictures.example"])


def test_the_next_address_is_tried_where_one_does_not_answer(
    server: ScriptedServer, connected: list[str], naming: Naming
) -> None:
    naming(pictures_example=[["127.0.0.9", "127.0.0.1"]])
    server.on("GET", "/a", OK)
    assert np.array_equal(load(f"http://pictures.example:{server.port}/a"), PICTURE)
    assert connected == ["127.0.0.9", "127.0.0.1"]


def test_private_addresses_can_be_closed_except_for_label_studio(
    server: ScriptedServer, other_server: ScriptedServer, connected: list[str]
) -> None:
    server.on("GET", "/data/a", OK)
    other_server.on("GET", "/a", OK)
    there = other_server.url + "/a"
    assert np.array_equal(load(there, server.url), PICTURE)
    del connected[:], other_server.requests[:]
    assert np.array_equal(load("/data/a", server.url, image_private_addresses=False), PICTURE)
    text = refusal(there, server.url, image_private_addresses=False)
    assert text == f"{there}: 127.0.0.1 is {CLOSED}"
    server.on("GET", "/data/b", Answer(302, headers={"Location": there}))
    text = refusal("/data/b", server.url, image_private_addresses=False)
    assert text == f"/data/b: 127.0.0.1 is {CLOSED}"
    assert connected == ["127.0.0.1"] * 2
    assert other_server.requests == []


def test_hosts_can_be_listed(
    server: ScriptedServer, other_server: ScriptedServer, connected: list[str], naming: Naming
) -> None:
    naming(a_pictures_example=[["127.0.0.1"]], evil_example=[["127.0.0.1"]])
    for one in (server, other_server):
        one.on("GET", "/data/a", OK)
    allowed = {"image_hosts": "*.pictures.example"}
    assert np.array_equal(load(f"http://a.pictures.example:{other_server.port}/data/a", **allowed), PICTURE)
    assert np.array_equal(load("/data/a", server.url, **allowed), PICTURE)
    there = f"http://evil.example:{other_server.port}/data/a"
    message = "evil.example is not among IMAGE_HOSTS; add it there if images may come from it"
    del connected[:]
    assert refusal(there, **allowed) == f"{there}: {message}"
    assert connected == []
    server.on("GET", "/data/b", Answer(303, headers={"Location": there}))
    assert refusal("/data/b", server.url, **allowed) == f"/data/b: {message}"
    assert len(other_server.requests) == 1


def test_label_studio_may_be_link_local_and_nothing_beside_it(connected: list[str]) -> None:
    with pytest.raises(AssertionError, match="no test goes further"):
        load("/data/a", f"http://{METADATA}:8080")
    assert connected == [METADATA]
    text = refusal(f"http://{METADATA}/a", f"http://{METADATA}:8080")
    assert text.endswith(f"is {ALWAYS}")
    assert connected == [METADATA]


@pytest.fixture
def proxied(other_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    monkeypatch.setenv("http_proxy", other_server.url)
    return other_server


def test_a_proxy_is_used_and_what_can_be_checked_here_is(
    server: ScriptedServer, proxied: ScriptedServer, connected: list[str], naming: Naming
) -> None:
    """Which addresses names lead to is the proxy's to say: it resolves them."""
    naming(inner_example=[[METADATA]])
    proxied.on("GET", "http://no-such-host.invalid/a", OK)
    assert np.array_equal(load("http://no-such-host.invalid/a"), PICTURE)
    assert refusal(f"http://{METADATA}/a").endswith(f"is {ALWAYS}")
    assert refusal("http://2852039166/a").endswith(f"is {ALWAYS}")
    assert refusal("http://inner.example/a").endswith(f"is {ALWAYS}")
    assert "is not among IMAGE_HOSTS" in refusal("http://no-such-host.invalid/a", image_hosts="other.example")
    assert len(proxied.requests) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.parent / "certificate.pem"))
    with TlsServer(certificate) as running:
        yield running


def test_tls_is_with_the_name_and_not_the_address(tls_server: TlsServer, naming: Naming) -> None:
    naming(pictures_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    tls_server.on("GET", "/a", OK)
    assert np.array_equal(load(f"https://pictures.example:{tls_server.port}/a"), PICTURE)
    assert tls_server.names == ["pictures.example"]
    assert tls_server.requests[0].headers["Host"] == f"pictures.example:{tls_server.port}"
    text = refusal(f"https://other.example:{tls_server.port}/a")
    assert text.endswith(": the TLS certificate is for another host; use a name that it is for")


def test_the_token_does_not_go_over_http_to_a_label_studio_that_has_https(
    tls_server: TlsServer, server: ScriptedServer
) -> None:
    tls_server.on("GET", "/data/a", OK, Answer(302, headers={"Location": server.localhost_url + "/data/b"}))
    server.on("GET", "/data/b", OK)
    assert np.array_equal(load("/data/a", tls_server.localhost_url), PICTURE)
    assert np.array_equal(load("/data/a", tls_server.localhost_url), PICTURE)
    assert [request.authorization for request in tls_server.requests] == [f"Token {LEGACY}"] * 2
    assert [request.authorization for request in server.requests] == [None]


def test_the_token_is_not_shown_to_who_listens_in_the_clear_at_the_port_of_https() -> None:
    heard: list[bytes] = []
    with RawServer(lambda line, _: heard.append(line.recv(4096))) as server:
        refusal(server.url + "/data/a", server.url.replace("http:", "https:"))
    assert heard[0].startswith(b"GET /data/a HTTP/1.1\r\n")
    assert LEGACY.encode() not in b"".join(heard)
