"""The ML-backend protocol of Label Studio as a Flask app: its routes. Knows requests, not images or networks."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from flask import Flask, Response, request

from wholebody.errors import BusyError, DeadlineError
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.process.calls import Call, Priority
from wholebody.serving.admission import EXTENSION, STOPPING, Admission
from wholebody.serving.answers import add_error_handlers, compressed, json_answer
from wholebody.serving.authentication import add_authentication
from wholebody.serving.clients import departure
from wholebody.serving.metrics import Metrics
from wholebody.serving.openapi import describe_api
from wholebody.serving.request_bodies import context_of, read_body, tasks_of, xml_of
from wholebody.serving.request_hooks import add_request_hooks, describe_request
from wholebody.settings import Settings

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 << 20
"""A selection of tasks arrives in one request, each with all its earlier predictions (75 kB for two people)."""


class Backend(Protocol):
    """What the app needs of `model.WholebodyBackend`."""

    def __init__(self, *, label_config: str) -> None: ...

    def predict(self, tasks: list[dict[str, Any]], context: dict[str, Any] | None = None) -> list[Any]:
        """One prediction (or `[]`) a task, in order."""


def create_app(
    backend: type[Backend],
    settings: Settings,
    model_version: str,
    devices: Mapping[str, str] | None = None,
    hear_address: Callable[[object, object], None] | None = None,
) -> Flask:
    """The app that answers Label Studio.

    Args:
        backend: Made anew for each request with that request's labeling config, so that projects never mix.
        settings: The password, if there is one; how many requests at a time, and how long.
        model_version: What /setup answers; every prediction must carry the same.
        devices: What each network runs on, for the metrics.
        hear_address: Is told what `/setup` says: the address under which Label Studio knows itself, and its project.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    metrics = Metrics(model_version, settings, devices or {})
    admission = app.extensions[EXTENSION] = Admission(settings.threads, settings.queue_limit)
    metrics.watch_queue(admission)
    add_request_hooks(app, metrics)
    _add_status_routes(app, backend.__name__, model_version, metrics, admission)
    _add_setup_routes(app, model_version, hear_address)
    _add_predict_route(app, backend, metrics, admission, settings.predict_deadline_seconds)
    add_error_handlers(app)
    add_authentication(app, settings)
    return app


def _add_status_routes(
    app: Flask, model_class: str, model_version: str, metrics: Metrics, admission: Admission
) -> None:
    @app.get("/")
    @app.get("/health")
    def health() -> Response:
        return json_answer({"status": "UP", "model_class": model_class})

    @app.get("/ready")
    def ready() -> Response:
        # The app exists only after the model has been loaded and warmed.
        if admission.closed:
            raise BusyError(STOPPING)
        return json_answer({"status": "READY", "model_version": model_version})

    @app.get("/versions")
    def versions() -> Response:
        return json_answer({"versions": [model_version]})

    @app.get("/openapi.json")
    def openapi() -> Response:
        return json_answer(describe_api())

    @app.get("/metrics")
    def prometheus() -> Response:
        return Response(metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _warn_of_labels(config: LabelingConfig) -> None:
    """Say which labels mean nothing here."""
    for target in config.targets:
        for control in target.controls:
            if control.unmatched:
                log.warning("%s: no keypoint for the labels %s", control.name, ", ".join(control.unmatched)[:500])
        if target.other_boxes:
            log.warning(
                "%s: no label of the boxes (%s) stands for a person, so nothing says whose points are whose; "
                'name one person, or give it predicted_values="person"',
                target.name,
                ", ".join(target.other_boxes)[:500],
            )


def _add_setup_routes(app: Flask, model_version: str, hear_address: Callable[[object, object], None] | None) -> None:
    @app.post("/setup")
    def setup() -> Response:
        body = read_body()
        config = parse_labeling_config(xml_of(body, "schema"))
        if hear_address:
            hear_address(body.get("hostname"), body.get("project"))
        _warn_of_labels(config)
        return json_answer({"model_version": model_version})

    @app.post("/webhook")
    def webhook() -> Response:
        return json_answer({"status": "ignored"})


def _add_predict_route(
    app: Flask, backend: type[Backend], metrics: Metrics, admission: Admission, deadline_s: float
) -> None:
    @app.post("/predict")
    def predict() -> Response:
        with admission.arrival():
            deadline = time.monotonic() + deadline_s
            body = read_body()
            tasks, context = tasks_of(body), context_of(body)
            xml = xml_of(body, "label_config")
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
        return compressed(json_answer({"results": results}))


def _priority(tasks: list[dict[str, Any]], context: dict[str, Any] | None) -> Priority:
    if len(tasks) != 1:
        return Priority.SELECTION
    return Priority.PROMPT if context else Priority.OPENING
