"""Whether a client still holds its end of the connection."""

import select
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any


def departure(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Tells at any time whether the client of a WSGI request has left; never where the server hides its socket."""
    connection = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    if not isinstance(connection, socket.socket) or isinstance(connection, ssl.SSLSocket):
        return lambda: False
    return lambda: _has_ended(connection)


def _has_ended(connection: socket.socket) -> bool:
    try:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        # The body has been read, so what can be read now is either the next request or the end. It is left there.
        return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # reset, or closed on this side
        return True
