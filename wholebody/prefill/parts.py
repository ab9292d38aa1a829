"""The three parts that a run is put together from: a source of tasks, who predicts them, where predictions go."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

Task = dict[str, Any]
"""A task as Label Studio lists it; `id` and `data` are read."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks a source has.

    Attributes:
        todo: To do; `None` where that is known only when all have been read.
        done: Those that need nothing any more.
    """

    todo: int | None
    done: int


class TaskSource(Protocol):
    """Which tasks there are to do."""

    def count(self) -> Counts:
        """How many there are.

        Raises:
            LabelStudioError: Label Studio does not say.
        """

    def tasks(self) -> Iterator[Task]:
        """The tasks to do, each once.

        Raises:
            LabelStudioError: Label Studio does not say which come next.
            DatasetError: The file that they are in does not.
            StoppedError: The user asked to stop.
        """


class Predictor(Protocol):
    """Who computes predictions.

    Attributes:
        model_version: The model version of all of them.
        workers: How many worker processes there are at the moment; `None` where this process predicts.
    """

    model_version: str

    @property
    def workers(self) -> int | None:
        """See above."""

    def predict(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Prediction | Exception], None, None]:
        """What comes of each task, in the order in which they are done.

        Tasks are read only as far ahead as needed, and in the thread that asks for results. What `tasks` raises goes
        through. A user's wish to stop ends it, and what is in hand then is dropped. So is what is in hand when the
        iterator is closed early; afterwards no more can be predicted.
        """


OpenPredictor = Callable[[Settings, LabelingConfig, Stop], AbstractContextManager[Predictor]]
"""Opens what predicts tasks for a labeling config until the user asks to stop. May raise a ModelError."""


class PredictionStore(Protocol):
    """Where predictions go. For one thread."""

    def save(self, task: Task, prediction: Prediction) -> bool:
        """Store a prediction unless the task has one or is gone; whether it was stored.

        Raises:
            LabelStudioError: It was not.
            StoppedError: Neither was it, because the user asked to stop.
            ConfigChangedError: Nor may any other be: this run's labeling config is not the project's any more.
            GoneError: Nor can any other be: there is no such project any more.
            OutputError: Nor can any other be.
        """

    def show(self) -> None:
        """See to it that people see what was stored. Called at the end of a run, however it ends.

        Raises:
            OutputError: They do not.
        """

    def settle(self) -> int:
        """Leave one prediction in each task; how many were too many. Called when a run has done all its tasks.

        Raises:
            ConfigChangedError: The labeling config was changed after the last look at it.
            LabelStudioError: It could not be done.
            StoppedError: The user asked to stop.
        """


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is put together from.

    Attributes:
        source: Which tasks there are.
        predictor: Who predicts them.
        store: Where predictions go; `None` for a dry run.
    """

    source: TaskSource
    predictor: Predictor
    store: PredictionStore | None
