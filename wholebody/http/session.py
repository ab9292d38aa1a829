"""requests' session, without what nobody asked for, and with the environment asked once a server."""

import threading
from collections.abc import Hashable, Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from cachetools import LRUCache
from requests import PreparedRequest
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError

from wholebody import __version__
from wholebody.http.bare_percents import mark_bare_percents
from wholebody.http.connections import TimedAdapter

USER_AGENT = f"label-studio-wholebody/{__version__}"
"""Some hosts refuse clients that do not say what they are."""

MAX_SERVERS = 1024
"""Whose settings are remembered."""
PROXY_WANTS_PASSWORD = 407
MAX_NETLOC_CHARS = 500
"""A longer one is no server's, and must not be kept."""


class PlainSession(requests.Session):
    """requests' session that says what it is, and whose failures are all of one kind."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = USER_AGENT

    def send(self, request: PreparedRequest, **options: Any) -> requests.Response:
        """The answer to a prepared request.

        Raises:
            requests.RequestException: There is none; also where requests lets another error through, such as for a
                file of certificates that is not there, and where a proxy answers that it wants a password.
        """
        try:
            response = super().send(request, **options)
        except requests.RequestException:
            raise
        except (OSError, HTTPError) as error:
            raise requests.RequestException(error) from error
        if response.status_code == PROXY_WANTS_PASSWORD and select_proxy(str(request.url), options.get("proxies")):
            response.close()
            raise requests.exceptions.ProxyError(f"Tunnel connection failed: {PROXY_WANTS_PASSWORD}")
        return response


class Session(PlainSession):
    """Sends what it is given and nothing else: no cookies, no password of a .netrc or of the address; once.

    A redirect is an answer like any other: who asked decides whether to go there.

    It asks the environment for proxies and certificates once for each server. requests asks anew for each request, and
    looks for cookies at each: a quarter of what a request costs.
    """

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, TimedAdapter())
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._remembered: LRUCache[Hashable, Any] = LRUCache(MAX_SERVERS)
        self._lock = threading.Lock()

    def prepare_request(self, request: requests.Request) -> PreparedRequest:
        """A request with this session's headers, ready to be sent; `auth` and `cookies` are not taken."""
        prepared = PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.prepare_url(mark_bare_percents(str(request.url)), request.params)
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
