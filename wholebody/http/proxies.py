"""Which proxy the environment names for an address, in words that hold no password."""

import re
from urllib.request import getproxies

from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address, with its password; `None` where there is none."""
    try:
        return select_proxy(url, get_environ_proxies(url))
    except ValueError:  # no address
        return None


def describe_proxy(proxy: str, url: str) -> str:
    """A proxy and the variable that names it for an address, such as `HTTP_PROXY=http://proxy.example:3128`.

    User name and password are left out.
    """
    shown = re.sub(r"(?<=//)[^/]*@|^[^/]*@", "", proxy)[:200]
    named, scheme = getproxies(), url.partition(":")[0].lower()
    return next((f"{kind.upper()}_PROXY={shown}" for kind in (scheme, "all") if named.get(kind) == proxy), shown)


def is_socks(proxy: str) -> bool:
    """Whether it is a SOCKS proxy, which takes a library that this project does not have."""
    return proxy.lower().startswith("socks")


def is_usable(proxy: str) -> bool:
    """Whether it is the address of an HTTP proxy; `host:port` alone is one too."""
    try:
        parts = parse_url(proxy)
    except LocationParseError:
        return False
    return bool(parts.host) and parts.scheme in ("http", "https", None)
