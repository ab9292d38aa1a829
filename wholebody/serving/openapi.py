"""The description of the API, in OpenAPI 3.1. It is written in `openapi.json`, for the server and the docs alike."""

import functools
import json
from pathlib import Path
from typing import Any

from wholebody import __version__


@functools.cache
def describe_api() -> dict[str, Any]:
    """The whole description, with this program's version."""
    description: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    description["info"]["version"] = __version__
    return description
