"""The ML backend's model: tasks in, predictions out.

It runs under label-studio-ml 1.0.9 and 2.x, behind this project's own server and behind that of 2.x, with the same
predictions. Both libraries are a base class here and nothing more: neither is given a labeling config to parse or keep.
"""

import functools
import hashlib
import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from label_studio_ml.model import LabelStudioMLBase

from wholebody.annotator import Annotator
from wholebody.errors import ClientGoneError, DeadlineError, WholebodyError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.labeling.prompts import read_prompts
from wholebody.predictions import Prediction
from wholebody.process.calls import current_call
from wholebody.process.observing import failed as count_failure
from wholebody.process.stopping import Stop
from wholebody.serving.openings import IsStored, Openings
from wholebody.serving.task_pool import TaskPool
from wholebody.settings import Settings, load_settings

log = logging.getLogger(__name__)

Nothing = list[Any]
T = TypeVar("T")


class _Once(Generic[T]):
    """A function's one result for the whole process, made at the first call; `functools.cache` could make two."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._cached = functools.cache(make)
        self._lock = threading.Lock()

    def __call__(self) -> T:
        with self._lock:
            return self._cached()

    def cache_clear(self) -> None:
        self._cached.cache_clear()


@_Once
def load_annotator() -> Annotator:
    """The process's one model, loaded and warmed at the first call, which start-up makes."""
    annotator = Annotator(load_settings())
    annotator.warm_up()
    return annotator


@_Once
def shared_openings() -> Openings:
    """What tasks are being opened in this process, for all requests."""
    return Openings(_asker(load_settings(), load_annotator().model_version))


@_Once
def shared_pool() -> TaskPool:
    """The threads that all requests' tasks run in."""
    return TaskPool(load_settings().threads)


class WholebodyBackend(LabelStudioMLBase):  # type: ignore[misc]  # label-studio-ml has no types
    """Every person's 133 COCO-WholeBody keypoints. One object a request; all share one model."""

    label_config = ""  # in the place of 2.x's property, which reads it from a file that all requests share

    def __init__(self, project_id: str | None = None, label_config: str | None = None, **kwargs: Any) -> None:
        self._values: dict[str, Any] = {}
        # No labeling config for label-studio-ml's own parsers, which refuse text that declares its encoding, and take
        # minutes over a short config with thousands of variables. An empty one is parsed by neither.
        super().__init__(project_id=project_id, label_config="", **kwargs)
        self.use_label_config(label_config or "")

    def use_label_config(self, label_config: str) -> None:
        """Take a request's labeling config as it is; it is parsed by `predict`."""
        self.label_config = label_config

    # 2.x keeps values in an SQLite file in MODEL_DIR by the project's number alone, which two Label Studios may both
    # have given. Here each object has its own, so that no request sees another one's.

    def get(self, key: str) -> Any:
        """A value that was `set` on this object, or `None`."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Keep a value for as long as this object lives, which is one request."""
        self._values[key] = value

    def has(self, key: str) -> bool:
        """Whether it was `set` on this object."""
        return key in self._values

    def setup(self) -> None:
        """Tell label-studio-ml 2.x the version; 1.0.9 never calls this."""
        self.set("model_version", load_annotator().model_version)

    def predict(
        self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Prediction | Nothing]:
        """Predict tasks.

        Args:
            tasks: Tasks as Label Studio sends them.
            context: What an annotator drew, or `None` when Label Studio asks by itself.
            kwargs: Ignored; label-studio-ml hands on whatever it was sent.

        Returns:
            One entry a task, in order: a prediction, whose `result` is empty where nobody is seen; or `[]`
            where the task could not be done, or not in time, so that Label Studio stores nothing and asks
            again, or where a parallel call's prediction has just been stored.

        Raises:
            LabelingConfigError: The labeling config has nothing to fill.
            WholebodyError: With a `context`, the task could not be done.
            ClientGoneError: Nobody waits for the answer.
        """
        config = parse_labeling_config(self.label_config)
        if context:
            jobs: list[Callable[[], Any]] = []
            for task in tasks:
                prompts = read_prompts(context, config.for_task(task.get("data")))
                jobs.append(functools.partial(load_annotator().annotate_prompted, task, prompts))
        else:
            predict = self._open if len(tasks) == 1 else load_annotator().annotate
            jobs = [functools.partial(_or_nothing, task, functools.partial(predict, task, config)) for task in tasks]
        return shared_pool().run(current_call(), jobs)

    def _open(self, task: dict[str, Any], config: LabelingConfig) -> Prediction | Nothing:
        """Predict a task that somebody opens."""
        annotator = load_annotator()
        config = config.for_task(task.get("data"))  # once, for both that read it
        variant = hashlib.sha256(self.label_config.encode() + annotator.fingerprint(task, config)).digest()
        return shared_openings().predict(task, variant, lambda: annotator.annotate(task, config))

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing is learned from annotations."""
        return {}


def _or_nothing(task: dict[str, Any], predict: Callable[[], Prediction | Nothing]) -> Prediction | Nothing:
    try:
        return predict()
    except (DeadlineError, ClientGoneError):  # which whoever waited for the call has noticed, too
        raise
    except WholebodyError as error:
        log.warning("task %s: %s", task.get("id"), error)
        count_failure(error)
    except Exception as error:  # a fault of ours with one task must not cost the others
        log.exception("task %s: not predicted", task.get("id"))
        count_failure(error)
    return []


def _asker(settings: Settings, model_version: str) -> IsStored | None:
    """Asks Label Studio whether a task's prediction is stored; `None` without its address and a token.

    A task of a project that the token's user may not see has no predictions, as Label Studio answers. So the first time
    that there is none, it is asked for the project too.
    """
    if settings.label_studio_url is None or settings.label_studio_api_token is None:
        return None
    client = LabelStudioClient(settings, Stop())
    visible: set[int] = set()

    def is_stored(task: dict[str, Any]) -> bool:
        if model_version in client.prediction_versions(task["id"]):
            return True
        project = task.get("project")
        if isinstance(project, int) and project not in visible:
            client.check_project(project)
            visible.add(project)
        return False

    return is_stored
