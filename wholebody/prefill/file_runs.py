"""Runs whose predictions go into files: of tasks in a file, without any Label Studio, or of a project."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wholebody.dataset.task_files import read_text
from wholebody.errors import DatasetError, SettingsError
from wholebody.keypoints import Part
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.prefill.failures import read_failed, read_failed_ids
from wholebody.prefill.file_predictions import FilePredictions
from wholebody.prefill.file_tasks import FileTasks
from wholebody.prefill.parts import Counts, OpenPredictor, Parts, Predictor, Task, TaskSource
from wholebody.prefill.project_tasks import ProjectTasks
from wholebody.prefill.run import Outcome, do_tasks, open_threads
from wholebody.prefill.shards import Shard
from wholebody.prefill.task_folder import TaskFolder
from wholebody.prefill.task_keys import TaskKeys, key_of
from wholebody.prefill.task_lists import TaskList
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

SAMPLE = 100
"""Tasks of a folder that a project is asked for, to see that they are its own: as many as one call takes."""


@dataclass(frozen=True, slots=True)
class FileRun:
    """What such a run is to do.

    Attributes:
        out: The folder for the files.
        tasks: The file of tasks; `None` for those of a project.
        config_file: The labeling config of tasks in a file; `None` for that of `wholebody config`.
        shard: Which part of the tasks.
        tasks_a_file: After so many tasks a new file is begun.
        dry_run: Predict, but write nothing.
        failures: Where the tasks that failed are listed.
        retry_failed: Such a list; only its tasks are tried.
    """

    out: Path
    tasks: Path | None
    config_file: Path | None
    shard: Shard
    tasks_a_file: int
    dry_run: bool
    failures: Path
    retry_failed: Path | None


class NewProjectTasks:
    """A `parts.TaskSource`: those of a project that a folder lacks.

    Args:
        tasks: The project's.
        done: Those that the folder has.
        shard: Which of them are this run's.
    """

    def __init__(self, tasks: ProjectTasks, done: TaskKeys, shard: Shard) -> None:
        self._tasks = tasks
        self._done = done
        self._shard = shard

    def count(self) -> Counts:
        """See `TaskSource`."""
        if self._shard.count == 1 and not len(self._done):
            return self._tasks.count()
        return Counts(None, int((self._done.who % np.uint64(self._shard.count) == self._shard.number - 1).sum()))

    def tasks(self) -> Iterator[Task]:
        """See `TaskSource`: by id."""
        return (task for task in self._tasks.tasks() if self._shard.has(task["id"]) and task["id"] not in self._done)


def run_to_files(settings: Settings, stop: Stop, run: FileRun, open_predictor: OpenPredictor = open_threads) -> Outcome:
    """Predict tasks into files.

    Args:
        settings: All settings. Without a file of tasks, `project_id` must be set.
        stop: The user's wish to stop.
        run: What is to be done.
        open_predictor: Who predicts.

    Raises:
        WholebodyError: It could not start; a StoppedError when the user did not let it.
    """
    folder = TaskFolder(run.out, run.shard)
    with nullcontext() if run.dry_run else folder.locked():
        return _run_locked(settings, stop, run, folder, open_predictor)


def _run_locked(
    settings: Settings, stop: Stop, run: FileRun, folder: TaskFolder, open_predictor: OpenPredictor
) -> Outcome:
    of_file = None if run.tasks is None else _of_file(settings, run, run.tasks, folder)
    name, config, source = of_file or _of_project(settings, stop, run, folder)
    with open_predictor(settings, config, stop) as predictor:
        _check_version(predictor, folder)
        store = None if run.dry_run else FilePredictions(folder, run.tasks_a_file)
        parts = Parts(source, predictor, store)
        failed = run.retry_failed
        return do_tasks(parts, settings, stop, name=name, failures=run.failures, retry_failed=failed)


def _of_file(
    settings: Settings, run: FileRun, path: Path, folder: TaskFolder
) -> tuple[str, LabelingConfig, TaskSource]:
    config = parse_labeling_config(read_text(run.config_file) if run.config_file else write_config(tuple(Part)))
    ids = None if run.retry_failed is None else read_failed(run.retry_failed)
    tasks = TaskList(path, config, settings.image_files_prefix, settings.image_files_dir or path.parent)
    start_id = settings.start_task_id
    return str(path), config, FileTasks(tasks, folder.keys(), str(run.out), run.shard, start_id=start_id, ids=ids)


def _of_project(
    settings: Settings, stop: Stop, run: FileRun, folder: TaskFolder
) -> tuple[str, LabelingConfig, TaskSource]:
    if settings.project_id is None:
        raise SettingsError("of which tasks? give --tasks with a file, or --project")
    ids = None if run.retry_failed is None else read_failed_ids(run.retry_failed)
    client = LabelStudioClient(settings, stop)
    project = client.project(settings.project_id)
    done = folder.keys()
    _check_project(client, project, done, run.out)
    start_id = settings.start_task_id
    tasks = ProjectTasks(client, project.id, "", start_id=start_id, ids=ids, is_replaced=None, stop=stop)
    config = parse_labeling_config(project.label_config)
    return f"project {project.id} {project.title!r}", config, NewProjectTasks(tasks, done, run.shard)


def _check_version(predictor: Predictor, folder: TaskFolder) -> None:
    others = folder.versions() - {predictor.model_version}
    if others:
        raise DatasetError(
            f"{folder.path} has predictions of {min(others)}, and this run's are of {predictor.model_version}; choose "
            "another folder with --out, or the settings and weights of that one"
        )


def _check_project(client: LabelStudioClient, project: Project, done: TaskKeys, out: Path) -> None:
    """Some of a folder's tasks, and whether they are the project's."""
    if not len(done):
        return
    places = np.linspace(0, len(done) - 1, min(SAMPLE, len(done))).astype(int)
    sample = {int(done.who[place]): int(done.data[place]) for place in places}
    numbers = [who for who in sample if who < 1 << 63]
    there = [key_of(task) for task in client.tasks(project.id, TaskQuery().among(numbers))] if numbers else []
    if not there or any(sample[key.who] != key.data for key in there):
        raise DatasetError(
            f"{out} has tasks that are not those of project {project.id} {project.title!r}; choose another folder with "
            "--out"
        )
