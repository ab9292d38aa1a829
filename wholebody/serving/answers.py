"""Answers in JSON, and which answer each error becomes."""

import gzip
import logging

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from wholebody.errors import (
    BusyError,
    ClientGoneError,
    ImageError,
    LabelingConfigError,
    PromptError,
    RequestError,
    WholebodyError,
)
from wholebody.process.observing import failed as count_failure
from wholebody.process.request_ids import current_request_id

log = logging.getLogger(__name__)

MAX_REASON_CHARS = 250
RETRY_AFTER_S = 10

COMPRESSED_FROM_BYTES = 16_000
"""About half a person."""

GZIP_LEVEL = 1
"""Level 6 takes four times as long for a seventh less."""


def json_answer(content: object, status: int | str = 200) -> Response:
    """Any content as JSON; as text, the status has its reason phrase with it."""
    return Response(orjson.dumps(content), status, content_type="application/json")


def compressed(answer: Response) -> Response:
    """A long answer for a client that reads gzip, as Label Studio does: 109 kB become 15, in a quarter of a ms."""
    answer.vary.add("Accept-Encoding")
    content = answer.get_data()
    if len(content) >= COMPRESSED_FROM_BYTES and request.accept_encodings["gzip"]:
        answer.set_data(gzip.compress(content, GZIP_LEVEL, mtime=0))
        answer.content_encoding = "gzip"
    return answer


def error_answer(message: str, status: int) -> Response:
    """An error as JSON, and in the status line: of a failed call Label Studio shows its user that line alone."""
    ascii_line = "".join(c if " " <= c <= "~" else "?" for c in " ".join(message.split()))
    content = {"error": message, "request_id": current_request_id()}
    return json_answer(content, f"{status} {ascii_line[:MAX_REASON_CHARS]}")


def add_error_handlers(app: Flask) -> None:
    """Let whatever a route raises become an answer, counted and logged where somebody could act on it."""

    @app.errorhandler(RequestError)
    @app.errorhandler(LabelingConfigError)
    def bad_request(error: WholebodyError) -> Response:
        log.warning("%s refused: %s", request.path, error)  # Label Studio shows its user none of it
        count_failure(error)
        return error_answer(str(error), 400)

    @app.errorhandler(ImageError)
    @app.errorhandler(PromptError)
    def unprocessable(error: WholebodyError) -> Response:
        log.warning("%s: %s", request.path, error)
        count_failure(error)
        return error_answer(str(error), 422)

    @app.errorhandler(BusyError)
    def busy(error: BusyError) -> Response:
        response = error_answer(str(error), 503)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @app.errorhandler(ClientGoneError)
    def client_gone(error: ClientGoneError) -> Response:
        log.info("%s: the client has left", request.path)
        return error_answer("the client has left", 499)  # which nobody reads; it is counted

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        response = error_answer(error.description or error.name, error.code or 500)
        response.headers.extend((k, v) for k, v in error.get_headers() if k in ("Allow", "WWW-Authenticate"))
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("%s failed", request.path, exc_info=error)
        count_failure(error)
        return error_answer("the backend failed; its log says more", 500)
