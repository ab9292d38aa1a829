"""What runs on a worker: the model, loaded once, and the prediction of a chunk of tasks.

Imports little, for the scheduler imports it too.
"""

import asyncio
import logging
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import monotonic
from typing import Any, Protocol

from distributed import Worker, WorkerPlugin

from wholebody.cluster.outcomes import Failure
from wholebody.cluster.packages import Versions, installed_versions
from wholebody.errors import WholebodyError
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction

log = logging.getLogger(__name__)

CHUNKS_AT_A_TIME = 2
"""So that no core rests while the last task of a chunk is predicted."""

FETCHED_AHEAD = 3
"""Tasks in work or fetched for each that is being predicted, as in one process; see `prefill/threads.py`."""


class Model(Protocol):
    """What a worker needs of an `Annotator`."""

    model_version: str
    workers: int

    def annotate(self, task: dict[str, Any], config: LabelingConfig) -> Prediction:
        """Predict everybody on all images of a task."""


Outcomes = list[Prediction | Failure]
"""Of the tasks of a chunk, in order."""

LoadModel = Callable[[int], Model]
"""Loads the model for so many cores. Pickled by its name, so it is a function of a module that workers have."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself.

    Attributes:
        host: The machine's name.
        versions: What is installed there.
        model_version: Of the model that it has loaded, or `""`.
        chunks: How many it does at a time.
        has_token: Whether it can ask Label Studio for images.
        trouble: Why it has loaded none, or `""`.
    """

    host: str
    versions: Versions
    model_version: str
    chunks: int
    has_token: bool
    trouble: str


@dataclass(slots=True)
class _Loading:
    """The model of this process.

    Attributes:
        model: It, once it is loaded.
        trouble: Why the last attempt failed, or `""`.
        tried: Set when the first attempt is over.
    """

    model: Model | None = None
    trouble: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    tried: threading.Event = field(default_factory=threading.Event)

    def load_once(self, load: LoadModel, cores: int) -> None:
        """Load it, unless it is there."""
        with self.lock:
            if self.model is None:
                self.trouble = ""
                try:
                    self.model = load(cores)
                except WholebodyError as error:
                    self.trouble = str(error)
                except Exception as error:
                    log.exception("the model was not loaded")
                    self.trouble = f"unexpected {type(error).__name__} while loading the model; its log says where"
        self.tried.set()


_this_process = _Loading()


def load_annotator(cores: int) -> Model:
    """The annotator by this worker's own settings: environment and `.env`.

    Raises:
        WholebodyError: A setting is wrong, or weights or device cannot be used.
    """
    from wholebody.annotator import Annotator
    from wholebody.process.logs import configure_logging
    from wholebody.settings import load_settings

    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    # Beside another device the cores only prepare what it works on, and that is the same for all of its workers.
    return Annotator(settings, bulk=True, cores=cores if settings.device == "cpu" else None)


class ModelPlugin(WorkerPlugin):  # type: ignore[misc]
    """Loads the model in every worker, also in those that join later. All that it carries is here.

    Args:
        load: Loads it.
        of_terminal: Whether the workers belong to the terminal of the run, whose Ctrl-C is for the run alone.
    """

    name = "wholebody"

    def __init__(self, load: LoadModel = load_annotator, *, of_terminal: bool = False) -> None:
        self._load = load
        self._of_terminal = of_terminal

    async def setup(self, worker: Worker) -> None:
        """Load the model beside the event loop, which must go on answering the scheduler."""
        if self._of_terminal:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        await asyncio.to_thread(_this_process.load_once, self._load, worker.state.nthreads)


async def report(dask_worker: Worker) -> WorkerReport:
    """What this worker says of itself, as soon as it has tried to load the model."""
    await asyncio.to_thread(_this_process.tried.wait)
    model = _this_process.model
    return WorkerReport(
        host=socket.gethostname(),
        versions=installed_versions(),
        model_version=model.model_version if model else "",
        chunks=min(CHUNKS_AT_A_TIME, dask_worker.state.nthreads),
        has_token=_has_token(),
        trouble=_this_process.trouble,
    )


def predict_chunk(payload: bytes) -> tuple[Outcomes, float]:
    """What comes of each task of a chunk, in order, and the seconds that it took. Raises nothing.

    Args:
        payload: What `chunks.Chunk` packed.
    """
    started = monotonic()
    pickled_config, pickled_tasks = pickle.loads(payload)  # noqa: S301  # from the client, as the function itself is
    config = _config_of(pickled_config)
    _this_process.tried.wait()
    model = _this_process.model
    if model is None:  # the client gives such a worker nothing; it was restarted under the same address
        return [Failure("ModelError", f"a worker has no model: {_this_process.trouble}", {})] * len(pickled_tasks), 0.0
    outcomes = _predict_all(pickled_tasks, partial(_predict, model, config), FETCHED_AHEAD * model.workers)
    return outcomes, monotonic() - started


def _predict_all(
    pickled_tasks: Sequence[bytes], predict: Callable[[bytes], Prediction | Failure], at_a_time: int
) -> Outcomes:
    with ThreadPoolExecutor(min(at_a_time, len(pickled_tasks)), "annotate") as threads:
        return list(threads.map(predict, pickled_tasks))


def _predict(model: Model, config: LabelingConfig, pickled_task: bytes) -> Prediction | Failure:
    task = pickle.loads(pickled_task)  # noqa: S301  # likewise
    try:
        return model.annotate(task, config)
    except Exception as error:
        if not isinstance(error, WholebodyError):
            log.exception("task %s: not predicted", task["id"])
        return Failure.of(error)


@lru_cache(maxsize=4)
def _config_of(pickled: bytes) -> LabelingConfig:
    config: LabelingConfig = pickle.loads(pickled)  # noqa: S301  # likewise
    return config


def _has_token() -> bool:
    from wholebody.settings import load_settings

    try:
        settings = load_settings()
    except WholebodyError:
        return False
    return bool(settings.label_studio_url and settings.label_studio_api_token)
