"""A real HTTP server on 127.0.0.1 that answers by script and keeps what it was asked. No test of its own.

with ScriptedServer() as server:
    server.on("GET", "/image.png", Answer(503), Answer(body=png))  # the second answer is repeated
    server.on("POST", "/api/", lambda request: Answer(json={"id": request.json()["task"]}, status=201))
    ...requests.get(server.url + "/image.png")...
    assert [request.path for request in server.requests] == ["/image.png", "/image.png"]
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived.

    Attributes:
        path: Without the query, as sent (percent-encoded).
        query: What stands behind the `?`, as sent; `""` where there is none.
        headers: Looked up by name in any case: `headers["authorization"]`, `headers.get("Cookie")`.
        at: `time.monotonic()` of its arrival.
        abandoned: Whether the client had closed the connection before.
    """

    method: str
    path: str
    query: str
    headers: Message
    body: bytes
    at: float
    abandoned: bool = False

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parameters(self) -> dict[str, str]:
        """The query decoded; the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do with one request.

    Attributes:
        body: The body, unless `json` is given.
        json: An object that is sent as JSON.
        headers: In addition to Content-Length; `{"Content-Length": "9"}` sends that in its place.
        delay_s: Waits this long before the answer.
        reset: Resets the connection in place of an answer. The request has been recorded by then.
        hang_up: Closes it without a word, likewise.
        stop_after: Closes the connection after so many bytes of the body; 0 is right after the headers.
        piece_bytes: Sends the body in pieces of so many bytes, with `pause_s` between them.
    """

    status: int = 200
    body: bytes | str = b""
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    reset: bool = False
    hang_up: bool = False
    stop_after: int | None = None
    piece_bytes: int = 1 << 30
    pause_s: float = 0.0

    def content(self) -> bytes:
        if self.json is not None:
            return json.dumps(self.json).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


Script = Answer | Callable[[Received], Answer]
NOT_SCRIPTED = Answer(404, "not scripted", headers={"Content-Type": "text/plain"})


class ScriptedServer:
    """The server. Thread-safe; `requests` is in order of arrival.

    Attributes:
        url: `http://127.0.0.1:PORT`.
        localhost_url: The same server as `http://localhost:PORT`, which is another host to a client.
        requests: All that arrived so far.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self._routes: dict[tuple[str, str], list[Script]] = {}
        self._next: list[Script] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.localhost_url = f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.close_all()
        if self._server.errors:
            raise self._server.errors[0]

    def on(self, method: str, path: str, *script: Script) -> None:
        """Answer `method path` (whatever its query) with each of `script` in turn, then with the last for ever."""
        with self._lock:
            self._routes[method, path] = list(script)

    def then(self, *script: Script) -> None:
        """Answer the next requests, whatever they are, with these; routes come after them."""
        with self._lock:
            self._next += script

    def asked(self, method: str, path: str) -> list[Received]:
        """The requests of one kind that arrived so far."""
        return [request for request in list(self.requests) if (request.method, request.path) == (method, path)]

    def answer(self, request: Received) -> Answer:
        """Record a request and find its answer, having waited as long as that says."""
        with self._lock:
            self.requests.append(request)
            script = self._script(request)
        answer = script if isinstance(script, Answer) else script(request)
        self._ended.wait(answer.delay_s)
        return answer

    def pause(self, seconds: float) -> None:
        self._ended.wait(seconds)

    def _script(self, request: Received) -> Script:
        if self._next:
            return self._next.pop(0)
        answers = self._routes.get((request.method, request.path), [NOT_SCRIPTED])
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.errors: list[Exception] = []
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        """Close the listening socket, and end the connections that clients keep open."""
        self.server_close()
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        error = sys.exc_info()[1]
        if isinstance(error, Exception) and not isinstance(error, OSError):  # the client may leave at any time
            self.errors.append(error)


def _is_closed(connection: socket.socket) -> bool:
    """Whether the client has closed its end; what it sent before that may still be there to be read."""
    try:
        return not socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # below TLS too
    except BlockingIOError:
        return False
    except OSError:
        return True


def _drop(handler: BaseHTTPRequestHandler, *, reset: bool) -> None:
    if reset:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        handler.connection.close()
    handler.close_connection = True


def _handler_of(scripted: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            at = time.monotonic()
            request = Received(self.command, path, query, self.headers, body, at, _is_closed(self.connection))
            self._send(scripted.answer(request))

        def _send(self, answer: Answer) -> None:
            if answer.reset or answer.hang_up:
                _drop(self, reset=answer.reset)
                return
            content = answer.content()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self._send_body(content[: answer.stop_after], answer)
            self.close_connection = self.close_connection or answer.stop_after is not None

        def _send_body(self, content: bytes, answer: Answer) -> None:
            if self.command == "HEAD":
                return
            for start in range(0, len(content), answer.piece_bytes):
                if start:
                    scripted.pause(answer.pause_s)
                self.wfile.write(content[start : start + answer.piece_bytes])

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Standard error is the test runner's."""

    return Handler
