"""A stand-in for Label Studio as far as the commands ask it, with its quirks, and faults by script. No test of its own.

with FakeLabelStudio() as fake:
    fake.add_tasks(3, 7, 8)
    fake.fail("POST", PREDICTIONS, http(503), None, LOST)  # the third one's answer is lost
    ...prefill...
    assert [one["task"] for one in fake.predictions] == [3, 7, 8]
"""

import base64
import json
import operator
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from tests.http_server import Answer, Received, ScriptedServer
from wholebody.labeling.config_writer import parse_parts, write_config
from wholebody.settings import Settings

TASKS, PREDICTIONS, PROJECT, REFRESH = "/api/tasks/", "/api/predictions/", "/api/projects/1/", "/api/token/refresh"
USERS, EXPORT = "/api/users/", "/api/projects/1/export"
VERSION, WHOAMI, BACKENDS = "/api/version/", "/api/current-user/whoami", "/api/ml/"
BULK = "/api/projects/1/import/predictions"
VIEWS, COLUMNS = "/api/dm/views/", "/api/dm/columns/"
BACKEND_VERSIONS, MODEL_VERSIONS = "/api/ml/1/versions", "/api/projects/1/model-versions/"
JSON_TYPE, HTML_TYPE = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}
LEGACY_TOKEN = "0123456789abcdef0123456789abcdef01234567"
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "greater": operator.gt,
    "greater_or_equal": operator.ge,
    "less": operator.lt,
    "less_or_equal": operator.le,
    "equal": operator.eq,
    "empty": lambda versions, wanted: (not versions) == wanted,
    "in_list": lambda value, values: value in values,
    "contains": lambda versions, parts: any(part in version for version in versions for part in parts),
    "not_contains": lambda versions, parts: not any(part in version for version in versions for part in parts),
}
COLUMNS_SHOWN: list[dict[str, Any]] = [
    {"id": "image", "parent": "data", "visibility_defaults": {"explore": True, "labeling": True}},
    {"id": "id", "visibility_defaults": {"explore": True, "labeling": False}},
    {"id": "inner_id", "visibility_defaults": {"explore": False, "labeling": False}},
    {"id": "predictions_score", "visibility_defaults": {"explore": False, "labeling": False}},
    {"id": "data", "children": ["image"]},
]
NO_CREDENTIALS = "Authentication credentials were not provided."
LEGACY_DISABLED = (
    "Authentication token no longer valid: legacy token authentication has been disabled for this organization"
)


def jwt(token_type: str, number: int = 0) -> str:
    """A token that looks like Label Studio's; nothing checks the signature."""
    parts = ({"alg": "HS256"}, {"token_type": token_type, "jti": str(number)})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


PERSONAL_TOKEN = jwt("refresh")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        answer: What the client gets; `None` for the proper answer.
        committed: The call is carried out all the same.
        delay_s: Seconds before the answer, after the commit.
    """

    answer: Answer | None = None
    committed: bool = False
    delay_s: float = 0.0


def http(status: int, retry_after: str = "", *, committed: bool = False) -> Fault:
    """An HTTP error, as of a proxy: with a web page."""
    headers = HTML_TYPE | ({"Retry-After": retry_after} if retry_after else {})
    return Fault(Answer(status, f"<html>{status}</html>", headers=headers), committed)


def told(content: object, status: int = 200) -> Fault:
    """An answer in JSON."""
    return Fault(Answer(status, json=content, headers=JSON_TYPE))


WEB_PAGE = Answer(200, "<!DOCTYPE html><title>Welcome</title>", headers=HTML_TYPE)
HTML, HTML_AFTER_COMMIT = Fault(WEB_PAGE), Fault(WEB_PAGE, committed=True)
RESET, LOST = Fault(Answer(reset=True)), Fault(Answer(reset=True), committed=True)
CUT = Fault(Answer(json={"id": 1}, stop_after=3), committed=True)
LOST_AFTER_COMMIT = [LOST, CUT, HTML_AFTER_COMMIT, http(500, committed=True), http(504, committed=True)]
"""What was stored although the answer says nothing of it."""


class FakeLabelStudio(ScriptedServer):
    """The server; project 1 with one user. Its state may be read and changed at any time.

    Attributes:
        tasks: Id -> the task's data and counters.
        predictions: All that are stored, oldest first.
        project: The project as its API shows it.
        backends: The connected backends as its API shows them.
        tabs: Those of the project's data manager as its API shows them.
        legacy_enabled: Whether the legacy token works, or personal access tokens alone.
        revoked: Whether the personal access token was revoked.
        access_tokens: Those that are valid now; clear it and they have expired.
        takes_bulk: Whether it was started for predictions of many tasks in one call.
        uncounted: Tasks with predictions that its counters do not know, as after a kill in the midst of such a call.
        before: Called with each request before it is carried out.
        database: SQLite, which does not tell upper from lower case in a search, or PostgreSQL, which does.
        release: Which Label Studio it says to be.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[int, dict[str, Any]] = {}
        self.predictions: list[dict[str, Any]] = []
        config = write_config(parse_parts("body"))
        self.project = {"id": 1, "title": "Figures", "label_config": config, "model_version": ""}
        self.backends: list[dict[str, Any]] = []
        self.tabs: list[dict[str, Any]] = []
        self.legacy_enabled = True
        self.revoked = False
        self.access_tokens: set[str] = set()
        self.database = "SQLite"
        self.release = "1.23.2"
        self.takes_bulk = True
        self.uncounted: set[int] = set()
        self.before: Callable[[Received], None] = lambda request: None
        self._issued = 0
        self._prediction_ids = count(1)
        self._faults: dict[tuple[str, str], list[Fault | None]] = {}
        self._state = threading.RLock()

    def add_tasks(self, *ids: int, image: str = "https://pictures.example/1.png") -> None:
        for task_id in ids:
            self.tasks[task_id] = {"data": {"image": image}, "total_annotations": 0, "cancelled_annotations": 0}

    def predict(self, task_id: int, version: str = "other", **rest: Any) -> dict[str, Any]:
        """Store a prediction."""
        with self._state:
            stored = {"id": next(self._prediction_ids), "task": task_id, "model_version": version, "result": [], **rest}
            self.predictions.append(stored)
            self.uncounted.discard(task_id)
        return stored

    def fail(self, method: str, path: str, *faults: Fault | None) -> None:
        """Let the next requests of a kind fail in turn; `None` lets one through, as all that come after the last."""
        self._faults[method, path] = list(faults)

    def predicted(self) -> list[int]:
        """The tasks of all predictions, sorted: one that is there twice was doubled."""
        return sorted(one["task"] for one in self.predictions)

    def posts(self) -> list[Received]:
        return self.asked("POST", PREDICTIONS)

    def deletes(self) -> list[int]:
        """The ids of the predictions that were to be deleted."""
        paths = [request.path for request in list(self.requests) if request.method == "DELETE"]
        return [int(path.removeprefix(PREDICTIONS).rstrip("/")) for path in paths]

    def answer(self, request: Received) -> Answer:
        with self._state:
            self.requests.append(request)
            faults = self._faults.get((request.method, request.path))
            fault = (faults.pop(0) if faults else None) or Fault()
        self.before(request)
        proper = self._serve(request) if fault.committed or fault.answer is None else None
        self.pause(fault.delay_s)
        return fault.answer or proper or Answer(500)

    def _serve(self, request: Received) -> Answer:
        with self._state:
            if request.path.rstrip("/") == REFRESH:
                return self._refresh(request.json()["refresh"])
            if request.path == VERSION:
                return _json({"release": self.release, "edition": "Community"})
            if refusal := self._refusal(request.authorization or ""):
                return _error(401, refusal)
            routes: dict[tuple[str, str], Callable[[Received], Answer]] = {
                ("GET", TASKS): self._list_tasks,
                ("GET", PREDICTIONS): self._list_predictions,
                ("POST", PREDICTIONS): self._post_prediction,
                ("GET", PROJECT): self._show_project,
                ("GET", WHOAMI): lambda _: _json({"id": 1, "username": "", "email": "ann@example.com"}),
                ("GET", USERS): lambda _: _json([{"id": 1, "email": "ann@example.com"}]),
                ("GET", EXPORT): self._export,
                ("GET", BACKENDS): lambda _: _json(self.backends),
                ("GET", MODEL_VERSIONS): lambda _: _json(Counter(one["model_version"] for one in self.predictions)),
                ("PATCH", PROJECT): self._patch_project,
                ("GET", VIEWS): lambda _: _json(self.tabs),
                ("GET", COLUMNS): lambda _: _json({"columns": COLUMNS_SHOWN}),
                ("POST", VIEWS): self._post_tab,
                ("POST", BULK): self._post_predictions,
            }
            if route := routes.get((request.method, request.path)):
                return route(request)
            if request.method == "DELETE" and request.path.startswith(PREDICTIONS):
                return self._delete_prediction(request)
            if request.method == "PATCH" and request.path.startswith(PREDICTIONS):
                return self._patch_prediction(request)
            if request.method == "PATCH" and request.path.startswith(VIEWS):
                return self._patch_tab(request)
            if request.path.startswith("/api/projects/"):
                return _error(404, "No Project matches the given query.")
            return Answer(404, "<!DOCTYPE html><title>Page not found</title>", headers=HTML_TYPE)

    def _refresh(self, token: str) -> Answer:
        if token != PERSONAL_TOKEN or self.revoked:
            return _error(401, "Token is blacklisted" if self.revoked else "Token is invalid")
        self._issued += 1
        access = jwt("access", self._issued)
        self.access_tokens.add(access)
        return _json({"access": access})

    def _refusal(self, authorization: str) -> str:
        kind, _, token = authorization.partition(" ")
        if kind == "Bearer":
            return "" if token in self.access_tokens else NO_CREDENTIALS
        if kind.lower() != "token":
            return NO_CREDENTIALS
        if token != LEGACY_TOKEN:
            return "Invalid token."
        return "" if self.legacy_enabled else LEGACY_DISABLED

    def _list_tasks(self, request: Received) -> Answer:
        asked = request.parameters
        query = json.loads(asked.get("query", "{}"))
        rows = [self._row(task_id) for task_id in sorted(self.tasks)]
        try:
            for item in query["filters"]["items"]:
                field = item["filter"].removeprefix("filter:tasks:")
                meets = OPERATORS.get(item["operator"], OPERATORS["equal"])  # as Label Studio does with an unknown one
                shaped = self._as_searched if item["type"] == "List" else lambda value: value
                rows = [row for row in rows if meets(shaped(row[field]), shaped(item["value"]))]
        except KeyError:
            return _error(500, "Cannot resolve keyword")
        if query.get("ordering") == ["-tasks:id"]:
            rows.reverse()
        page, size = int(asked.get("page", 1)), int(asked.get("page_size", 100))
        shown = rows[(page - 1) * size : page * size]
        if page > 1 and not shown:
            return _error(404, "Invalid page.")
        names = asked["include"].split(",")
        if "predictions" in names and asked.get("fields") != "all":
            names.remove("predictions")  # as Label Studio does
        tasks = [{name: row[name] for name in names if name in row} for row in shown]
        return _json({"total_annotations": 0, "total_predictions": 0, "total": len(rows), "tasks": tasks})

    def _as_searched(self, values: Any) -> Any:
        if self.database == "SQLite" and isinstance(values, list):
            return [value.lower() if isinstance(value, str) else value for value in values]
        return values

    def _row(self, task_id: int) -> dict[str, Any]:
        present = [one for one in self.predictions if one["task"] == task_id]
        versions = [one["model_version"] for one in present]
        counted: dict[str, Any] = {
            "total_predictions": 0 if task_id in self.uncounted else len(versions),
            "predictions_model_versions": versions,
            "predictions": present,
        }
        return {"id": task_id, **counted, **self.tasks[task_id]}

    def _export(self, request: Received) -> Answer:
        ids = [int(number) for number in parse_qs(request.query)["ids[]"]]
        plain: dict[str, Any] = {"annotations": [], "drafts": [], "predictions": []}
        return _json([plain | {"id": one} | self.tasks[one] for one in sorted(ids) if one in self.tasks])

    def _list_predictions(self, request: Received) -> Answer:
        task_id = int(request.parameters["task"])
        if task_id not in self.tasks:
            message = "Select a valid choice. That choice is not one of the available choices."
            return _error(400, "Validation error", {"task": [message]})
        return _json([one for one in self.predictions if one["task"] == task_id])

    def _post_prediction(self, request: Received) -> Answer:
        content = request.json()
        if content["task"] not in self.tasks:
            message = f'Invalid pk "{content["task"]}" - object does not exist.'
            return _error(400, "Validation error", {"task": [message]})
        rest = {name: content[name] for name in ("result", "score")}
        return _json(self.predict(content["task"], content["model_version"], **rest), 201)

    def _post_predictions(self, request: Received) -> Answer:
        items = request.json()
        for number, item in enumerate(items):
            if item["task"] not in self.tasks:
                said = f"Prediction {number}: Invalid task ID {item['task']} - task not found in project"
                if self.takes_bulk:
                    said = f'{item} contains invalid "task" field: task ID {item["task"]} not found in project Figures'
                return _error(400, "Validation error", {"non_field_errors": [said]})
        for item in items:
            self.predict(item["task"], item["model_version"], result=item["result"], score=item["score"])
        return _json({"created": len(items)}, 201)

    def _delete_prediction(self, request: Received) -> Answer:
        number = request.path.removeprefix(PREDICTIONS).rstrip("/")
        left = [one for one in self.predictions if str(one["id"]) != number]
        if len(left) == len(self.predictions):
            return _error(404, "No Prediction matches the given query.")
        self.predictions = left
        return Answer(204)

    def _patch_prediction(self, request: Received) -> Answer:
        number = request.path.removeprefix(PREDICTIONS).rstrip("/")
        for one in self.predictions:
            if str(one["id"]) == number:
                one |= request.json()
                self.uncounted.discard(one["task"])
                return _json(one)
        return _error(404, "No Prediction matches the given query.")

    def _show_project(self, request: Received) -> Answer:
        counted = {"task_number": len(self.tasks), "total_predictions_number": len(self.predictions)}
        return _json(self.project | counted)

    def _patch_project(self, request: Received) -> Answer:
        changes = request.json()
        versions = {one["model_version"] for one in self.predictions}
        if "model_version" in changes and changes["model_version"] not in versions:
            return _error(400, "Validation error", {"model_version": ["Model version doesn't exist"]})
        self.project |= changes
        return _json(self.project)

    def _post_tab(self, request: Received) -> Answer:
        content = request.json()
        tab = {"id": len(self.tabs) + 1, "project": content["project"], "data": content["data"]}
        self.tabs.append(tab)
        return _json(tab, 201)

    def _patch_tab(self, request: Received) -> Answer:
        number = request.path.removeprefix(VIEWS).rstrip("/")
        (tab,) = [one for one in self.tabs if str(one["id"]) == number]
        tab["data"] = request.json()["data"]
        return _json(tab)


def settings_for(fake: FakeLabelStudio, **changes: Any) -> Settings:
    """Settings for project 1 of the fake that wait for nothing, with changes."""
    given: dict[str, Any] = {
        "label_studio_url": fake.url,
        "label_studio_api_token": LEGACY_TOKEN,
        "project_id": 1,
        "task_limit": "all",
        "request_delay_seconds": 0,
        "max_backoff_delay": 0,
    }
    return Settings(**(given | changes))


def _json(content: object, status: int = 200) -> Answer:
    return Answer(status, json=content, headers=JSON_TYPE)


def _error(status: int, detail: str, validation_errors: object = None) -> Answer:
    content = {"id": "1", "status_code": status, "version": "1.23.2", "detail": detail, "exc_info": None}
    return _json(content | ({"validation_errors": validation_errors} if validation_errors else {}), status)
