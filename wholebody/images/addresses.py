"""Which hosts and network addresses images may be fetched from. Knows nothing of HTTP."""

import socket
import threading
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from wholebody.errors import ImageError
from wholebody.settings import Settings

Address = IPv4Address | IPv6Address
Found = tuple[Any, ...]
"""An entry of `socket.getaddrinfo`: family, type, protocol, name, and the address to connect to."""

PUBLIC, PRIVATE, REFUSED = "public", "private", "refused"

_REFUSED_V4 = [
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this machine, under another name
        "169.254.0.0/16",  # link-local: the metadata of most clouds
        "100.100.100.200/32",  # ... of Alibaba
        "168.63.129.16/32",  # ... of Azure: its wire server
        "192.0.0.192/32",  # ... of Oracle
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_PRIVATE_V4 = [
    IPv4Network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "100.64.0.0/10",  # shared by the customers of a provider; overlay networks use it too
        "192.0.0.0/24",
        "198.18.0.0/15",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
    )
]
_REFUSED_V6 = [
    IPv6Network(block)
    for block in (
        "fd00:ec2::254/128",  # metadata of Amazon
        "fd20:ce::254/128",  # ... of Google
        "fd00:42::42/128",  # ... of Scaleway
    )
]
_PRIVATE_V6 = [IPv6Network(block) for block in ("::1/128", "fc00::/7", "fec0::/10", "2001:db8::/32")]
_GLOBAL_V6 = IPv6Network("2000::/3")
_WITH_V4_AT_THE_END = [IPv6Network(block) for block in ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")]
"""IPv4-mapped, and the NAT64 of networks that have IPv6 alone."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Gate:
    """Says which origins may be asked, and resolves them to addresses that were checked. Thread-safe.

    Args:
        settings: Label Studio's address, which is always let through, IMAGE_HOSTS and IMAGE_PRIVATE_ADDRESSES.
    """

    def __init__(self, settings: Settings) -> None:
        self._hosts = settings.image_hosts
        self._with_private = settings.image_private_addresses
        self._label_studio = _origin_of(settings.label_studio_url) if settings.label_studio_url else None

    def check_host(self, scheme: str, host: str, port: int | None) -> None:
        """Check the host as it is named.

        Raises:
            ImageError: It is not among IMAGE_HOSTS.
        """
        if self._hosts is None or self._is_label_studio(scheme, host, port):
            return
        name = _plain(host)
        if not any(_is_among(name, allowed) for allowed in self._hosts):
            raise ImageError(
                f"{host} is not among IMAGE_HOSTS; add it there if images may come from it", cause="image_refused"
            )

    def resolve(self, scheme: str, host: str, port: int | None, timeout_s: float | None) -> list[Found]:
        """Look a host up, and check every address that it has: those are to be connected to, and no others.

        Raises:
            ImageError: One of the addresses is closed to images.
            OSError: It has none (`socket.gaierror`), or was not told in time (`TimeoutError`).
        """
        found = _look_up(host.strip("[]"), port or _DEFAULT_PORTS[scheme], timeout_s)
        if not self._is_label_studio(scheme, host, port):
            for entry in found:
                self._check_address(host, str(entry[4][0]))
        return found

    def _check_address(self, host: str, address: str) -> None:
        kind = classify(address)
        where = host if _plain(host) == address else f"{host} ({address})"
        if kind == REFUSED:
            raise ImageError(
                f"{where} is a link-local, metadata or reserved address; images never come from those",
                cause="image_refused",
            )
        if kind == PRIVATE and not self._with_private:
            raise ImageError(
                f"{where} is a private address; IMAGE_PRIVATE_ADDRESSES=true lets images come from it",
                cause="image_refused",
            )

    def _is_label_studio(self, scheme: str, host: str, port: int | None) -> bool:
        return (scheme, host.strip("[]").lower(), port or _DEFAULT_PORTS.get(scheme)) == self._label_studio


def classify(address: str) -> str:
    """`PUBLIC`, `PRIVATE` (loopback included) or `REFUSED`; an IPv4 address inside an IPv6 one decides for it."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return REFUSED
    if isinstance(ip, IPv4Address):
        return _first_of(ip, (_REFUSED_V4, REFUSED), (_PRIVATE_V4, PRIVATE)) or PUBLIC
    kind = _first_of(ip, (_REFUSED_V6, REFUSED), (_PRIVATE_V6, PRIVATE))
    if kind:
        return kind
    inner = _embedded(ip)
    if inner is not None:
        return classify(str(inner))
    return PUBLIC if ip in _GLOBAL_V6 else REFUSED


def _first_of(ip: Address, *tables: tuple[list[Any], str]) -> str:
    return next((kind for networks, kind in tables if any(ip in network for network in networks)), "")


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if any(ip in network for network in _WITH_V4_AT_THE_END):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _look_up(host: str, port: int, timeout_s: float | None) -> list[Found]:
    """`socket.getaddrinfo` within a time: the system's resolver has none of ours."""
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:  # handed to who waits
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty:
        raise TimeoutError(f"{host} was not resolved in {timeout_s} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_among(name: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return name.endswith(allowed[1:]) and name != allowed[1:]
    return name == _plain(allowed)


def _plain(host: str) -> str:
    """One spelling of a host: lower case, no brackets, no final dot; IP addresses as Python writes them."""
    name = host.strip("[]").lower().removesuffix(".")
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def _origin_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)
