"""A WSGI app whose predictions take as long as the test says: the server without its model. No test of its own.

A task `{"id": 1, "wait_for": PATH, "seconds": 0.1}` is done when that file is there and so much time has passed.
What has been begun stands in the file `begun` of the working directory, an id a line.
"""

import functools
import time
from pathlib import Path
from typing import Any

from flask import Response

from wholebody.process.calls import current_call
from wholebody.serving.admission import EXTENSION
from wholebody.serving.server import create_app
from wholebody.serving.task_pool import TaskPool
from wholebody.settings import load_settings

settings = load_settings()
pool = TaskPool(settings.threads)
BEGUN = Path("begun")


class SlowBackend:
    def __init__(self, *, label_config: str) -> None: ...

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        return pool.run(current_call(), [functools.partial(self._do, task) for task in tasks])

    def _do(self, task: dict[str, Any]) -> dict[str, Any]:
        with BEGUN.open("a") as file:
            file.write(f"{task['id']}\n")
        while "wait_for" in task and not Path(task["wait_for"]).exists():
            time.sleep(0.01)
        time.sleep(task.get("seconds", 0))
        return {"result": [], "score": 0.0, "model_version": f"task-{task['id']}"}


app = create_app(SlowBackend, settings, "slow")


@app.get("/queue")
def queue() -> Response:
    admission = app.extensions[EXTENSION]
    return app.json.response([admission.working, admission.waiting])
