"""`python -m tests.prefill.killed_run OPTIONS`: the prefill with a slow stub for the model. No test of its own.

With FILE_ROOM in the environment the system refuses whatever makes a file longer than that, as a full disk does.
"""

import os
import resource
import sys
import time
from typing import Any

from tests.prefill_runner import StubAnnotator
from wholebody.__main__ import main
from wholebody.predictions import Prediction
from wholebody.prefill import run as prefill_run

TASK_S = 0.004


class SlowAnnotator(StubAnnotator):
    """Takes a while, so that there is a moment to kill it."""

    def annotate(self, task: dict[str, Any], config: object) -> Prediction:
        time.sleep(TASK_S)
        return super().annotate(task, config)


if __name__ == "__main__":
    vars(prefill_run)["Annotator"] = SlowAnnotator
    if room := os.environ.get("FILE_ROOM"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), int(room)))
    main(["prefill", *sys.argv[1:]])
