"""A stand-in for the model, which workers load by its name. No test of its own."""

import os
import threading
import time
from typing import Any

from wholebody.errors import ImageError, ImageUnavailableError, ModelError
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction

VERSION = "stub-1"


class StubModel:
    """Does what the task's image says: `missing`, `kill`, `sleep 0.2`, `bug`, `unavailable`; else finds somebody."""

    def __init__(self, cores: int) -> None:
        self.model_version = os.environ.get("STUB_VERSION", VERSION)
        self.workers = cores
        self._places = threading.Semaphore(cores)

    def annotate(self, task: dict[str, Any], config: LabelingConfig) -> Prediction:
        assert config.targets
        word, _, rest = str(task["data"]["image"]).partition(" ")
        if word == "sleep":
            with self._places:
                time.sleep(float(rest))
        elif word == "kill":
            os._exit(1)
        elif word == "missing":
            raise ImageError("not found", f"{task['id']}.png", "image_unreadable")
        elif word == "unavailable":
            raise ImageUnavailableError("503", f"{task['id']}.png", busy=True)
        elif word == "bug":
            raise KeyError(rest)
        result = [] if word == "empty" else [{"id": str(task["id"])}]
        return Prediction(result=result, score=0.5, model_version=self.model_version)


def load_stub(cores: int) -> StubModel:
    """The stand-in, or the trouble that the worker's environment asks for."""
    if trouble := os.environ.get("STUB_TROUBLE"):
        raise ModelError(trouble)
    return StubModel(cores)
