"""A server below HTTP: it does with each connection what a test says. No test of its own.

with RawServer(lambda line, ended: drip(line, b"HTTP/1.1 200 OK\\r\\n", ended)) as server:
    ...requests.get(server.url)...
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

Behaviour = Callable[[socket.socket, threading.Event], None]


class RawServer:
    """Listens on 127.0.0.1; `behave(connection, ended)` runs in a thread for each connection.

    Attributes:
        port: Where it listens.
        connections: How many were accepted.
    """

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections = 0

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                line, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(line,)))
                self._threads[-1].start()

    def _serve(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):  # the client may leave at any time
            line.settimeout(30)
            self._behave(line, self._ended)


def drip(line: socket.socket, content: bytes, ended: threading.Event, pause_s: float = 0.02) -> None:
    """Send byte by byte, with a pause before each."""
    for byte in content:
        if ended.wait(pause_s):
            return
        line.sendall(bytes([byte]))
