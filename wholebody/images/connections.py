"""Connections that go to checked addresses only: each resolves its host through the gate."""

import socket
import sys
from contextlib import suppress
from typing import Any, ClassVar

from requests import PreparedRequest
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import Retry

from wholebody.http.connections import TimedAdapter, TimedConnection, TimedTlsConnection, pools
from wholebody.http.deadlines import within
from wholebody.images.addresses import Gate

PROXY_LOOK_UP_S = 2.0


class _Gated(TimedConnection):
    """Resolves its host through the gate, and connects to what the gate returned: nobody resolves it again."""

    scheme: ClassVar[str] = "http"
    gate: ClassVar[Gate]

    def open_socket(self) -> socket.socket:
        """Connect to an address of the host, all of which the gate has let through."""
        seconds = within(self.timeout if isinstance(self.timeout, (int, float)) else sys.maxsize)
        try:
            found = self.gate.resolve(self.scheme, self._dns_host, self.port, seconds)
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


class _GatedTls(_Gated, TimedTlsConnection):
    scheme = "https"


def _gated_pools(passed: Gate) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(_Gated):
        gate = passed

    class TlsConnection(_GatedTls):
        gate = passed

    return pools(Connection, TlsConnection)


class GatedAdapter(TimedAdapter):
    """Sends what the gate lets through.

    Through a proxy of the environment it is the proxy that resolves and connects. What can be known here is
    checked here all the same: the host's name, and its addresses as far as they can be looked up.
    """

    def __init__(self, gate: Gate, pool_size: int, retry: Retry) -> None:
        self._gate = gate
        super().__init__(pool_maxsize=pool_size, max_retries=retry)

    def pool_classes(self) -> dict[str, type[HTTPConnectionPool]]:
        """Pools whose connections pass the gate."""
        return _gated_pools(self._gate)

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
