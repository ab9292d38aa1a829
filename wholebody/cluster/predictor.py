"""Predictions by the workers of a cluster, a chunk of tasks a call. Nothing but these comes back from there."""

import logging
import pickle
import queue
import time
from collections.abc import Callable, Generator, Iterator

from distributed import Client, Future

from wholebody.cluster.chunks import ChunkSource, Task
from wholebody.cluster.dispatch import ALLOWED_DEATHS, Call, Dispatcher
from wholebody.cluster.outcomes import restored
from wholebody.cluster.roster import Presence, Roster
from wholebody.cluster.worker import Outcomes, predict_chunk
from wholebody.errors import ClusterError, ModelError
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)

NOBODY_S, SAYS_EVERY_S = 600.0, 60.0
"""How long a run waits when all workers are gone, and how often it says so."""

POLL_S = 0.2
"""How soon a request to stop or the death of a worker is noticed."""

FETCH_S = 5.0
"""After so long it is asked whether the worker that has a result is still there."""

DIED = (
    f"{ALLOWED_DEATHS} workers died while they predicted it, of too little memory or a fault in a library; their logs "
    "may say more"
)


class ClusterPredictor:
    """Predicts tasks on workers; see `parts.Predictor`.

    Dask computes at least once: what a worker has finished and the client has not fetched dies with it. So a chunk
    counts as done when its results are here, and the chunks of a dead worker go to another one.

    Args:
        client: Connected.
        roster: The workers.
        config: What to fill.
        stop: Ends it.

    Attributes:
        model_version: The model version of the predictions.
    """

    def __init__(self, client: Client, roster: Roster, config: LabelingConfig, stop: Stop) -> None:
        self.model_version = roster.model_version
        self._client = client
        self._roster = roster
        self._pickled_config = pickle.dumps(config)
        self._stop = stop
        self._over: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._deserted = _Deserted()

    @property
    def workers(self) -> int:
        """How many workers there are at the moment."""
        return self._roster.count

    def predict(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Prediction | Exception], None, None]:
        """See `parts.Predictor`.

        Raises:
            ClusterError: The scheduler is gone, or all workers are and none comes back.
        """
        source = ChunkSource(tasks)
        dispatcher = Dispatcher(source, self._submit)
        try:
            while not (self._stop.is_set() or dispatcher.is_done):
                presence = self._roster.now()
                self._deserted.check(presence)
                for task in dispatcher.take_back(_is_gone(presence), presence.stuck.__contains__):
                    yield task, ModelError(DIED)
                dispatcher.hand_out(presence.usable)
                yield from self._results(dispatcher, source)
        finally:
            for call in dispatcher.calls():
                call.future.release()

    def _submit(self, call: Call) -> None:
        call.future = self._client.submit(
            predict_chunk,
            call.chunk.payload(self._pickled_config),
            workers=[call.address],
            allow_other_workers=False,
            pure=False,
        )
        call.future.add_done_callback(lambda future: self._hear(call, future))

    def _hear(self, call: Call, future: Future) -> None:
        """In a thread of Dask's."""
        call.is_computed |= future.status == "finished"
        self._over.put(call)

    def _results(self, dispatcher: Dispatcher, source: ChunkSource) -> Iterator[tuple[Task, Prediction | Exception]]:
        """Those of the next call that is over, if one is soon."""
        try:
            call = self._over.get(timeout=POLL_S)
        except queue.Empty:
            return
        results = self._fetch(call) if dispatcher.counts(call) else None
        if results is None:
            return
        dispatcher.finish(call)
        call.future.release()
        if isinstance(results, Exception):
            log.warning("a chunk of %d tasks had no result: %s", len(call.chunk.tasks), results)
            for task in dispatcher.fail(call):
                yield task, ModelError(DIED)
            return
        outcomes, seconds = results
        source.learn(len(outcomes), seconds)
        for task, outcome in zip(call.chunk.tasks, outcomes, strict=True):
            yield task, restored(outcome)

    def _fetch(self, call: Call) -> tuple[Outcomes, float] | Exception | None:
        """What came of a call: its results, or Dask's own error; `None` where its worker is gone."""
        patience_s = FETCH_S
        while call.future.status in ("finished", "error") and not self._stop.is_set():
            if call.future.status == "error":
                return ClusterError(_brief(call.future.exception()))
            try:
                results: tuple[Outcomes, float] = call.future.result(timeout=patience_s)
                return results
            except TimeoutError:
                patience_s *= 2  # a long answer over a slow line
                if call.address not in self._roster.now().present:
                    return None
            except Exception as error:
                self._roster.now()
                return ClusterError(_brief(error))
        return None


class _Deserted:
    """Whether there are no workers, and for how long."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._said_at = 0.0

    def check(self, presence: Presence) -> None:
        """Say so now and then.

        Raises:
            ClusterError: It has been too long.
        """
        now = time.monotonic()
        if presence.usable:
            self._since = None
            return
        if self._since is None:
            self._since = self._said_at = now
        if now - self._since > NOBODY_S:
            raise ClusterError(f"no worker for {NOBODY_S:g} s; start some, and run again to go on")
        if now - self._said_at > SAYS_EVERY_S:
            self._said_at = now
            log.warning("no worker is left; waiting for one")


def _is_gone(presence: Presence) -> Callable[[str], bool]:
    return lambda address: address not in presence.present


def _brief(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
