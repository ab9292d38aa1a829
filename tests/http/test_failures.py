"""What went wrong below HTTP, in words that hold no secret."""

import http.client

import pytest
import requests
import urllib3

from wholebody.http.failures import describe_transport


def pool_error(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/tasks/1/resolve/?refused", reason))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ReadTimeout("x"), "timed out"),
        (requests.ConnectTimeout("x"), "timed out"),
        (pool_error(urllib3.exceptions.ReadTimeoutError(None, "/", "x")), "timed out"),  # type: ignore[arg-type]
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), "timed out"),  # type: ignore[arg-type]
        (requests.exceptions.SSLError("x"), "the TLS handshake failed"),
        (pool_error(urllib3.exceptions.NameResolutionError("ls", None, OSError("x"))), "no such host"),  # type: ignore[arg-type]
        (pool_error(urllib3.exceptions.NewConnectionError(None, "Connection refused")), "connection refused"),  # type: ignore[arg-type]
        (pool_error(urllib3.exceptions.NewConnectionError(None, "No route")), "no connection to it is possible"),  # type: ignore[arg-type]
        (pool_error(urllib3.exceptions.ProtocolError("x")), "connection dropped"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("x")), "connection dropped"),
        (requests.exceptions.ChunkedEncodingError(urllib3.exceptions.ProtocolError("x")), "connection dropped"),
        (urllib3.exceptions.IncompleteRead(1, 2), "connection dropped"),
        (requests.ConnectionError(), "connection dropped"),
        (requests.exceptions.InvalidURL("secret"), "is not an address that can be fetched"),
        (requests.exceptions.MissingSchema("secret"), "is not an address that can be fetched"),
        (urllib3.exceptions.LocationParseError("secret"), "is not an address that can be fetched"),
        (requests.exceptions.ContentDecodingError("secret"), "its answer is compressed in a broken way"),
        (urllib3.exceptions.DecodeError("secret"), "its answer is compressed in a broken way"),
        (
            requests.ConnectionError(urllib3.exceptions.ProtocolError("x", http.client.BadStatusLine("secret"))),
            "does not answer in HTTP; is its address one of https://?",
        ),
        (
            requests.ConnectionError(urllib3.exceptions.ProtocolError("x", http.client.RemoteDisconnected("secret"))),
            "connection dropped",
        ),
        (requests.RequestException("secret"), "connection failed (RequestException)"),
    ],
)
def test_what_went_wrong_below_http(error: Exception, words: str) -> None:
    assert describe_transport(error) == words
