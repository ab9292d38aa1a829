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
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.predictions import Prediction
from wholebody.prefill.failures import FailureFile
from wholebody.prefill.loop import Task, prefill
from wholebody.prefill.work import Work
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

WRITE_EVERY, FAIL_EVERY = 50, 3


class Run:
    """The model, the writer and the progress bar."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.done = 0
        self.rss_bytes: dict[int, int] = {}

    def annotate(self, task: Task) -> Prediction:
        return Prediction(result=[{"id": str(task["id"])}], score=0.5, model_version="stub-1")

    def save_prediction(self, task_id: int, prediction: Prediction) -> bool:
        if task_id % FAIL_EVERY == 0:
            raise LabelStudioError(f"POST /api/predictions/: HTTP 400 task {task_id} is refused " + "and why " * 30)
        return task_id % WRITE_EVERY != 0 or self._work.save_prediction(task_id, prediction)

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
    config = write_config((Part.BODY,))
    project = Project(1, "Memory", config, "")
    labeled = parse_labeling_config(config)
    work = Work(client, project, labeled, "stub-1", start_id=1, ids=None, replaces=False, stop=stop)
    run = Run(work)
    with ThreadPoolExecutor(2) as executor:
        summary = prefill(work.tasks(), run.annotate, run, executor, 6, FailureFile(folder / "failed"), run, stop)
    counted = {"predicted": summary.predicted, "failed": summary.failed.total(), "stopped": summary.stopped}
    print(json.dumps(counted | {"rss_bytes": list(run.rss_bytes.values())}))


if __name__ == "__main__":
    import logging

    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], Path(folder))
