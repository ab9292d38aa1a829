"""What a value of a labeling config means for one task: `$image`, `$pages[0].url`, `https://host/$name.jpg`.

As the editor reads it (`parseValue` of Label Studio 1.23.2). Knows no elements and no images.
"""

import re
from typing import Any

_VARIABLE = re.compile(r"\$[A-Za-z0-9_\[\].{}]+")
_STEP = re.compile(r"[^.\[\]]+")


def resolve(value: str, data: object) -> Any:
    """A value of a labeling config, with what a task's data has in the place of its variables.

    A value that is one variable is looked up as a path, and may be anything; in any other text each variable is
    replaced. A key that has the whole name goes before the path.

    Returns:
        What is meant; `None` where the data lacks something of it, or has in the middle of a text what is no text.
    """
    whole = value[1:] if value.startswith("$") else ""
    if isinstance(data, dict) and whole in data:
        return data[whole]
    if _VARIABLE.fullmatch(value):
        return _follow(whole, data)
    parts = {variable: _as_text(_follow(variable[1:], data)) for variable in _VARIABLE.findall(value)}
    if None in parts.values():
        return None
    return _VARIABLE.sub(lambda match: str(parts[match[0]]), value)


def variables(value: str) -> list[str]:
    """The paths in a value, without their `$`; what follows a single `$` at its start, where that is no path."""
    if value.startswith("$") and "$" not in value[1:] and not _VARIABLE.fullmatch(value):
        return [value[1:]]
    return [variable[1:] for variable in _VARIABLE.findall(value)]


def _follow(path: str, data: object) -> Any:
    if isinstance(data, dict) and path in data:
        return data[path]
    found: Any = data
    for step in _STEP.findall(path):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and len(step) < 10 and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _as_text(found: object) -> str | None:
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str | int | float) else None
