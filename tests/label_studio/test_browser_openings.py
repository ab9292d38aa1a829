"""The first opening of a task in a new project, where Label Studio asks the backend twice at once: one prediction."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin

from .browser import fresh_editor
from .figure_tasks import assert_is_the_truth, import_figures, make_project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OPENINGS = 5
THINKING_S = 0.5
"""How much slower than the figure models a network is."""


class SlowBackend(ThreadingHTTPServer):
    """Stands before a backend, counts its predictions and makes them take longer; a context manager."""

    def __init__(self, backend_url: str) -> None:
        self.predictions = 0
        self._lock = threading.Lock()
        slow = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(requests.get(f"{backend_url}{self.path}", timeout=30))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/predict":
                    slow.count()
                    time.sleep(THINKING_S)
                self._answer(requests.post(f"{backend_url}{self.path}", body, timeout=30))

            def _answer(self, answer: requests.Response) -> None:
                self.send_response(answer.status_code)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def count(self) -> None:
        with self._lock:
            self.predictions += 1


@pytest.fixture
def slow_backend(backend: BackendServer) -> Iterator[SlowBackend]:
    with SlowBackend(backend.url) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.thorough
def test_first_openings_store_one_prediction_each(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, slow_backend: SlowBackend, chromium: Browser, login: Any
) -> None:
    for _ in range(OPENINGS):
        project = make_project(admin, "first opening")
        admin.connect_backend(project, slow_backend.url, is_interactive=True)
        (task,) = import_figures(admin, label_studio, project, 1)
        with fresh_editor(chromium, label_studio.url, login) as editor:
            editor.disable_cache()
            editor.open(project, task)
            editor.wait_for_regions(134)
            editor.wait_until_idle()
        (prediction,) = admin.predictions(task)
        assert_is_the_truth(prediction, 1)
    assert slow_backend.predictions > OPENINGS, "Label Studio no longer asks twice: this shows nothing any more"
