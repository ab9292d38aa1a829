"""What goes wrong below HTTP, in words."""

import requests
import urllib3.exceptions as transport


def describe_transport(error: Exception) -> str:
    """What went wrong below HTTP, in a few words and without addresses that may hold secrets."""
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", None) or cause  # of urllib3's MaxRetryError
    for kinds, words in _TRANSPORT_WORDS:
        if isinstance(error, kinds) or isinstance(cause, kinds):
            return words.format("refused" if "refused" in str(cause).lower() else "impossible")
    return type(error).__name__


_TRANSPORT_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((transport.NameResolutionError,), "no such host"),
    ((transport.NewConnectionError,), "connection {}"),
    ((requests.Timeout, transport.TimeoutError), "timed out"),
    ((requests.exceptions.SSLError, transport.SSLError), "the TLS certificate is not trusted"),
    ((requests.ConnectionError, transport.ProtocolError, transport.IncompleteRead), "connection dropped"),
)
