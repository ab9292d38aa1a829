"""`python -m tests.memory_server`: a Label Studio with 100,000 tasks that are computed, not kept. No test of its own.

Prints its port. Every task is undone for ever; a write is answered and forgotten.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TASKS = 100_000


class Handler(BaseHTTPRequestHandler):
    """The four calls that matter."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/api/predictions/":
            self._answer([])
            return
        filters = json.loads(asked["query"])["filters"]["items"]
        start = filters[0]["value"]
        if any(one["operator"] == "greater" for one in filters):  # copies: there are none
            start = TASKS + 1
        ids = range(start, min(TASKS + 1, start + int(asked["page_size"])))
        tasks = [{"id": number, "data": {"image": f"https://pictures.example/{number}.png"}} for number in ids]
        self._answer({"total": max(0, TASKS + 1 - start), "tasks": tasks})

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer({"id": 1, "task": content["task"], "model_version": content["model_version"]})

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)  # for the test that started it
        server.serve_forever()
