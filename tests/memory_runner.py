"""`python -m tests.memory_runner URL`: a prefill over all tasks of `memory_server.py`, which prints its memory as JSON.

No test of its own. Every task is listed, predicted and counted; one in fifty is also looked at and written, and one in
three fails with a reason of its own.
"""

import gc
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from tests.memory_server import TASKS
from wholebody.errors import LabelStudioError
from wholebody.keypoints import Part
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.labeling.config_writer import write_config
from wholebody.predictions import Prediction
from wholebody.prefill.failures import FailureFile
from wholebody.prefill.loop import prefill
from wholebody.prefill.parts import Task
from wholebody.prefill.project_predictions import ProjectPredictions
from wholebody.prefill.project_tasks import ProjectTasks
from wholebody.prefill.threads import ExecutorPredictor
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

WRITE_EVERY, FAIL_EVERY = 50, 3


class Run:
    """The model, the store and the progress bar."""

    def __init__(self, store: ProjectPredictions) -> None:
        self._store = store
        self.done = 0
        self.rss_bytes: dict[int, int] = {}

    def annotate(self, task: Task) -> Prediction:
        return Prediction(result=[{"id": str(task["id"])}], score=0.5, model_version="stub-1")

    def save(self, task: Task, prediction: Prediction) -> bool:
        task_id = task["id"]
        if task_id % FAIL_EVERY == 0:
            raise LabelStudioError(f"POST /api/predictions/: HTTP 400 task {task_id} is refused " + "and why " * 30)
        return task_id % WRITE_EVERY != 0 or self._store.save(task, prediction)

    def show(self) -> None:
        self._store.show()

    def settle(self) -> int:
        return self._store.settle()

    def update(self, n: int = 1) -> None:
        self.done += n
        if self.done in (TASKS // 10, TASKS):
            gc.collect()
            self.rss_bytes[self.done] = psutil.Process().memory_info().rss


def main(url: str, folder: Path) -> None:
    """Run, and print the memory at a tenth and at the end."""
    settings = Settings(label_studio_url=url, label_studio_api_token="0" * 40, request_delay_seconds=0)  # type: ignore[call-arg,arg-type]
    stop = Stop()
    client = LabelStudioClient(settings, stop)
    project = Project(1, "Memory", write_config((Part.BODY,)), "")
    source = ProjectTasks(client, 1, "stub-1", start_id=1, ids=None, is_replaced=None, stop=stop)
    run = Run(ProjectPredictions(client, project, "stub-1", start_id=1, is_replaced=None, stop=stop))
    with ThreadPoolExecutor(2) as executor:
        predictor = ExecutorPredictor(run.annotate, executor, "stub-1", 6, stop)
        summary = prefill(source.tasks(), predictor, run, FailureFile(folder / "failed"), run, stop)
    counted = {"predicted": summary.predicted, "failed": summary.failed.total(), "stopped": summary.stopped}
    print(json.dumps(counted | {"rss_bytes": list(run.rss_bytes.values())}))


if __name__ == "__main__":
    import logging

    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], Path(folder))
