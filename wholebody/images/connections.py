"""HTTP connections that go to checked addresses only and end at a deadline: urllib3's, with a gate and a watch."""

import socket
import sys
import threading
from collections.abc import Hashable, Iterator
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from cachetools import LRUCache
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from wholebody.images.addresses import Gate
from wholebody.images.deadlines import current_deadline, within

PROXY_LOOK_UP_S = 2.0
MAX_SERVERS = 1024
"""Whose settings are remembered."""
MAX_NETLOC_CHARS = 500
"""A longer one is no server's, and must not be kept."""


class Session(requests.Session):
    """Sends what it is given and nothing else: no cookies, no password of a .netrc or of the address; once.

    A redirect is an answer like any other: who asked decides whether to go there.

    It asks the environment for proxies and certificates once for each server. requests asks anew for each request, and
    looks for cookies at each: a quarter of what a request costs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._remembered: LRUCache[Hashable, Any] = LRUCache(MAX_SERVERS)
        self._lock = threading.Lock()

    def prepare_request(self, request: requests.Request) -> PreparedRequest:
        """A request with this session's headers, ready to be sent; `auth` and `cookies` are not taken."""
        prepared = PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.prepare_url(request.url, request.params)
        prepared.prepare_headers({**self.headers, **request.headers})
        prepared.prepare_body(request.data, request.files, request.json)
        return prepared

    def resolve_redirects(self, *_: Any, **rest: Any) -> Iterator[Any]:
        """Nowhere. requests' own reads the body of a redirect to its end, however long it is, before it is asked to."""
        return iter(())

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Proxies, certificates and whether to stream, for a request to this address."""
        parts = urlsplit(url)
        if proxies or len(parts.netloc) > MAX_NETLOC_CHARS:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        key = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", stream, verify, cert
        with self._lock:
            found: Any = self._remembered.get(key)
            if found is None:
                found = super().merge_environment_settings(key[0], {}, stream, verify, cert)
                self._remembered[key] = found
        return found | {"proxies": found["proxies"].copy()}


class PatientRetry(Retry):
    """Waits before a repetition, but not past the deadline."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """What the server asks for, as far as there is time."""
        seconds = super().get_retry_after(response)
        return seconds and within(seconds)

    def get_backoff_time(self) -> float:
        """The next wait, as far as there is time."""
        seconds = super().get_backoff_time()
        return seconds and within(seconds)


class _Gated(HTTPConnection):
    """Resolves its host through the gate, and connects to what the gate returned: nobody resolves it again."""

    scheme: ClassVar[str] = "http"
    gate: ClassVar[Gate | None] = None

    def request(self, *args: Any, **rest: Any) -> None:
        """Send a request; the deadline holds for connections of earlier fetches as well."""
        within(0)  # no request is begun after the deadline
        deadline = current_deadline()
        if deadline and self.sock is not None:
            deadline.watch(self.sock)
        super().request(*args, **rest)

    def _new_conn(self) -> socket.socket:
        line = self._connect(self.gate) if self.gate else super()._new_conn()
        if deadline := current_deadline():
            deadline.watch(line)
        return line

    def _connect(self, gate: Gate) -> socket.socket:
        seconds = within(self.timeout if isinstance(self.timeout, (int, float)) else sys.maxsize)
        try:
            found = gate.resolve(self.scheme, self._dns_host, self.port, seconds)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        failure: OSError = OSError("it has no address")
        for family, kind, protocol, _, address in found:
            try:
                return self._connect_to(family, kind, protocol, address)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from failure
        raise NewConnectionError(self, f"Failed to establish a new connection: {failure}") from failure

    def _connect_to(self, family: int, kind: int, protocol: int, address: Any) -> socket.socket:
        line = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                line.setsockopt(*option)
            line.settimeout(within(self.timeout) if isinstance(self.timeout, (int, float)) else None)
            line.connect(address)
        except BaseException:
            line.close()
            raise
        sys.audit("http.client.connect", self, self.host, self.port)
        return line


class _GatedTls(_Gated, HTTPSConnection):
    scheme = "https"


def _pools(passed: Gate | None) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(_Gated):
        gate = passed

    class TlsConnection(_GatedTls):
        gate = passed

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {"http": Pool, "https": TlsPool}


class GatedAdapter(HTTPAdapter):
    """Sends what the gate lets through.

    Through a proxy of the environment it is the proxy that resolves and connects. What can be known here is
    checked here all the same: the host's name, and its addresses as far as they can be looked up.
    """

    def __init__(self, gate: Gate, pool_size: int, retry: Retry) -> None:
        self._gate = gate
        super().__init__(pool_maxsize=pool_size, max_retries=retry)

    def init_poolmanager(self, *args: Any, **rest: Any) -> None:
        """Pools whose connections pass the gate."""
        super().init_poolmanager(*args, **rest)
        self.poolmanager.pool_classes_by_scheme = _pools(self._gate)

    def proxy_manager_for(self, proxy: str, **rest: Any) -> Any:
        """Pools that end at the deadline; where the proxy is, the environment says."""
        manager = super().proxy_manager_for(proxy, **rest)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _pools(None)
        return manager

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Check each request before it gets a connection, kept ones included."""
        where, _ = self.build_connection_pool_key_attributes(request, verify, cert)
        scheme, host, port = where["scheme"], where["host"] or "", where["port"]
        self._gate.check_host(scheme, host, port)
        if select_proxy(str(request.url), proxies):
            with suppress(OSError):  # a name that the proxy alone knows
                self._gate.resolve(scheme, host, port, within(PROXY_LOOK_UP_S))
        return super().get_connection_with_tls_context(request, verify, proxies, cert)


class TimedAdapter(HTTPAdapter):
    """Sends wherever it is told, without repetitions, within the deadline."""

    def init_poolmanager(self, *args: Any, **rest: Any) -> None:
        """Pools whose connections end at the deadline."""
        super().init_poolmanager(*args, **rest)
        self.poolmanager.pool_classes_by_scheme = _pools(None)

    def proxy_manager_for(self, proxy: str, **rest: Any) -> Any:
        """Pools through a proxy, likewise."""
        manager = super().proxy_manager_for(proxy, **rest)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _pools(None)
        return manager
