"""Label Studio's JSON export -> its tasks, one after the other: a file of any size, a task at a time in memory."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from wholebody.errors import DatasetError

CHUNK_CHARS = 1 << 17
_NEAR_THE_END = 64
"""An error so near to the end of what was read may be the cut of a word: more of the file says."""

_SPACE, _SEPARATORS = re.compile(r"\s*"), re.compile(r"[ \t\r\n,]*")


def read_tasks(path: Path) -> Iterator[dict[str, Any]]:
    """The tasks of a file in Label Studio's format JSON, as its export and its import have it.

    A task without an id, as in a file for the import, gets its place in the file, from 1.

    Raises:
        DatasetError: The file cannot be read, is cut off, or is something else; names the line or the key.
    """
    for number, task in enumerate(read_list(path), 1):
        yield _checked(task, number, path)


def read_list(path: Path) -> Iterator[Any]:
    """The elements of the list that a JSON file is, one after the other.

    Raises:
        DatasetError: The file cannot be read, is cut off, or is something else; names the line.
    """
    with opened(path) as stream:
        yield from _objects(stream, path)


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """A text in UTF-8, open for reading.

    Raises:
        DatasetError: It cannot be read, or is none; also while it is read.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield stream
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is not text in UTF-8; export the project as JSON") from None


def read_text(path: Path) -> str:
    """A small file, such as a labeling config.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def _objects(stream: TextIO, path: Path) -> Iterator[Any]:
    """The elements of the list that a JSON text is."""
    decoder = json.JSONDecoder()
    text = stream.read(CHUNK_CHARS)
    while text.isspace() and (more := stream.read(CHUNK_CHARS)):
        text += more
    at = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    if not text.startswith("[", at):
        kind = "is empty" if at == len(text) else f"begins with {text[at : at + 20]!r}, not with a list of tasks"
        raise DatasetError(f"{path} {kind}; export the project as JSON")
    line = 1 + text.count("\n", 0, at)
    at += 1
    while True:
        start, at = at, _SEPARATORS.match(text, at).end()  # type: ignore[union-attr]
        line += text.count("\n", start, at)
        if text.startswith("]", at):
            return
        try:
            found, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            more = stream.read(max(CHUNK_CHARS, len(text) - at)) if _may_be_cut(error, text) else ""
            if not more:
                raise _not_json(error, text, at, line, path) from None
            text, at = text[at:] + more, 0
            continue
        yield found
        line += text.count("\n", at, end)
        at = end


def _may_be_cut(error: Exception, text: str) -> bool:
    return isinstance(error, json.JSONDecodeError) and (
        error.pos >= len(text) - _NEAR_THE_END or error.msg.startswith("Unterminated string")
    )


def _not_json(error: Exception, text: str, at: int, line: int, path: Path) -> DatasetError:
    if not isinstance(error, json.JSONDecodeError):
        return DatasetError(f"{path}, line {line}: nested too deep to be a task; export the project as JSON")
    where = line + text.count("\n", at, error.pos)
    if _may_be_cut(error, text):
        return DatasetError(f"{path}, line {where}: the file is cut off; export it again")
    return DatasetError(f"{path}, line {where}: is not JSON ({error.msg}); export the project as JSON")


def _checked(task: Any, number: int, path: Path) -> dict[str, Any]:
    cure = "export the project as JSON (JSON_MIN and CSV lose whose point is whose)"
    if not isinstance(task, dict):
        raise DatasetError(f"{path}: its element {number} is no task; {cure}")
    if not isinstance(task.get("data"), dict):
        raise DatasetError(f"{path}: its task {number} has no 'data'; {cure}")
    if not isinstance(task.get("annotations"), list) and not isinstance(task.get("predictions"), list):
        raise DatasetError(f"{path}: its task {number} has neither 'annotations' nor 'predictions'; {cure}")
    return task if isinstance(task.get("id"), int | str) else {**task, "id": number}
