"""Predictions stored many at a time, before they come to the writer one by one; see `Predictions.save_all`."""

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice

from wholebody.labeling.config_fit import fits
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.predictions import Prediction
from wholebody.prefill.parts import Predictor, Task
from wholebody.prefill.project_predictions import ProjectPredictions


class InBulk:
    """A `parts.Predictor` that has what another predicts stored in bulk, and then hands it on.

    Whoever stores it next finds it stored, or stores it as ever.

    Args:
        predictor: Who predicts.
        store: Where predictions go.
        config: The project's labeling config. What does not fit it is only handed on: Label Studio looks at nothing.
        size: Predictions a call, at most.
    """

    def __init__(self, predictor: Predictor, store: ProjectPredictions, config: LabelingConfig, size: int) -> None:
        self.model_version = predictor.model_version
        self._predictor = predictor
        self._store = store
        self._config = config
        self._size = size

    @property
    def workers(self) -> int | None:
        """See `parts.Predictor`."""
        return self._predictor.workers

    def predict(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Prediction | Exception], None, None]:
        """See `parts.Predictor`. Also raises what `ProjectPredictions.save_all` does."""
        with closing(self._predictor.predict(tasks)) as outcomes:
            while batch := list(islice(outcomes, self._size)):
                self._store.save_all(
                    {
                        task["id"]: outcome
                        for task, outcome in batch
                        if not isinstance(outcome, Exception) and fits(outcome["result"], self._config)
                    }
                )
                yield from batch
