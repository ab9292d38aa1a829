"""Predictions of a folder into a project that has the tasks already, through the one writer."""

import logging
from array import array
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from wholebody.errors import DatasetError, SettingsError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.labeling.config_fit import fits
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.predictions import Prediction
from wholebody.prefill.bulk import InBulk
from wholebody.prefill.parts import Counts, Parts, Task
from wholebody.prefill.project_predictions import ProjectPredictions
from wholebody.prefill.run import Outcome, do_tasks
from wholebody.prefill.task_folder import TaskFolder
from wholebody.prefill.task_keys import TaskKeys, has_id, key_of
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

log = logging.getLogger(__name__)

BATCH = 100
"""Tasks that a project is asked for at a time: as many as one call takes."""


class StoredPredictions:
    """The tasks of a folder as those of a project, with what was predicted: a `TaskSource` and `Predictor` in one.

    A task is known by its id and data, or else by its data alone; several tasks with the same data are all meant.

    Args:
        folder: The folder.
        client: Label Studio.
        project_id: The project.
        config: Its labeling config.
        stop: Ends it.

    Attributes:
        model_version: That of the folder.
        workers: None: nothing is predicted.
        done: Tasks that were met and need nothing: they are annotated, or have a prediction.

    Raises:
        DatasetError: The folder has no predictions, or of several model versions.
    """

    def __init__(
        self, folder: TaskFolder, client: LabelStudioClient, project_id: int, config: LabelingConfig, stop: Stop
    ) -> None:
        versions = folder.versions()
        if not versions:
            raise DatasetError(f"{folder.path} has no predictions; give the folder that a prefill with --out wrote")
        if len(versions) > 1:
            several = ", ".join(sorted(versions))
            raise DatasetError(
                f"{folder.path} has predictions of several model versions: {several}; give each a folder"
            )
        (self.model_version,) = versions
        self.workers = None
        self.done = 0
        self._folder = folder
        self._client = client
        self._project_id = project_id
        self._config = config
        self._stop = stop
        self._by_data: ProjectByData | None = None

    def count(self) -> Counts:
        """See `TaskSource`: those of the folder."""
        return Counts(self._folder.count(), 0)

    def tasks(self) -> Iterator[Task]:
        """See `TaskSource`."""
        stored = self._folder.tasks()
        while batch := list(islice(stored, BATCH)):
            found = self._find([task for task, _ in batch])
            undone = TaskQuery.undone().among([one for ids in found for one in ids])
            todo = {task["id"] for task in self._client.tasks(self._project_id, undone)}
            for (task, place), ids in zip(batch, found, strict=True):
                if not ids:
                    missing = f"project {self._project_id} has no task with this id and data, nor with this data"
                    yield {"id": place, "data": task["data"], "outcome": DatasetError(missing)}
                for task_id in ids:
                    if task_id in todo:
                        yield {"id": task_id, "data": task["data"], "outcome": self._prediction(task)}
                    else:
                        self.done += 1

    def predict(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Prediction | Exception], None, None]:
        """See `Predictor`: what is there already."""
        for task in tasks:
            if self._stop.is_set():
                return
            yield task, task.pop("outcome")

    def _find(self, tasks: list[Task]) -> list[list[int]]:
        """The ids that tasks have in the project."""
        keys = [key_of(task) for task in tasks]
        query = TaskQuery().among([task["id"] for task in tasks if has_id(task)])
        there = {key_of(task) for task in self._client.tasks(self._project_id, query)}
        return [[task["id"]] if key in there else self._with_data(task) for task, key in zip(tasks, keys, strict=True)]

    def _with_data(self, task: Task) -> list[int]:
        if self._by_data is None:
            log.info("reading all tasks of project %d, for the folder does not have their ids", self._project_id)
            self._by_data = ProjectByData(self._client.tasks(self._project_id, TaskQuery()))
        return self._by_data.find(task)

    def _prediction(self, task: Task) -> Prediction | Exception:
        prediction: Any = task["predictions"][-1]
        if not isinstance(prediction.get("result"), list) or prediction.get("model_version") != self.model_version:
            return DatasetError(f"its prediction in {self._folder.path} is not as it was written")
        if not fits(prediction["result"], self._config):
            return DatasetError(
                "its prediction has labels or controls that the project's labeling config lacks; predict it with "
                "--config, the config of the project"
            )
        found: Prediction = prediction
        return found


class ProjectByData:
    """Which tasks of a project have some data. 24 bytes a task.

    Args:
        tasks: All of the project.
    """

    def __init__(self, tasks: Iterator[Task]) -> None:
        self._ids = array("Q")
        self._keys = TaskKeys(map(self._key, tasks))

    def find(self, task: Task) -> list[int]:
        """The ids of those with the data of this task."""
        wanted = key_of({"data": task["data"]})
        places = self._keys.find_all(wanted.who)
        return [self._ids[place] for place in places if int(self._keys.data[place]) == wanted.data]

    def _key(self, task: Task) -> Any:
        self._ids.append(task["id"])
        return key_of({"data": task["data"]})


def import_predictions(
    settings: Settings, stop: Stop, folder: Path, failures: Path, *, bulk: int | None = None
) -> Outcome:
    """Store the predictions of a folder in the project's tasks that have neither a prediction nor an annotation.

    Args:
        settings: All settings; `project_id` must be set.
        stop: The user's wish to stop.
        folder: What a prefill with `--out` wrote.
        failures: Where the tasks that failed are listed.
        bulk: How many predictions are stored in one call; `None` for one.

    Raises:
        WholebodyError: It could not start; a StoppedError when the user did not let it.
    """
    if settings.project_id is None:
        raise SettingsError("into which project? give --project")
    client = LabelStudioClient(settings, stop)
    project = client.project(settings.project_id)
    config = parse_labeling_config(project.label_config)
    if bulk:
        client.check_bulk(project.id)
    read = TaskFolder(folder)
    if read.unfinished():
        log.warning("%s: a run still writes to it, or was killed; run it again, and this import after it", folder)
    stored = StoredPredictions(read, client, project.id, config, stop)
    version = stored.model_version
    store = ProjectPredictions(client, project, version, start_id=1, is_replaced=None, stop=stop)
    everything = settings.model_copy(update={"task_limit": None, "start_task_id": 1})
    name = f"{folder} for project {project.id} {project.title!r}"
    parts = Parts(stored, InBulk(stored, store, config, bulk) if bulk else stored, store)
    outcome = do_tasks(parts, everything, stop, name=name, failures=failures, retry_failed=None)
    outcome.summary.skipped += stored.done
    return outcome
