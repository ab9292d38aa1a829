"""The ML-backend protocol of Label Studio as a Flask app. Knows requests, not images or networks."""

import hmac
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from wholebody.errors import (
    BusyError,
    ClientGoneError,
    DeadlineError,
    ImageError,
    LabelingConfigError,
    PromptError,
    RequestError,
    WholebodyError,
)
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.serving.admission import EXTENSION, STOPPING, Admission
from wholebody.serving.calls import Call, Priority
from wholebody.serving.clients import departure
from wholebody.serving.metrics import Metrics
from wholebody.serving.observing import failed as count_failure
from wholebody.serving.openapi import describe_api
from wholebody.serving.request_hooks import add_request_hooks, describe_request
from wholebody.serving.request_ids import current_request_id
from wholebody.settings import Settings

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 << 20
"""A selection of tasks arrives in one request, each with all its earlier predictions (75 kB for two people)."""

MAX_REASON_CHARS = 250

MAX_ID_CHARS = 100
RETRY_AFTER_S = 10

OPEN_ROUTES = frozenset({"ready", "webhook"})
"""Without a password: the container's own check, and the one call that Label Studio makes without it."""


class Backend(Protocol):
    """What the app needs of `model.WholebodyBackend`."""

    def __init__(self, *, label_config: str) -> None: ...

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        """One prediction (or `[]`) a task, in order."""


def create_app(
    backend: type[Backend], settings: Settings, model_version: str, devices: Mapping[str, str] | None = None
) -> Flask:
    """The app that answers Label Studio.

    Args:
        backend: Made anew for each request with that request's labeling config, so that projects never mix.
        settings: The password, if there is one; how many requests at a time, and how long.
        model_version: What /setup answers; every prediction must carry the same.
        devices: What each network runs on, for the metrics.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    metrics = Metrics(model_version, settings, devices or {})
    admission = app.extensions[EXTENSION] = Admission(settings.threads, settings.queue_limit)
    metrics.watch_queue(admission)
    add_request_hooks(app, metrics)
    _add_status_routes(app, backend.__name__, model_version, metrics, admission)
    _add_setup_routes(app, model_version)
    _add_predict_route(app, backend, metrics, admission, settings.predict_deadline_seconds)
    _add_error_handlers(app)
    _add_authentication(app, settings)
    return app


def _add_status_routes(
    app: Flask, model_class: str, model_version: str, metrics: Metrics, admission: Admission
) -> None:
    @app.get("/")
    @app.get("/health")
    def health() -> Response:
        return _json({"status": "UP", "model_class": model_class})

    @app.get("/ready")
    def ready() -> Response:
        # The app exists only after the model has been loaded and warmed.
        if admission.closed:
            raise BusyError(STOPPING)
        return _json({"status": "READY", "model_version": model_version})

    @app.get("/versions")
    def versions() -> Response:
        return _json({"versions": [model_version]})

    @app.get("/openapi.json")
    def openapi() -> Response:
        return _json(describe_api())

    @app.get("/metrics")
    def prometheus() -> Response:
        return Response(metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _add_setup_routes(app: Flask, model_version: str) -> None:
    @app.post("/setup")
    def setup() -> Response:
        config = parse_labeling_config(_text(_body(), "schema"))
        for control in (control for target in config.targets for control in target.controls):
            if control.unmatched:
                log.warning("%s: no keypoint for the labels %s", control.name, ", ".join(control.unmatched)[:500])
        return _json({"model_version": model_version})

    @app.post("/webhook")
    def webhook() -> Response:
        return _json({"status": "ignored"})


def _add_predict_route(
    app: Flask, backend: type[Backend], metrics: Metrics, admission: Admission, deadline_s: float
) -> None:
    @app.post("/predict")
    def predict() -> Response:
        with admission.arrival():
            deadline = time.monotonic() + deadline_s
            body = _body()
            tasks, context = _tasks(body), _context(body)
            xml = _text(body, "label_config")
            parse_labeling_config(xml)  # refused before it waits for a place
            call = Call(_priority(tasks, context), deadline, departure(request.environ))
            describe_request(kind=call.priority.name.lower(), tasks=len(tasks))
            try:
                with admission.place(call), call.current():
                    results = backend(label_config=xml).predict(tasks, context=context)
            except DeadlineError:
                results, call.cut = [[] for _ in tasks], len(tasks)
        if call.cut:
            metrics.count_deadline_cut(call.cut)
            log.warning("/predict: %d of %d tasks not done in %g s, answered without", call.cut, len(tasks), deadline_s)
        if call.cut and context:
            raise BusyError("the backend is busy; ask again in a moment")
        metrics.count_results(results)
        return _json({"results": results})


def _priority(tasks: list[dict[str, Any]], context: dict[str, Any] | None) -> Priority:
    if len(tasks) != 1:
        return Priority.SELECTION
    return Priority.PROMPT if context else Priority.OPENING


def _add_error_handlers(app: Flask) -> None:
    @app.errorhandler(RequestError)
    @app.errorhandler(LabelingConfigError)
    def bad_request(error: WholebodyError) -> Response:
        log.warning("%s refused: %s", request.path, error)  # Label Studio shows its user none of it
        count_failure(error)
        return _error(str(error), 400)

    @app.errorhandler(ImageError)
    @app.errorhandler(PromptError)
    def unprocessable(error: WholebodyError) -> Response:
        log.warning("%s: %s", request.path, error)
        count_failure(error)
        return _error(str(error), 422)

    @app.errorhandler(BusyError)
    def busy(error: BusyError) -> Response:
        response = _error(str(error), 503)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @app.errorhandler(ClientGoneError)
    def client_gone(error: ClientGoneError) -> Response:
        log.info("%s: the client has left", request.path)
        return _error("the client has left", 499)  # which nobody reads; it is counted

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        response = _error(error.description or error.name, error.code or 500)
        response.headers.extend((k, v) for k, v in error.get_headers() if k in ("Allow", "WWW-Authenticate"))
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("%s failed", request.path, exc_info=error)
        count_failure(error)
        return _error("the backend failed; its log says more", 500)


def _add_authentication(app: Flask, settings: Settings) -> None:
    @app.before_request
    def authenticate() -> Response | None:
        if settings.basic_auth_user is None or request.endpoint in OPEN_ROUTES or _authenticated(settings):
            return None
        response = _error("wrong or missing user name and password (BASIC_AUTH_USER)", 401)
        response.headers["WWW-Authenticate"] = 'Basic realm="wholebody"'
        return response


def _authenticated(settings: Settings) -> bool:
    given = request.authorization
    if given is None or given.type != "basic" or settings.basic_auth_pass is None:
        return False
    user_is_right = hmac.compare_digest((given.username or "").encode(), (settings.basic_auth_user or "").encode())
    expected = settings.basic_auth_pass.get_secret_value().encode()
    return hmac.compare_digest((given.password or "").encode(), expected) and user_is_right


def _body() -> dict[str, Any]:
    try:
        body = orjson.loads(request.get_data(cache=False))
    except ParseException as error:  # a chunked body whose chunks are none
        raise RequestError(f"the body cannot be read: {type(error).__name__}") from None
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise RequestError(f"{key!r} must be the labeling config as text, not {type(value).__name__}")
    return value


def _tasks(body: dict[str, Any]) -> list[dict[str, Any]]:
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise RequestError(f"'tasks' must be a list, not {type(tasks).__name__}")
    for index, task in enumerate(tasks):
        if not isinstance(task, dict):
            raise RequestError(f"'tasks'[{index}] must be an object, not {type(task).__name__}")
        if not _is_task_id(task.get("id")):
            raise RequestError(
                f"'tasks'[{index}]: its id must be a number or a text of up to {MAX_ID_CHARS} characters"
            )
    return tasks


def _is_task_id(task_id: object) -> bool:
    """Whether it can stand in log lines and addresses."""
    if isinstance(task_id, str):
        return len(task_id) <= MAX_ID_CHARS and task_id.isprintable()
    return task_id is None or isinstance(task_id, int)


def _context(body: dict[str, Any]) -> dict[str, Any] | None:
    params = body.get("params") or {}
    if not isinstance(params, dict):
        raise RequestError(f"'params' must be an object, not {type(params).__name__}")
    context = params.get("context")
    if context is not None and not isinstance(context, dict):
        raise RequestError(f"'params'.'context' must be an object, not {type(context).__name__}")
    if context and len(body["tasks"]) > 1:
        raise RequestError(f"a prompt is about one task, not {len(body['tasks'])}")
    return context or None


def _json(content: object, status: int | str = 200) -> Response:
    return Response(orjson.dumps(content), status, content_type="application/json")


def _error(message: str, status: int) -> Response:
    """An error as JSON, and in the status line: of a failed call Label Studio shows its user that line alone."""
    ascii_line = "".join(c if " " <= c <= "~" else "?" for c in " ".join(message.split()))
    return _json({"error": message, "request_id": current_request_id()}, f"{status} {ascii_line[:MAX_REASON_CHARS]}")
