"""The ML backend's model: tasks in, predictions out. Runs under label-studio-ml 1.0.9 and 2.x alike."""

import functools
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from wholebody.annotator import Annotator
from wholebody.errors import WholebodyError
from wholebody.label_studio import LabelStudioClient
from wholebody.labeling_config import parse_labeling_config
from wholebody.openings import Openings
from wholebody.prompts import read_prompts
from wholebody.regions import Prediction
from wholebody.settings import Settings, load_settings
from wholebody.stopping import Stop

log = logging.getLogger(__name__)

Nothing = list[Any]

_first_call = threading.Lock()


@functools.cache
def load_annotator() -> Annotator:
    """The process's one model, loaded and warmed at the first call, which start-up makes."""
    return Annotator(load_settings())


def shared_openings() -> Openings:
    """What tasks are being opened in this process, for all requests."""
    with _first_call:  # the first two requests may well be parallel, and the cache would give each its own
        return _openings()


@functools.cache
def _openings() -> Openings:
    return Openings(_asker(load_settings(), load_annotator().model_version))


class WholebodyBackend(LabelStudioMLBase):  # type: ignore[misc]  # label-studio-ml has no types
    """Every person's 133 COCO-WholeBody keypoints. One object a request; all share one model."""

    def __init__(self, *args: Any, label_config: str | None = None, **kwargs: Any) -> None:
        # label-studio-ml's own parser refuses text that declares its encoding.
        plain = re.sub(r"^\s*<\?xml\b[^>]*\?>", "", label_config or "")
        super().__init__(*args, label_config=plain, **kwargs)

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
            where the task could not be done, so that Label Studio stores nothing and asks again, or where a
            parallel call's prediction has just been stored.

        Raises:
            LabelingConfigError: The labeling config has nothing to fill.
            WholebodyError: With a `context`, the task could not be done.
        """
        config = parse_labeling_config(self.label_config)
        if context:
            prompts = read_prompts(context, config)
            return [load_annotator().annotate_prompted(task, prompts) for task in tasks]
        if len(tasks) == 1:  # somebody opens it
            annotate = functools.partial(load_annotator().annotate, tasks[0], config)
            return [_or_nothing(tasks[0], lambda: shared_openings().predict(tasks[0], annotate))]
        return [_or_nothing(task, functools.partial(load_annotator().annotate, task, config)) for task in tasks]

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing is learned from annotations."""
        return {}


def _or_nothing(task: dict[str, Any], predict: Callable[[], Prediction | Nothing]) -> Prediction | Nothing:
    try:
        return predict()
    except WholebodyError as error:
        log.warning("task %s: %s", task.get("id"), error)
    except Exception:  # a fault of ours with one task must not cost the others
        log.exception("task %s: not predicted", task.get("id"))
    return []


def _asker(settings: Settings, model_version: str) -> Callable[[int], bool] | None:
    """Asks Label Studio whether a task's prediction is stored; `None` without its address and a token."""
    if settings.label_studio_url is None or settings.label_studio_api_token is None:
        return None
    client = LabelStudioClient(settings, Stop())
    return lambda task_id: model_version in client.prediction_versions(task_id)
