"""Label Studio's endpoints over the ledger, with its quirks, as far as the prefill asks them. Knows no faults."""

import json
import threading
import time
from collections.abc import Callable

from tests.fake_label_studio import HTML_TYPE, JSON_TYPE, NO_CREDENTIALS, jwt
from tests.http_server import Answer, Received
from tests.soak.ledger import PREFILL, Ledger
from wholebody.labeling.config_writer import parse_parts, write_config

TASKS, PREDICTIONS, PROJECT, REFRESH = "/api/tasks/", "/api/predictions/", "/api/projects/1/", "/api/token/refresh"
FIRST_TOKEN, SECOND_TOKEN = jwt("refresh", 1), jwt("refresh", 2)
ACCESS_LIFE_S = 5.0

TWICE_EVERY, UNCOUNTED_EVERY = 4, 5
"""Every so many-th call for many tasks is stored twice, as SQLite's locks make Label Studio do; or stored and neither
counted nor answered, as when it is killed."""


class ProjectApi:
    """Answers requests about project 1.

    Attributes:
        first_revoked: Whether the first personal access token is useless; the second always works.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.first_revoked = False
        self._ledger = ledger
        self._project = {
            "id": 1,
            "title": "Soak",
            "label_config": write_config(parse_parts("body")),
            "model_version": "",
        }
        self._bulk_calls = 0
        self._issued: dict[str, float] = {}
        self._tokens = threading.Lock()

    def __call__(self, request: Received) -> Answer:
        """Carry out a request."""
        if request.path.rstrip("/") == REFRESH:
            return self._refresh(json.loads(request.body)["refresh"])
        if not self._may(request.authorization or ""):
            return error(401, NO_CREDENTIALS)
        with self._ledger.lock:
            return self._route(request)

    def _route(self, request: Received) -> Answer:
        routes: dict[tuple[str, str], Callable[[Received], Answer]] = {
            ("GET", TASKS): self._list_tasks,
            ("GET", PREDICTIONS): self._list_predictions,
            ("POST", PREDICTIONS): self._post_prediction,
            ("GET", PROJECT): lambda _: reply(self._project),
            ("POST", PROJECT + "import/predictions"): self._post_predictions,
            ("PATCH", PROJECT): self._patch_project,
            ("GET", PROJECT + "model-versions/"): lambda _: reply(self._ledger.versions()),
        }
        if route := routes.get((request.method, request.path)):
            return route(request)
        number = request.path.removeprefix(PREDICTIONS).strip("/")
        if request.path.startswith(PREDICTIONS) and number.isdecimal():
            return self._one_prediction(request.method, int(number))
        return Answer(404, "<!DOCTYPE html><title>Page not found</title>", headers=HTML_TYPE)

    def _refresh(self, token: str) -> Answer:
        if token not in (FIRST_TOKEN, SECOND_TOKEN):
            return error(401, "Token is invalid")
        if token == FIRST_TOKEN and self.first_revoked:
            return error(401, "Token is blacklisted")
        with self._tokens:
            access = jwt("access", len(self._issued))
            self._issued[access] = time.monotonic()
        return reply({"access": access})

    def _may(self, authorization: str) -> bool:
        issued = self._issued.get(authorization.removeprefix("Bearer "))
        return issued is not None and time.monotonic() - issued < ACCESS_LIFE_S

    def _list_tasks(self, request: Received) -> Answer:
        asked = request.parameters
        try:
            query = json.loads(asked["query"])
            if query["ordering"] != ["tasks:id"] or query["filters"]["conjunction"] != "and":
                return error(500, "the soak's server lists by id alone")
            rows = self._ledger.matching(query["filters"]["items"])
        except KeyError:
            return error(500, "Cannot resolve keyword")
        page, size = int(asked.get("page", 1)), int(asked.get("page_size", 100))
        shown = rows[(page - 1) * size : page * size]
        if page > 1 and not shown:
            return error(404, "Invalid page.")
        names = asked["include"].split(",") if "include" in asked else list(rows[0] if rows else ())
        tasks = [{name: row[name] for name in names} for row in shown]
        return reply({"total_annotations": 0, "total_predictions": 0, "total": len(rows), "tasks": tasks})

    def _list_predictions(self, request: Received) -> Answer:
        task = self._ledger.find(int(request.parameters["task"]))
        if task is None:
            message = "Select a valid choice. That choice is not one of the available choices."
            return error(400, "Validation error", {"task": [message]})
        return reply([one.shown() for one in task.predictions])

    def _post_prediction(self, request: Received) -> Answer:
        body = json.loads(request.body)
        if self._ledger.find(body["task"]) is None:
            message = f'Invalid pk "{body["task"]}" - object does not exist.'
            return error(400, "Validation error", {"task": [message]})
        stored = self._ledger.store(
            body["task"], body.get("model_version", ""), body["result"], body.get("score"), PREFILL
        )
        return reply(stored.shown(), 201)

    def _post_predictions(self, request: Received) -> Answer:
        items = json.loads(request.body)
        for item in items:
            if self._ledger.find(item["task"]) is None:
                said = f'{item} contains invalid "task" field: task ID {item["task"]} not found in project Soak'
                return error(400, "Validation error", {"non_field_errors": [said]})
        self._bulk_calls += 1
        for item in items * (1 if self._bulk_calls % TWICE_EVERY else 2):
            self._ledger.store(item["task"], item["model_version"], item["result"], item["score"], PREFILL)
        if self._bulk_calls % UNCOUNTED_EVERY == 0:
            for item in items:
                self._ledger.tasks[item["task"]].counted = False
            return error(500, "killed")
        return reply({"created": len(items)}, 201)

    def _one_prediction(self, method: str, number: int) -> Answer:
        stored = self._ledger.prediction(number)
        if stored is None:
            return error(404, "No Prediction matches the given query.")
        if method == "DELETE":
            self._ledger.delete(stored)
            return Answer(204)
        if method == "PATCH":
            self._ledger.tasks[stored.task].counted = True
        return reply(stored.shown()) if method in ("GET", "PATCH") else error(405, f'Method "{method}" not allowed.')

    def _patch_project(self, request: Received) -> Answer:
        version = json.loads(request.body)["model_version"]
        if version not in self._ledger.versions():
            return error(400, "Validation error", {"model_version": ["Model version doesn't exist"]})
        self._project["model_version"] = version
        return reply(self._project)


def reply(content: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, json=content, headers=JSON_TYPE)


def error(status: int, detail: str, validation_errors: object = None) -> Answer:
    """An error as Label Studio words it."""
    content = {"id": "1", "status_code": status, "version": "1.23.2", "detail": detail, "exc_info": None}
    return reply(content | ({"validation_errors": validation_errors} if validation_errors else {}), status)
