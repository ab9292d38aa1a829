"""One import: a COCO file -> tasks in a file for Label Studio's import, or in a project. Knows no options."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import orjson
from tqdm import tqdm

from wholebody.dataset.coco_reader import read_coco
from wholebody.dataset.left_out import LeftOutTally
from wholebody.dataset.task_writer import TaskWriter
from wholebody.errors import DatasetError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.task_queries import TaskQuery

Task = dict[str, Any]

TASKS_A_CALL = 20
"""Of four people with 133 points each: 3 MB."""


class TaskStore(Protocol):
    """What the import needs of a project in Label Studio."""

    def images(self) -> set[str]:
        """What the tasks that are there already say of their image."""

    def add(self, tasks: list[Task]) -> None:
        """Store some tasks.

        Raises:
            LabelStudioError: Whether they were stored is not known.
        """


@dataclass(frozen=True, slots=True)
class ProjectTasks:
    """A `TaskStore`: a project in Label Studio.

    Attributes:
        client: Whose token may add tasks.
        project_id: The project.
        key: Which of the data of its tasks is the image.
    """

    client: LabelStudioClient
    project_id: int
    key: str

    def images(self) -> set[str]:
        """See `TaskStore`."""
        return {str(task["data"].get(self.key)) for task in self.client.tasks(self.project_id, TaskQuery())}

    def add(self, tasks: list[Task]) -> None:
        """See `TaskStore`."""
        self.client.import_tasks(self.project_id, tasks)


@dataclass(slots=True)
class Imported:
    """What came of an import.

    Attributes:
        tasks: How many were written.
        people: How many are in them.
        there: Tasks whose picture the project has already, and which were not written again.
        left_out: What could not be taken over; by the names of the pictures.
    """

    tasks: int = 0
    people: int = 0
    there: int = 0
    left_out: LeftOutTally = field(default_factory=lambda: LeftOutTally("picture"))


def import_to_file(coco: Path, writer: TaskWriter, out: Path) -> Imported:
    """Write a file for Label Studio's import; it is there whole or not at all.

    Raises:
        DatasetError: The COCO file is none, or the other is there already or cannot be written.
    """
    if out.exists():
        raise DatasetError(f"{out} is there already; delete it, or choose another file with --out")
    imported = Imported()
    tasks = _tasks(coco, writer, imported)
    partial = out.with_name(f"{out.name}.partial")
    try:
        with partial.open("wb") as stream:
            for number, task in enumerate(tasks):
                stream.write(b",\n" if number else b"[\n")
                stream.write(orjson.dumps(task))
                _count(task, imported)
            stream.write(b"\n]\n" if imported.tasks else b"[]\n")
        partial.rename(out)
    except OSError as error:
        raise DatasetError(f"{out} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    return imported


def import_to_project(coco: Path, writer: TaskWriter, store: TaskStore) -> Imported:
    """Store tasks in a project; a picture that the project has already gets no second task.

    Raises:
        DatasetError: The COCO file is none.
        LabelStudioError: Label Studio failed; run again to go on.
    """
    imported = Imported()
    tasks = list(_tasks(coco, writer, imported))
    there = store.images()
    new = [task for task in tasks if task["data"][writer.key] not in there]
    imported.there = len(tasks) - len(new)
    with tqdm(total=len(new), unit="task", disable=None) as progress:
        for some in _batches(new):
            store.add(some)
            for task in some:
                _count(task, imported)
            progress.update(len(some))
    return imported


def _batches(tasks: list[Task]) -> Iterator[list[Task]]:
    return (tasks[start : start + TASKS_A_CALL] for start in range(0, len(tasks), TASKS_A_CALL))


def _tasks(coco: Path, writer: TaskWriter, imported: Imported) -> Iterable[Task]:
    images, homeless = read_coco(coco)
    for one in homeless:
        imported.left_out.add(one.what, one)
    for image in images:
        task, left_out = writer.task(image)
        for one in left_out:
            imported.left_out.add(image.file_name, one)
        yield task


def _count(task: Task, imported: Imported) -> None:
    imported.tasks += 1
    imported.people += len(task["meta"]["coco"]["people"])
