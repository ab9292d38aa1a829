"""Predictions into numbered files of whole tasks, in the form that Label Studio imports."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from wholebody.errors import OutputError
from wholebody.predictions import Prediction
from wholebody.prefill.parts import Task
from wholebody.prefill.task_folder import BEGINNING, SEPARATOR, TaskFolder, write_all
from wholebody.prefill.task_keys import has_id, to_json

log = logging.getLogger(__name__)

TASKS_A_FILE = 1000

MOST_BYTES = 200_000_000
"""Of a file: Label Studio takes uploads of up to 250 MB."""


class FilePredictions:
    """A `parts.PredictionStore`. A task that is saved is on the disk, and a whole file is never changed.

    Args:
        folder: Where the files go; locked by this run.
        tasks_a_file: After so many a new one is begun.
    """

    def __init__(self, folder: TaskFolder, tasks_a_file: int) -> None:
        self._folder = folder
        self._tasks_a_file = tasks_a_file
        self._file: Path | None = None
        self._stream: Any = None
        self._end = self._tasks = 0

    def save(self, task: Task, prediction: Prediction) -> bool:
        """Write a task with its prediction.

        Raises:
            OutputError: It could not be written.
        """
        content = to_json(_written(task, prediction))
        try:
            if self._tasks and self._end + len(content) > MOST_BYTES:
                self._finish()
            if self._stream is None:
                self._begin()
            write_all(self._stream, (SEPARATOR if self._tasks else BEGINNING) + content)
            self._end += len(SEPARATOR if self._tasks else BEGINNING) + len(content)
            self._tasks += 1
            if self._tasks >= self._tasks_a_file:
                self._finish()
        except OSError as error:
            raise self._failed(error) from None
        return True

    def show(self) -> None:
        """Finish the file in hand: what was done can be imported."""
        try:
            self._finish()
        except OSError as error:
            raise self._failed(error) from None

    def settle(self) -> int:
        """See `PredictionStore`: no task is in two files."""
        return 0

    def _begin(self) -> None:
        self._file = self._folder.new_file()
        self._stream = self._file.open("xb", buffering=0)
        self._end = self._tasks = 0

    def _finish(self) -> None:
        if self._stream is None or self._file is None:
            return
        file, end = self._file, self._end
        self._stream.close()
        self._stream = self._file = None
        self._end = self._tasks = 0
        self._folder.finish(file, end)

    def _failed(self, error: OSError) -> OutputError:
        """What is wrong; and no part of a task stays in the file."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.truncate(self._end)
                self._stream.seek(self._end)
        return OutputError(
            f"{self._folder.path} cannot be written: {error.strerror}; mend that, and run again to go on"
        )


def _written(task: Task, prediction: Prediction) -> Task:
    """A task as Label Studio imports it; `predictions` comes last, so that the rest can be read alone."""
    kept = {name: task[name] for name in ("data", "meta") if task.get(name)}
    return ({"id": task["id"]} if has_id(task) else {}) | kept | {"predictions": [prediction]}
