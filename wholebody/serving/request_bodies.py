"""The bodies of requests, read and checked: what Label Studio would not send is refused. Knows no routes."""

from typing import Any

import orjson
from flask import request
from gunicorn.http.errors import ParseException

from wholebody.errors import RequestError

MAX_ID_CHARS = 100


def read_body() -> dict[str, Any]:
    """The body of the request in hand, whatever its content type.

    Raises:
        RequestError: It cannot be read, is not JSON, or is not an object.
    """
    try:
        body = orjson.loads(request.get_data(cache=False))
    except ParseException:
        raise RequestError("the body cannot be read: it is sent in chunks that are broken") from None
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def xml_of(body: dict[str, Any], key: str) -> str:
    """The labeling config, which `/setup` and `/predict` are sent under different keys; it is not parsed here.

    Raises:
        RequestError: It is missing or not text.
    """
    value = body.get(key)
    if not isinstance(value, str):
        raise RequestError(f"{key!r} must be the labeling config as text, not {type(value).__name__}")
    return value


def tasks_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks to predict; their `id` may be missing.

    Raises:
        RequestError: They are no list of objects, or an id could not stand in log lines and addresses.
    """
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


def context_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """What an annotator drew, or `None` where nobody drew; of a body that `tasks_of` has taken.

    Raises:
        RequestError: It is no object, or comes with more than one task.
    """
    params = body.get("params") or {}
    if not isinstance(params, dict):
        raise RequestError(f"'params' must be an object, not {type(params).__name__}")
    context = params.get("context")
    if context is not None and not isinstance(context, dict):
        raise RequestError(f"'params'.'context' must be an object, not {type(context).__name__}")
    if context and len(body["tasks"]) > 1:
        raise RequestError(f"a prompt is about one task, not {len(body['tasks'])}")
    return context or None
