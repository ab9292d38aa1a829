"""Around every request: its id, its observer, its line in the log, its place in the metrics."""

import logging
import time
from typing import Any

from flask import Flask, Response, g, request

from wholebody.process.observing import watch
from wholebody.process.request_ids import HEADER, begin_request, current_request_id, end_request
from wholebody.serving.metrics import Metrics

log = logging.getLogger(__name__)


def add_request_hooks(app: Flask, metrics: Metrics) -> None:
    """Register the hooks; before all others, so that what these refuse is seen too."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        begin_request(request.headers.get(HEADER))
        watch(metrics)

    @app.after_request
    def finish(response: Response) -> Response:
        # The route, not the path: a path can hold anything, secrets as well, and there is no end to their number.
        route = request.endpoint or "unknown"
        seconds = time.perf_counter() - g.started
        metrics.requests.labels(route, response.status_code).inc()
        metrics.seconds.labels(route).observe(seconds)
        response.headers[HEADER] = current_request_id()
        _log_request({"route": route, "status": response.status_code, "seconds": round(seconds, 4), **_details()})
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        watch(None)
        end_request()


def describe_request(**details: str | int) -> None:
    """Add to the request's line in the log; no text of a request."""
    g.details = details


def _details() -> dict[str, str | int]:
    details: dict[str, str | int] = g.get("details", {})
    return details


def _log_request(fields: dict[str, Any]) -> None:
    """At INFO what was predicted or refused; at DEBUG the rest, of which Label Studio alone asks two a prediction."""
    level = logging.INFO if fields["route"] == "predict" or fields["status"] >= 400 else logging.DEBUG
    log.log(level, "%s", " ".join(f"{name}={value}" for name, value in fields.items()), extra=fields)
