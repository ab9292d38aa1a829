"""The words for failures, with real sockets, TLS and proxies; from the clients of Label Studio and of images."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.http_server import Answer, ScriptedServer
from tests.raw_server import Behaviour, RawServer
from tests.tls import TlsServer, make_certificate
from wholebody.checks.api import ask_openly
from wholebody.errors import ImageError, LabelStudioError, UnavailableError
from wholebody.http.failures import describe_transport
from wholebody.http.session import Session
from wholebody.images.fetching import Fetcher
from wholebody.label_studio.client import LabelStudioClient
from wholebody.process.memory_budget import Share
from wholebody.process.stopping import Stop
from wholebody.settings import Settings, load_settings

SECRET = "s3cr3t"
BUNDLE = "REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE)"
TRUST = "the TLS certificate is not trusted; set REQUESTS_CA_BUNDLE to a file that has the certificate of its authority"
OTHER_HOST = "the TLS certificate is for another host; use a name that it is for"
NO_SOCKS = "SOCKS is not supported; name an HTTP proxy, or put the host into NO_PROXY"
CURE = "correct it, or put the host into NO_PROXY"
LOGIN = "asks for a user name and a password; give them in it, as http://user:password@host:port"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def words_for(url: str) -> str:
    """What is said of a GET that fails."""
    with Session() as session, pytest.raises(requests.RequestException) as raised:
        session.get(url, timeout=5)
    words = describe_transport(raised.value, url)
    assert SECRET not in words
    return words


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    def make(name: str, **options: str) -> Path:
        return make_certificate(tmp_path_factory.mktemp(name), **options)

    return {
        "good": make("good"),
        "expired": make("expired", end="20200201000000Z"),
        "early": make("early", start="20900101000000Z"),
        "other": make("other", names="DNS:other.example"),
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired", "the TLS certificate has expired; that server needs a new one"),
        ("early", "the TLS certificate is not valid yet; is the clock right, here and there?"),
        ("other", OTHER_HOST),
    ],
)
def test_certificates_of_a_trusted_authority(
    certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates[name].parent / "certificate.pem"))
    with TlsServer(certificates[name]) as server:
        assert words_for(server.url) == words  # by its IP address
        assert words_for(server.localhost_url) == words  # by a name


def test_a_certificate_of_an_unknown_authority(certificates: dict[str, Path]) -> None:
    with TlsServer(certificates["good"]) as server:
        assert words_for(server.url) == TRUST


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_certificates_that_is_none(
    certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    with TlsServer(certificates["good"]) as server:
        monkeypatch.setenv(variable, str(tmp_path / "nowhere.pem"))
        assert words_for(server.url) == f"{BUNDLE} names a file that is not there"
        junk = tmp_path / "junk.pem"
        junk.write_text("junk")
        monkeypatch.setenv(variable, str(junk))
        assert words_for(server.url) == f"{BUNDLE} names a file without certificates"


def sending(content: bytes) -> Behaviour:
    def behave(line: socket.socket, ended: threading.Event) -> None:
        line.recv(4096)
        line.sendall(content)

    return behave


def test_tls_where_there_is_none(server: ScriptedServer) -> None:
    assert words_for(server.url.replace("http:", "https:")) == "does not speak TLS; use http://"


def test_tls_that_is_refused() -> None:
    with RawServer(sending(b"\x15\x03\x01\x00\x02\x02\x28")) as server:
        words = words_for(server.url.replace("http:", "https:"))
    assert words.startswith("the TLS handshake failed (")
    assert "handshake failure" in words


def test_a_server_of_something_else() -> None:
    with RawServer(sending(b"\x00SSH-2.0-hello\r\n")) as server:
        assert words_for(server.url) == "does not answer in HTTP; is its address one of https://?"


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "http_proxy"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS4"])
def test_a_socks_proxy(monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str) -> None:
    monkeypatch.setenv(variable, f"{scheme}://me:{SECRET}@127.0.0.1:9")
    assert words_for("http://images.example/a") == f"the proxy {variable.upper()}={scheme}://127.0.0.1:9: {NO_SOCKS}"


def test_a_socks_proxy_that_a_host_is_exempt_from(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Session() as session:
        assert session.get(server.url, timeout=5).status_code == 404


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("proxy", "shown", "words"),
    [
        (f"http://me:{SECRET}@127.0.0.1:9", "http://127.0.0.1:9", "connection refused"),
        ("http://no-such-host.invalid:3128", "http://no-such-host.invalid:3128", "no such host"),
        ("http://:3128", "http://:3128", "is no address such as http://proxy.example:3128"),
        ("ftp://proxy:1", "ftp://proxy:1", "is no address such as http://proxy.example:3128"),
        ("http://[::1", "http://[::1", "is no address such as http://proxy.example:3128"),
    ],
)
def test_a_proxy_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str, shown: str, words: str
) -> None:
    for variable in ("http_proxy", "https_proxy"):  # both alike, as is usual: the right one is named
        monkeypatch.setenv(variable, proxy)
    assert words_for(f"{scheme}://images.example/a") == f"the proxy {scheme.upper()}_PROXY={shown}: {words}; {CURE}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with RawServer(sending(answer)) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        words = words_for(f"{scheme}://images.example/a")
        assert words == f"the proxy {scheme.upper()}_PROXY={proxy.url}: {LOGIN}"


def test_a_proxy_that_makes_no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(sending(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        words = f"the proxy HTTPS_PROXY={proxy.url}: answers HTTP 403 where it is asked for a connection; {CURE}"
        assert words_for("https://images.example/a") == words


def test_a_proxy_without_tls(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = server.url.replace("http:", "https:")
    monkeypatch.setenv("http_proxy", proxy)
    assert words_for("http://images.example/a") == f"the proxy HTTP_PROXY={proxy}: does not speak TLS; use http://"


def test_a_407_without_a_proxy_is_an_answer(server: ScriptedServer) -> None:
    server.on("GET", "/", Answer(407))
    with Session() as session:
        assert session.get(server.url, timeout=5).status_code == 407


def by_the_prefill(settings: Settings) -> str:
    with pytest.raises(UnavailableError) as raised:
        LabelStudioClient(settings, Stop()).project(1)
    return str(raised.value)


def by_the_doctor(settings: Settings) -> str:
    with pytest.raises(LabelStudioError) as raised:
        ask_openly(str(settings.label_studio_url), "/api/version/")
    return str(raised.value)


def by_the_backend(settings: Settings) -> str:
    with pytest.raises(ImageError) as raised:
        Fetcher(settings).fetch(f"{settings.label_studio_url}/data/a", Share())
    return str(raised.value)


@pytest.mark.parametrize("ask", [by_the_prefill, by_the_doctor, by_the_backend])
@pytest.mark.parametrize("token", ["0123456789abcdef", "e30.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.x"])
def test_everybody_says_it(
    server: ScriptedServer,
    certificates: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Settings], str],
    token: str,
) -> None:
    def settings_for(url: str) -> Settings:
        return load_settings(label_studio_url=url, label_studio_api_token=token, max_retries=0)

    assert ask(settings_for(server.url.replace("http:", "https:"))).endswith(": does not speak TLS; use http://")
    with TlsServer(certificates["good"]) as tls:
        assert ask(settings_for(tls.url)).endswith(f": {TRUST}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        assert ask(settings_for(tls.url)).endswith(f": {BUNDLE} names a file that is not there")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert ask(settings_for(server.url)).endswith(f": the proxy ALL_PROXY=socks5://127.0.0.1:9: {NO_SOCKS}")
