"""Cookies for as long as one thing is fetched, by a host that wants to see whether they come back."""

from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header


class _ToItsHostAlone(DefaultCookiePolicy):
    """As the standard's, but a cookie for a whole domain is kept for the host alone that sent it."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        if not super().set_ok(cookie, request):
            return False
        host = urlsplit(request.get_full_url()).hostname or ""
        cookie.domain = host if "." in host else f"{host}.local"  # as the jar looks for it
        cookie.domain_specified = cookie.domain_initial_dot = False
        return True


class Cookies:
    """What the answers so far have set. For one thread."""

    def __init__(self) -> None:
        self._jar = RequestsCookieJar(_ToItsHostAlone(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain))

    def headers_for(self, url: str) -> dict[str, str]:
        """The headers that a request to an address carries for them: one or none."""
        value = get_cookie_header(self._jar, requests.Request("GET", url))  # type: ignore[no-untyped-call]
        return {"Cookie": value} if value else {}

    def take(self, response: requests.Response) -> None:
        """Keep what an answer sets."""
        extract_cookies_to_jar(self._jar, response.request, response.raw)  # type: ignore[no-untyped-call]
