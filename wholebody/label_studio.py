"""The Label Studio REST client of the prefill: keyset listing, and writes that are paced, repeated and reconciled."""

import email.utils
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import requests
from requests.adapters import HTTPAdapter
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential_jitter,
)

from wholebody.credential import Credential, describe_transport, unchanged
from wholebody.errors import AuthenticationError, LabelStudioError, SettingsError, UnavailableError
from wholebody.regions import Prediction
from wholebody.settings import Settings

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 300.0
"""Label Studio on SQLite repeats a locked write by itself, for minutes, before it answers."""

PAGE_SIZE = 100
"""Larger pages cost Label Studio more for each task: 100 take 0.08 s, 5,000 take 3.5 s."""

RETRY_AFTER_CAP_S = 3600.0
FIRST_BACKOFF_S = 1.0
NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Project:
    """What the prefill needs of a project; `model_version` is the one that its labeling stream shows."""

    id: int
    title: str
    label_config: str
    model_version: str


class Pace:
    """At least `delay_s` seconds between the starts of two writes; `stop` ends the waiting."""

    def __init__(self, delay_s: float, stop: threading.Event) -> None:
        self._delay_s = delay_s
        self._stop = stop
        self._next = 0.0

    def wait(self) -> None:
        """Wait until the next write may start."""
        pause = self._next - time.monotonic()
        if pause > 0:
            self._stop.wait(pause)
        self._next = time.monotonic() + self._delay_s


class LabelStudioClient:
    """Reads tasks and writes predictions. For one thread: there is one writer.

    Args:
        settings: Address, token, delay and repetitions.
        stop: When set, nothing is waited for or repeated any more.

    Raises:
        SettingsError: Address or token is not set.
        AuthenticationError: The token is of a kind that cannot work.
    """

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
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
            wait=_Backoff(settings.max_backoff_delay),
            stop=stop_after_attempt(settings.max_retries + 1) | stop_when_event_set(stop),
            sleep=sleep_using_event(stop),
            before_sleep=_log_repetition,
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
            yield from page
            next_id = max(task["id"] for task in page) + 1

    def save_prediction(self, task_id: int, prediction: Prediction) -> bool:
        """Store a prediction unless the task has one; repeat what failed for now.

        Before every attempt Label Studio is asked what the task has: a write whose answer was lost may well
        have been carried out, and somebody may have opened the task since it was listed.

        Returns:
            Whether it was stored; `False` when the task has got a prediction from elsewhere.

        Raises:
            LabelStudioError: Not stored, or (UnavailableError) not known to be stored.
        """
        for attempt in self._retrying.copy():
            with attempt:
                present = self._call("GET", f"/api/predictions/?task={task_id}")
                if present:
                    versions = {str(one.get("model_version")) for one in present}
                    return attempt.retry_state.attempt_number > 1 and prediction["model_version"] in versions
                self._pace.wait()
                self._call("POST", "/api/predictions/", {"task": task_id, **prediction})
        return True

    def show_predictions_of(self, project_id: int, version: str) -> None:
        """Make the project's labeling stream show the predictions of a model version that is stored in it."""
        self._repeated(lambda: self._call("PATCH", f"/api/projects/{project_id}/", {"model_version": version}))

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
        if not isinstance(answer, dict) or not isinstance(answer.get("tasks"), list):
            raise LabelStudioError(f"{self._base_url} does not list tasks as Label Studio does")
        return answer

    def _call(self, method: str, path: str, body: object = None, parameters: Any = None) -> Any:
        """One HTTP call; a refused access token is renewed once. Raises what `_check` says."""
        for attempt in range(2):
            authorization = self._credential.authorization()
            try:
                response = self._session.request(
                    method,
                    self._base_url + path,
                    params=parameters,
                    data=None if body is None else orjson.dumps(body),
                    headers={"Authorization": authorization, "Content-Type": "application/json"},
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                    auth=unchanged,
                )
            except requests.RequestException as error:
                raise UnavailableError(f"{method} {path}: {describe_transport(error)}") from None
            if response.status_code != 401 or attempt or not self._credential.renew(authorization):
                break
        return _check(response, method, path, self._base_url)


class _Backoff:
    """1 s, 2 s, 4 s ... with jitter up to a cap; longer where Label Studio asks for it."""

    def __init__(self, cap_s: float) -> None:
        self._exponential = wait_exponential_jitter(initial=FIRST_BACKOFF_S, max=cap_s)

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, UnavailableError) else None
        return max(self._exponential(state), min(asked or 0.0, RETRY_AFTER_CAP_S))


def _check(response: requests.Response, method: str, path: str, base_url: str) -> Any:
    """The decoded answer of a successful call; every other answer as an error that says what to do."""
    status, what = response.status_code, f"{method} {path}"
    if status in NOT_NOW:
        raise UnavailableError(f"{what}: HTTP {status}", _retry_after(response))
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


def _retry_after(response: requests.Response) -> float | None:
    """Seconds of a `Retry-After` header, in either of its forms (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


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


def _log_repetition(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    log.warning("%s; repeated in %.1f s", error, wait)
