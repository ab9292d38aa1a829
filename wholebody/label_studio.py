"""The Label Studio REST client of the prefill: keyset listing, and writes that are paced, repeated and reconciled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from wholebody.credential import Credential, describe_transport, unchanged
from wholebody.errors import AuthenticationError, LabelStudioError, SettingsError, StoppedError, UnavailableError
from wholebody.pacing import Backoff, Pace, log_repetition, parse_retry_after
from wholebody.regions import Prediction
from wholebody.settings import Settings
from wholebody.stopping import Stop

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 300.0
"""Label Studio on SQLite repeats a locked write by itself, for minutes, before it answers."""

PAGE_SIZE = 100
"""Larger pages cost Label Studio more for each task: 100 take 0.08 s, 5,000 take 3.5 s."""

NOT_NOW = frozenset({408, 425, 429, *range(500, 600)})

T = TypeVar("T")


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
        if settings.label_studio_url is None:
            raise SettingsError("LABEL_STUDIO_URL is not set; give the address of Label Studio")
        if settings.label_studio_api_token is None:
            raise SettingsError(
                "LABEL_STUDIO_API_TOKEN is not set; create a personal access token in Account & Settings"
            )
        self._base_url = settings.label_studio_url
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=0))
        self._credential = Credential(self._base_url, settings.label_studio_api_token, self._session)
        self._pace = Pace(settings.request_delay_seconds, stop)
        self._retrying = Retrying(
            retry=retry_if_exception_type(UnavailableError),
            wait=Backoff(settings.max_backoff_delay),
            stop=stop_after_attempt(settings.max_retries + 1),
            sleep=stop.pause,
            before_sleep=log_repetition,
            reraise=True,
        )

    def project(self, project_id: int) -> Project:
        """Read a project.

        Raises:
            LabelStudioError: There is none, the token may not see it, or Label Studio cannot be reached.
        """
        answer = self._repeated(lambda: self._call("GET", f"/api/projects/{project_id}/"))
        try:
            return Project(answer["id"], answer["title"], answer["label_config"], answer.get("model_version") or "")
        except (KeyError, TypeError):
            raise LabelStudioError(
                f"{self._base_url} does not answer as Label Studio; check LABEL_STUDIO_URL"
            ) from None

    def count_tasks(self, project_id: int, start_id: int, *, undone: bool) -> int:
        """How many tasks there are from `start_id` on: all, or those without prediction and annotation."""
        query = _query(start_id, undone=undone)
        return int(self._repeated(lambda: self._list_page(project_id, query, page_size=1))["total"])

    def undone_tasks(self, project_id: int, start_id: int) -> Iterator[dict[str, Any]]:
        """Tasks (`id`, `data`) without prediction or annotation, by id, from `start_id` on.

        Each page asks for ids beyond the last, never for a page number: tasks leave the list while it is read.
        """
        next_id = start_id
        while True:
            query = _query(next_id, undone=True)
            page = self._repeated(lambda query=query: self._list_page(project_id, query, PAGE_SIZE))["tasks"]  # type: ignore[misc]
            if not page:
                return
            ids = [task["id"] for task in page]
            if ids[0] < next_id or ids != sorted(ids):
                raise LabelStudioError(f"{self._base_url} does not list tasks by id from {next_id} on, as was asked")
            yield from page
            next_id = ids[-1] + 1

    def save_prediction(self, task_id: int, prediction: Prediction) -> bool:
        """Store a prediction unless the task has one; repeat what failed for now.

        Before every attempt, and after the last that failed, Label Studio is asked what the task has: a write
        whose answer was lost may well have been carried out, and somebody may have opened the task since it
        was listed.

        Returns:
            Whether it was stored; `False` when the task has got a prediction from elsewhere.

        Raises:
            LabelStudioError: Not stored, or (UnavailableError) not known to be stored.
            StoppedError: Not known to be stored, and not repeated because the user asked to stop.
        """
        version, posted = prediction["model_version"], False

        def write() -> bool:
            nonlocal posted
            if present := self.prediction_versions(task_id):
                return posted and version in present
            self._pace.wait()
            posted = True
            self._call("POST", "/api/predictions/", {"task": task_id, **prediction})
            return True

        try:
            return self._repeated(write)
        except (UnavailableError, StoppedError):
            if posted and self._is_stored(task_id, version):
                return True
            raise

    def show_predictions_of(self, project_id: int, version: str) -> None:
        """Make the project's labeling stream show the predictions of a model version that is stored in it."""
        self._repeated(lambda: self._call("PATCH", f"/api/projects/{project_id}/", {"model_version": version}))

    def usage(self, project_id: int) -> Usage:
        """What a labeling config must have, lest something of the project be orphaned."""
        answer = self._repeated(lambda: self._call("GET", f"/api/projects/{project_id}/summary/"))
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
        self._repeated(lambda: self._call("PATCH", f"/api/projects/{project_id}/", {"label_config": label_config}))

    def prediction_versions(self, task_id: int) -> set[str]:
        """The model versions of the predictions that a task has."""
        present = self._call("GET", "/api/predictions/", parameters={"task": task_id})
        if not isinstance(present, list):
            raise LabelStudioError(f"{self._base_url} does not list predictions as Label Studio does")
        return {str(one.get("model_version")) for one in present}

    def _is_stored(self, task_id: int, version: str) -> bool:
        """Whether a prediction is known to be stored, asked once."""
        try:
            return version in self.prediction_versions(task_id)
        except LabelStudioError:
            return False

    def _repeated(self, call: Callable[[], T]) -> T:
        return self._retrying.copy()(call)

    def _list_page(self, project_id: int, query: bytes, page_size: int) -> Any:
        parameters = {
            "project": project_id,
            "page": 1,
            "page_size": page_size,
            "include": "id,data",
            "resolve_uri": "false",
            "query": query,
        }
        answer = self._call("GET", "/api/tasks/", parameters=parameters)
        if (
            not isinstance(answer, dict)
            or not isinstance(answer.get("tasks"), list)
            or not isinstance(answer.get("total"), int)
        ):
            raise LabelStudioError(f"{self._base_url} does not list tasks as Label Studio does")
        return answer

    def _call(self, method: str, path: str, body: object = None, parameters: Any = None) -> Any:
        """One HTTP call; a refused access token is renewed once. Raises what `_check` says."""

        def send(headers: dict[str, str]) -> requests.Response:
            try:
                return self._session.request(
                    method,
                    self._base_url + path,
                    params=parameters,
                    data=None if body is None else orjson.dumps(body),
                    headers=headers | {"Content-Type": "application/json"},
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                    auth=unchanged,
                )
            except requests.RequestException as error:
                raise UnavailableError(f"{method} {path}: {describe_transport(error)}") from None

        response = self._credential.send(send)
        return _check(response, method, path, self._base_url)


def _check(response: requests.Response, method: str, path: str, base_url: str) -> Any:
    """The decoded answer of a successful call; every other answer as an error that says what to do."""
    status, what = response.status_code, f"{method} {path}"
    if status in NOT_NOW:
        raise UnavailableError(f"{what}: HTTP {status}", parse_retry_after(response.headers.get("Retry-After", "")))
    if 300 <= status < 400:
        target = response.headers.get("Location", "").partition("?")[0][:200]
        raise LabelStudioError(f"{base_url} redirects to {target}; set LABEL_STUDIO_URL to the final address")
    if status == 401:
        raise AuthenticationError(
            f"Label Studio does not accept the token ({_detail(response)}); check LABEL_STUDIO_API_TOKEN"
        )
    if status >= 400:
        raise LabelStudioError(f"{what}: HTTP {status} {_detail(response)}".rstrip())
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        # A proxy's page, or an answer cut off: whether the call was carried out is not known.
        raise UnavailableError(f"{what}: HTTP {status} without JSON; is {base_url} Label Studio?") from None


def _detail(response: requests.Response) -> str:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(content, dict):
        return ""
    detail = content.get("validation_errors") or content.get("detail") or ""
    return " ".join(str(detail).split())[:300]


def _control(kind: str) -> tuple[str, str, str]:
    """`from_name`, `to_name` and type of regions, of which Label Studio's summary makes one word."""
    name, to_name, region_type = kind.split("|")
    return name, to_name, region_type


def _query(start_id: int, *, undone: bool) -> bytes:
    """Label Studio's filter for tasks from an id on. Unknown fields or operators here end in its HTTP 500."""
    items: list[tuple[str, str, int]] = [("id", "greater_or_equal", start_id)]
    if undone:
        counters = ("total_predictions", "total_annotations", "cancelled_annotations")
        items += [(counter, "equal", 0) for counter in counters]
    filters = [
        {"filter": f"filter:tasks:{field}", "operator": operator, "type": "Number", "value": value}
        for field, operator, value in items
    ]
    return orjson.dumps({"filters": {"conjunction": "and", "items": filters}, "ordering": ["tasks:id"]})
