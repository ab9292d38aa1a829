"""The Label Studio REST client: projects, tasks by id from here on, predictions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from wholebody.errors import GoneError, LabelStudioError, UnavailableError
from wholebody.label_studio.bulk_imports import check_bulk
from wholebody.label_studio.duplicates import IsReplaced, is_never_replaced
from wholebody.label_studio.late_writes import LateWrites
from wholebody.label_studio.model_versions import count_versions
from wholebody.label_studio.predictions import Predictions
from wholebody.label_studio.releases import read_release
from wholebody.label_studio.tabs import Tab, TabState, ensure_tab
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.label_studio.transport import Transport
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

PAGE_SIZE = 100
"""Larger pages cost Label Studio more for each task: 100 take 0.08 s, 5,000 take 3.5 s."""

PREDICTED_PAGE_SIZE = 20
"""Tasks with predictions are long: 70 kB for each two people. Larger pages take no less time for each task (0.01 s)."""

PREDICTED = {"include": "id,predictions", "fields": "all"}

Task = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Project:
    """What the commands need of a project.

    Attributes:
        model_version: The one that its labeling stream shows: of predictions, or a backend's title.
        sampling: Which task its labeling stream serves next.
    """

    id: int
    title: str
    label_config: str
    model_version: str
    sampling: str = ""


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

    def release(self) -> Version | None:
        """Which Label Studio it is; `None` where it does not say, as behind a proxy that hides it.

        Raises:
            UnavailableError: It cannot be reached.
        """
        try:
            return read_release(self._transport.repeated(lambda: self._transport.read("/api/version/")))
        except UnavailableError:
            raise
        except LabelStudioError:
            return None

    def project(self, project_id: int) -> Project:
        """Read a project.

        Raises:
            GoneError: There is none that the token's user may see.
            LabelStudioError: Label Studio cannot be reached.
        """
        with _named(project_id):
            answer = self._transport.repeated(lambda: self._transport.read(f"/api/projects/{project_id}/"))
        try:
            return Project(
                answer["id"],
                answer["title"],
                answer["label_config"],
                answer.get("model_version") or "",
                answer.get("sampling") or "",
            )
        except (KeyError, TypeError):
            raise LabelStudioError(
                f"{self._base_url} does not answer as Label Studio; check LABEL_STUDIO_URL"
            ) from None

    def check_project(self, project_id: int) -> None:
        """Ask once whether a project is there.

        Raises:
            GoneError: There is none that the token's user may see.
            LabelStudioError: Label Studio does not say.
        """
        with _named(project_id):
            self._transport.read(f"/api/projects/{project_id}/")

    def count_tasks(self, project_id: int, query: TaskQuery) -> int:
        """How many tasks there are of a kind."""
        return sum(self._count(project_id, batch) for batch in _batches_of(query))

    def tasks(self, project_id: int, query: TaskQuery) -> Iterator[Task]:
        """The tasks (`id`, `data`) of a kind, by id.

        Each page asks for ids beyond the last, never for a page number: tasks leave the list while it is read.

        Raises:
            GoneError: There is no such project that the token's user may see.
            LabelStudioError: There is no answer.
        """
        for batch in _batches_of(query):
            yield from self._pages(project_id, batch, PAGE_SIZE, {"include": "id,data"})

    def predicted_tasks(self, project_id: int, query: TaskQuery, *, with_data: bool = False) -> Iterator[Task]:
        """The tasks of a kind with their predictions (`id`, `predictions`, or `data` too), by id, a few at a time."""
        shown = PREDICTED | {"include": "id,data,predictions"} if with_data else PREDICTED
        for batch in _batches_of(query):
            for task in self._pages(project_id, batch, PREDICTED_PAGE_SIZE, shown):
                if not isinstance(task.get("predictions"), list):
                    raise LabelStudioError(f"{self._base_url} does not list predictions as Label Studio does")
                yield task

    def tasks_in_full(self, project_id: int, query: TaskQuery) -> Iterator[Task]:
        """The tasks of a kind with their annotations, predictions and drafts, by id. No backend is asked for any.

        The list of tasks has no annotations, and Label Studio's export numbers alone of predictions, so each page is
        asked for twice.
        """
        while page := self._page(project_id, query, PREDICTED_PAGE_SIZE, PREDICTED)["tasks"]:
            ids = [task["id"] for task in page]
            exported = {task["id"]: task for task in self._export(project_id, ids)}
            for task in page:
                if task["id"] in exported:  # else it was deleted meanwhile
                    yield exported[task["id"]] | {"predictions": task.get("predictions")}
            query = query.from_id(ids[-1] + 1)

    def import_tasks(self, project_id: int, tasks: list[Task]) -> None:
        """Store tasks, with their annotations and predictions. Not repeated: it would store them twice.

        Raises:
            LabelStudioError: They were refused, or whether they were stored is not known.
        """
        self._transport.write("POST", f"/api/projects/{project_id}/import", tasks)

    def annotator_number(self, email: str) -> int:
        """The number of a user, by which annotations name who made them.

        Raises:
            LabelStudioError: Nobody has this e-mail address, or the token may not see it.
        """
        users = self._transport.repeated(lambda: self._transport.read("/api/users/"))
        for user in users if isinstance(users, list) else []:
            if isinstance(user, dict) and str(user.get("email")).lower() == email.lower():
                return int(user["id"])
        raise LabelStudioError(f"{self._base_url} has no user {email!r}")

    def save_prediction(
        self, task_id: int, prediction: Prediction, is_replaced: IsReplaced = is_never_replaced
    ) -> bool:
        """Store a prediction unless the task has one: see `Predictions.save`."""
        return self._predictions.save(task_id, prediction, is_replaced)

    def check_bulk(self, project_id: int) -> None:
        """Refuse a Label Studio that does not take predictions of many tasks at once: see `bulk_imports`."""
        self._transport.repeated(lambda: check_bulk(self._transport, project_id))

    def save_predictions(self, project_id: int, predictions: Mapping[int, Prediction]) -> bool:
        """Store predictions of tasks that have none in one call: see `Predictions.save_all`."""
        return self._predictions.save_all(project_id, predictions)

    def recount(self, task_id: int) -> None:
        """Let Label Studio count the predictions of a task: see `Predictions.recount`."""
        self._predictions.recount(task_id)

    def tidy(self, task_id: int, version: str, is_replaced: IsReplaced = is_never_replaced) -> int:
        """Delete what a task has too much, and say how many: see `Predictions.tidy`."""
        return self._predictions.tidy(task_id, version, is_replaced)

    @property
    def late_writes(self) -> LateWrites:
        """Writes of this client that were not answered."""
        return self._predictions.late

    def repeats_locked_writes(self, project_id: int, version: str) -> bool:
        """Whether Label Studio may itself repeat writes that its database refuses: it does on SQLite alone.

        No answer of Label Studio's names the database. But SQLite does not tell upper from lower case where text is
        searched (Django's documentation, "Substring matching and case sensitivity"), and PostgreSQL does.

        Args:
            project_id: A project.
            version: A model version with letters; where it has no prediction of that, the answer is yes.
        """
        exact, other = (TaskQuery.predicted_by(name) for name in (version, version.swapcase()))
        return bool(self.count_tasks(project_id, other)) or not self.count_tasks(project_id, exact)

    def prediction_versions(self, task_id: int) -> set[str]:
        """The model versions of the predictions that a task has."""
        return {str(one["model_version"]) for one in self._predictions.of(task_id)}

    def show_predictions_of(self, project_id: int, version: str) -> None:
        """Make the project's labeling stream show the predictions of a model version that is stored in it."""
        body = {"model_version": version}
        self._transport.repeated(lambda: self._transport.write_last("PATCH", f"/api/projects/{project_id}/", body))

    def model_versions(self, project_id: int) -> dict[str, int]:
        """The model version of each stored prediction of a project -> how many there are: see `count_versions`."""
        return self._transport.repeated(lambda: count_versions(self._transport.read, project_id))

    def change_project(self, project_id: int, changes: dict[str, str]) -> None:
        """Give a project other settings, under the names of Label Studio's API.

        Raises:
            LabelStudioError: Label Studio refuses one of them.
        """
        self._transport.repeated(lambda: self._transport.write("PATCH", f"/api/projects/{project_id}/", changes))

    def set_cluster(self, prediction_id: int, cluster: int) -> None:
        """Say which group of like predictions one belongs to: uncertainty sampling serves from all of them in turn.

        Raises:
            GoneError: It is not there any more.
            LabelStudioError: Label Studio refuses.
        """
        path, body = f"/api/predictions/{prediction_id}/", {"cluster": cluster}
        self._transport.repeated(lambda: self._transport.write("PATCH", path, body))

    def ensure_tab(self, project_id: int, tab: Tab) -> tuple[int, TabState]:
        """See to it that a project has a tab once: see `tabs.ensure_tab`."""
        return self._transport.repeated(lambda: ensure_tab(self._transport, project_id, tab))

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
        self.change_project(project_id, {"label_config": label_config})

    def _count(self, project_id: int, query: TaskQuery) -> int:
        return int(self._page(project_id, query, 1, {"include": "id"})["total"])

    def _export(self, project_id: int, ids: list[int]) -> list[Task]:
        """Some tasks as Label Studio's JSON export has them."""
        parameters = {"exportType": "JSON", "download_all_tasks": "true", "ids[]": ids}
        answer = self._transport.repeated(
            lambda: self._transport.read(f"/api/projects/{project_id}/export", parameters)
        )
        if not isinstance(answer, list) or not all(isinstance(task, dict) and "id" in task for task in answer):
            raise LabelStudioError(f"{self._base_url} does not export tasks as Label Studio does")
        return answer

    def _pages(self, project_id: int, query: TaskQuery, page_size: int, shown: dict[str, str]) -> Iterator[Task]:
        while page := self._page(project_id, query, page_size, shown)["tasks"]:
            yield from page
            query = query.from_id(page[-1]["id"] + 1)

    def _page(self, project_id: int, query: TaskQuery, page_size: int, shown: dict[str, str]) -> Any:
        with _named(project_id):
            return self._transport.repeated(lambda: self._list_page(project_id, query, page_size, shown))

    def _list_page(self, project_id: int, query: TaskQuery, page_size: int, shown: dict[str, str]) -> Any:
        parameters = {
            "project": project_id,
            "page": 1,
            "page_size": page_size,
            "resolve_uri": "false",
            "query": query.encoded(),
            **shown,
        }
        answer = self._transport.read("/api/tasks/", parameters)
        if not _is_page(answer):
            raise UnavailableError(f"{self._base_url} does not list tasks as Label Studio does")
        ids = [task["id"] for task in answer["tasks"]]
        if ids and (ids[0] < query.start_id or ids != sorted(ids)):
            raise UnavailableError(f"{self._base_url} does not list tasks by id from {query.start_id} on, as was asked")
        return answer


@contextmanager
def _named(project_id: int) -> Iterator[None]:
    """Say which project it is that is not there."""
    try:
        yield
    except GoneError as error:
        raise GoneError(
            f"there is no project {project_id} that the token's user may see ({error}); was it deleted? Else check the "
            "number in its address, and the token"
        ) from None


def _is_page(answer: Any) -> bool:
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("tasks"), list)
        and isinstance(answer.get("total"), int)
        and bool(answer["tasks"]) == bool(answer["total"])
        and all(isinstance(task, dict) and isinstance(task.get("id"), int) for task in answer["tasks"])
    )


def _batches_of(query: TaskQuery) -> Iterator[TaskQuery]:
    """The query itself, or several, each with as many ids as an address holds."""
    if query.ids is None:
        yield query
        return
    for start in range(0, len(query.ids), PAGE_SIZE):
        yield query.among(query.ids[start : start + PAGE_SIZE])


def _control(kind: str) -> tuple[str, str, str]:
    """`from_name`, `to_name` and type of regions, of which Label Studio's summary makes one word."""
    name, to_name, region_type = kind.split("|")
    return name, to_name, region_type
