"""What goes wrong below HTTP, in words."""

import http.client
import re
import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions as transport

from wholebody.http.proxies import describe_proxy, is_socks, is_usable, proxy_for

TIMED_OUT = "timed out"
DROPPED = "connection dropped"
NOT_HTTP = "does not answer in HTTP; is its address one of https://?"
NO_ADDRESS = "is not an address that can be fetched"

_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((transport.NameResolutionError,), "no such host"),
    ((transport.NewConnectionError,), "no connection to it is possible"),
    ((requests.Timeout, transport.TimeoutError), TIMED_OUT),
    ((http.client.RemoteDisconnected,), DROPPED),
    ((http.client.BadStatusLine,), NOT_HTTP),
    ((requests.exceptions.ContentDecodingError, transport.DecodeError), "its answer is compressed in a broken way"),
    ((requests.exceptions.SSLError, transport.SSLError), "the TLS handshake failed"),
    ((requests.ConnectionError, transport.ProtocolError, transport.IncompleteRead), DROPPED),
    ((ValueError,), NO_ADDRESS),  # requests' own for addresses, those of urllib3 and those of Python are all of it
)
_TLS_WORDS = {
    9: "the TLS certificate is not valid yet; is the clock right, here and there?",
    10: "the TLS certificate has expired; that server needs a new one",
    62: "the TLS certificate is for another host; use a name that it is for",
    64: "the TLS certificate is for another host; use a name that it is for",
}
"""By the codes that OpenSSL has for a certificate's faults; every other fault is one of trust."""
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"})
_NO_CERTIFICATES = frozenset({"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE"})
_PROXY_CURE = "correct it, or put the host into NO_PROXY"
_PROXY_FAILURES = (requests.exceptions.ProxyError, transport.ProxyError)
_BUNDLE = "REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE)"


def describe_transport(error: Exception, url: str = "") -> str:
    """What went wrong below HTTP, in a few words, without addresses that may hold secrets.

    Where a proxy or a file of certificates is at fault, the variable of the environment that names it is told.

    Args:
        error: What requests or urllib3 raised.
        url: The address that was asked for, which tells the proxy.
    """
    causes = list(_causes(error))
    proxy = proxy_for(url)
    told = f"the proxy {describe_proxy(proxy, url) if proxy else 'in the environment'}"
    if proxy and is_socks(proxy):
        return f"{told}: SOCKS is not supported; name an HTTP proxy, or put the host into NO_PROXY"
    if proxy and not is_usable(proxy):
        return f"{told}: is no address such as http://proxy.example:3128; {_PROXY_CURE}"
    if any(isinstance(cause, _PROXY_FAILURES) for cause in causes):
        words = _words_of_proxy(causes)
        return f"{told}: {words}" if ";" in words else f"{told}: {words}; {_PROXY_CURE}"
    return _words_of(causes)


def _causes(error: object) -> Iterator[BaseException]:
    """An error and what led to it, from the outermost to the innermost."""
    seen: list[object] = []
    while isinstance(error, BaseException) and error not in seen:
        yield error
        seen.append(error)
        inside = (getattr(error, "original_error", None), getattr(error, "reason", None), *error.args)
        error = next((one for one in (*inside, error.__cause__) if isinstance(one, BaseException)), None)


def _words_of(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _words_of_tls(cause)
        if isinstance(cause, transport.NewConnectionError) and "refused" in str(cause).lower():
            return "connection refused"
    for kinds, words in _WORDS:
        if any(isinstance(cause, kinds) for cause in causes):
            return words
    if any("invalid path" in str(cause) for cause in causes if isinstance(cause, OSError)):
        return f"{_BUNDLE} names a file that is not there"
    return f"connection failed ({type(causes[0]).__name__})"


def _words_of_proxy(causes: list[BaseException]) -> str:
    inmost = causes[-1]
    answer = re.search(r"Tunnel connection failed: (\d+)", str(inmost))
    if answer and answer[1] == "407":
        return "asks for a user name and a password; give them in it, as http://user:password@host:port"
    if answer:
        return f"answers HTTP {answer[1]} where it is asked for a connection"
    return _words_of([cause for cause in causes if not isinstance(cause, _PROXY_FAILURES)])


def _words_of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        cure = "set REQUESTS_CA_BUNDLE to a file that has the certificate of its authority"
        return _TLS_WORDS.get(error.verify_code, f"the TLS certificate is not trusted; {cure}")
    if error.reason in _NOT_TLS:
        return "does not speak TLS; use http://"
    if error.reason in _NO_CERTIFICATES:
        return f"{_BUNDLE} names a file without certificates"
    return f"the TLS handshake failed ({(error.reason or 'for no known reason').lower().replace('_', ' ')})"
