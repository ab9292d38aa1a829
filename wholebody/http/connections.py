"""Connections and waits that end at the deadline: urllib3's, with a watch, and requests' adapter on top of them."""

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from wholebody.http.bare_percents import restore_bare_percents
from wholebody.http.deadlines import current_deadline, within


class TimedConnection(HTTPConnection):
    """Ends at the deadline of the thread that uses it."""

    def request(self, method: str, url: str, *args: Any, **rest: Any) -> None:
        """Send a request; the deadline holds for connections of earlier ones as well."""
        within(0)  # no request is begun after the deadline
        deadline = current_deadline()
        if deadline and self.sock is not None:
            deadline.watch(self.sock)
        super().request(method, restore_bare_percents(url), *args, **rest)

    def open_socket(self) -> socket.socket:
        """Connect to the host."""
        return super()._new_conn()

    def _new_conn(self) -> socket.socket:
        line = self.open_socket()
        if deadline := current_deadline():
            deadline.watch(line)
        return line


class TimedTlsConnection(TimedConnection, HTTPSConnection):
    """The same with TLS."""


def pools(plain: type[TimedConnection], tls: type[TimedTlsConnection]) -> dict[str, type[HTTPConnectionPool]]:
    """Pools of such connections, for a pool manager of urllib3."""

    class Pool(HTTPConnectionPool):
        ConnectionCls = plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = tls

    return {"http": Pool, "https": TlsPool}


_TIMED = pools(TimedConnection, TimedTlsConnection)


class TimedAdapter(HTTPAdapter):
    """Sends wherever it is told, within the deadline, and unless told otherwise without repetitions."""

    def pool_classes(self) -> dict[str, type[HTTPConnectionPool]]:
        """The pools for servers; those for proxies are the timed ones in any case."""
        return _TIMED

    def init_poolmanager(self, *args: Any, **rest: Any) -> None:
        """Pools whose connections end at the deadline."""
        super().init_poolmanager(*args, **rest)
        self.poolmanager.pool_classes_by_scheme = self.pool_classes()

    def proxy_manager_for(self, proxy: str, **rest: Any) -> Any:
        """Pools through a proxy, likewise; where the proxy is, the environment says."""
        manager = super().proxy_manager_for(proxy, **rest)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _TIMED
        return manager


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
