"""Predictions by the threads of this process, as many at a time as its processor or device is good for."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from itertools import islice

from wholebody.annotator import Annotator
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction
from wholebody.prefill.parts import Task
from wholebody.process.stopping import Stop

LOOK_AHEAD_PER_WORKER = 3
"""Tasks in work, fetched or waiting to be written for each that is being predicted."""

POLL_S = 0.2
"""How soon a request to stop is noticed while predictions are being computed."""


class ExecutorPredictor:
    """Predicts tasks in an executor; see `parts.Predictor`.

    Args:
        annotate: Task -> prediction; runs in the executor.
        executor: Threads, or anything else with this interface.
        model_version: The model version of the predictions.
        look_ahead: Tasks in work or waiting to be taken at a time.
        stop: Ends it.
        give_up: Called when what is in hand is dropped, so that whoever waits in the executor ends.
    """

    def __init__(
        self,
        annotate: Callable[[Task], Prediction],
        executor: Executor,
        model_version: str,
        look_ahead: int,
        stop: Stop,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.model_version = model_version
        self.workers = None
        self._annotate = annotate
        self._executor = executor
        self._look_ahead = look_ahead
        self._stop = stop
        self._give_up = give_up

    def predict(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Prediction | Exception], None, None]:
        """See `parts.Predictor`."""
        pending: dict[Future[Prediction], Task] = {}
        try:
            while not self._stop.is_set():
                for task in islice(tasks, self._look_ahead - len(pending)):
                    pending[self._executor.submit(self._annotate, task)] = task
                if not pending:
                    return
                done, _ = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), _outcome(future)
        finally:
            if pending:
                self._give_up()
            for future in pending:
                future.cancel()


@contextmanager
def predict_in_threads(annotator: Annotator, config: LabelingConfig, stop: Stop) -> Iterator[ExecutorPredictor]:
    """The threads of an annotator, which fetch images and then wait for its own places."""
    look_ahead = LOOK_AHEAD_PER_WORKER * annotator.workers
    annotate = partial(annotator.annotate, config=config)
    with ThreadPoolExecutor(look_ahead, "annotate") as executor:
        yield ExecutorPredictor(annotate, executor, annotator.model_version, look_ahead, stop, annotator.close)


def _outcome(future: Future[Prediction]) -> Prediction | Exception:
    try:
        return future.result()
    except Exception as error:
        return error
