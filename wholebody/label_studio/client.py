"""The Label Studio REST client: projects, tasks by id from here on, predictions."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wholebody.errors import LabelStudioError, UnavailableError
from wholebody.label_studio.predictions import Predictions
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.label_studio.transport import Transport
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

PAGE_SIZE = 100
"""Larger pages cost Label Studio more for each task: 100 take 0.08 s, 5,000 take 3.5 s."""

Task = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Project:
    """What the prefill needs of a project; `model_version` is the one that its labeling stream shows."""

    id: int
    title: str
    label_config: str
    model_version: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the tasks, annotations and drafts of a project use, as Label Studio's summary counts it.

    Attributes:
        regions: `from_name`, `to_name` and type -> how many regions of annotations.
        labels: `from_name` -> label -> how many, drafts included.
        data_keys: Keys of the tasks' data.
    """

    regions: dict[tuple[str, str, str], int]
    labels: dict[str, dict[str, int]]
    data_keys: frozenset[str]


class LabelStudioClient:
    """Reads tasks and writes predictions. For one thread: there is one writer.

    Args:
        settings: Address, token, delay and repetitions.
        stop: When set, the call in hand is finished, and no write or repetition is begun any more.

    Raises:
        SettingsError: Address or token is not set.
        AuthenticationError: The token is of a kind that cannot work.
    """

    def __init__(self, settings: Settings, stop: Stop) -> None:
        self._transport = Transport(settings, stop)
        self._predictions = Predictions(self._transport)
        self._base_url = self._transport.base_url

    def project(self, project_id: int) -> Project:
        """Read a project.

        Raises:
            LabelStudioError: There is none, the token may not see it, or Label Studio cannot be reached.
        """
        answer = self._transport.repeated(lambda: self._transport.read(f"/api/projects/{project_id}/"))
        try:
            return Project(answer["id"], answer["title"], answer["label_config"], answer.get("model_version") or "")
        except (KeyError, TypeError):
            raise LabelStudioError(
                f"{self._base_url} does not answer as Label Studio; check LABEL_STUDIO_URL"
            ) from None

    def count_tasks(self, project_id: int, query: TaskQuery) -> int:
        """How many tasks there are of a kind."""
        if query.ids is not None:
            return sum(self._count(project_id, query.among(ids)) for ids in _batches(query.ids))
        return self._count(project_id, query)

    def tasks(self, project_id: int, query: TaskQuery) -> Iterator[Task]:
        """The tasks (`id`, `data`) of a kind, by id.

        Each page asks for ids beyond the last, never for a page number: tasks leave the list while it is read.
        """
        for ids in [None] if query.ids is None else _batches(query.ids):
            rest = query if ids is None else query.among(ids)
            while page := self._page(project_id, rest, PAGE_SIZE)["tasks"]:
                yield from page
                rest = rest.from_id(page[-1]["id"] + 1)

    def save_prediction(self, task_id: int, prediction: Prediction, *, replaces: bool = False) -> bool:
        """Store a prediction unless the task has one: see `Predictions.save`."""
        return self._predictions.save(task_id, prediction, replaces=replaces)

    def tidy(self, task_id: int, version: str, *, replaces: bool = False) -> int:
        """Delete what a task has too much, and say how many: see `Predictions.tidy`."""
        return self._predictions.tidy(task_id, version, replaces=replaces)

    def seconds_to_settle(self) -> float:
        """How long a write of this client may still be carried out unseen; 0 when there is none."""
        return max(0.0, self._predictions.settled_at - time.monotonic())

    def prediction_versions(self, task_id: int) -> set[str]:
        """The model versions of the predictions that a task has."""
        return {str(one["model_version"]) for one in self._predictions.of(task_id)}

    def show_predictions_of(self, project_id: int, version: str) -> None:
        """Make the project's labeling stream show the predictions of a model version that is stored in it."""
        body = {"model_version": version}
        self._transport.repeated(lambda: self._transport.write_last("PATCH", f"/api/projects/{project_id}/", body))

    def usage(self, project_id: int) -> Usage:
        """What a labeling config must have, lest something of the project be orphaned."""
        answer = self._transport.repeated(lambda: self._transport.read(f"/api/projects/{project_id}/summary/"))
        try:
            regions = {_control(kind): count for kind, count in answer["created_annotations"].items()}
            labels = {name: dict(counts) for name, counts in answer["created_labels"].items()}
            for name, counts in answer["created_labels_drafts"].items():
                labels.setdefault(name, {}).update(counts)
            return Usage(regions, labels, frozenset(answer["all_data_columns"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise LabelStudioError(f"{self._base_url} does not summarize projects as Label Studio does") from None

    def set_label_config(self, project_id: int, label_config: str) -> None:
        """Give a project another labeling config.

        Raises:
            LabelStudioError: Label Studio refuses it, as it does when regions would lose their control.
        """
        body = {"label_config": label_config}
        self._transport.repeated(lambda: self._transport.write("PATCH", f"/api/projects/{project_id}/", body))

    def _count(self, project_id: int, query: TaskQuery) -> int:
        return int(self._page(project_id, query, page_size=1)["total"])

    def _page(self, project_id: int, query: TaskQuery, page_size: int) -> Any:
        return self._transport.repeated(lambda: self._list_page(project_id, query, page_size))

    def _list_page(self, project_id: int, query: TaskQuery, page_size: int) -> Any:
        parameters = {
            "project": project_id,
            "page": 1,
            "page_size": page_size,
            "include": "id,data",
            "resolve_uri": "false",
            "query": query.encoded(),
        }
        answer = self._transport.read("/api/tasks/", parameters)
        if not _is_page(answer):
            raise UnavailableError(f"{self._base_url} does not list tasks as Label Studio does")
        ids = [task["id"] for task in answer["tasks"]]
        if ids and (ids[0] < query.start_id or ids != sorted(ids)):
            raise UnavailableError(f"{self._base_url} does not list tasks by id from {query.start_id} on, as was asked")
        return answer


def _is_page(answer: Any) -> bool:
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("tasks"), list)
        and isinstance(answer.get("total"), int)
        and bool(answer["tasks"]) == bool(answer["total"])
        and all(isinstance(task, dict) and isinstance(task.get("id"), int) for task in answer["tasks"])
    )


def _batches(ids: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """So many ids at a time as an address holds."""
    return (ids[start : start + PAGE_SIZE] for start in range(0, len(ids), PAGE_SIZE))


def _control(kind: str) -> tuple[str, str, str]:
    """`from_name`, `to_name` and type of regions, of which Label Studio's summary makes one word."""
    name, to_name, region_type = kind.split("|")
    return name, to_name, region_type
