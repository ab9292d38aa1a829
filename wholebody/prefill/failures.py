"""The list of tasks that failed: a file with a JSON object a line, written by one run and read by another."""

from pathlib import Path
from typing import Any

import orjson

from wholebody.errors import OutputError, SettingsError

EXAMPLE = '{"task": 12, "error": "..."}'


class FailureFile:
    """Tasks that failed, written as they come. No failure, no file.

    Args:
        path: Where it is.
        keep: Leave the failures of an earlier run in it until `forget_kept`: they are the list of this run's
            tasks, and must not be lost when it ends early. Otherwise they are forgotten at once.

    Raises:
        SettingsError: The file cannot be written.
    """

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        self.path = path
        self._kept_bytes = 0
        try:
            with path.open("ab") as file:
                if keep and not _ends_a_line(path):
                    file.write(b"\n")
            if path.is_file():  # not a device
                if keep:
                    self._kept_bytes = path.stat().st_size
                else:
                    path.unlink()
        except OSError as error:
            raise SettingsError(f"{path}: failures cannot be written there: {error.strerror}") from None

    def add(self, task: dict[str, Any], error: str) -> None:
        """Append a task and what went wrong.

        Raises:
            OutputError: It cannot be written any more.
        """
        try:
            with self.path.open("ab") as file:
                file.write(orjson.dumps({"task": task["id"], "error": error}) + b"\n")
        except OSError as problem:
            raise OutputError(
                f"{self.path}: a failure cannot be written: {problem.strerror}; mend that, and run again to go on"
            ) from None

    def forget_kept(self) -> None:
        """Leave only what was added: all kept tasks have been tried. Never a moment without a whole list."""
        if not self._kept_bytes:
            return
        added = self.path.read_bytes()[self._kept_bytes :]
        if added:
            whole = self.path.with_name(f"{self.path.name}.new")
            whole.write_bytes(added)
            whole.replace(self.path)
        else:
            self.path.unlink()


def read_failed(path: Path) -> frozenset[int | str]:
    """What an earlier run listed: ids of tasks, and the places of those in a file that have none, such as `line 12`.

    Raises:
        SettingsError: The file cannot be read, or a line of it is not a failed task.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; give the list that a run wrote") from None
    return frozenset(_task_id(line, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip())


def read_failed_ids(path: Path) -> tuple[int, ...]:
    """The ids of the tasks of a project that an earlier run listed, each once, in order.

    Raises:
        SettingsError: As `read_failed`; or they are tasks of a file.
    """
    failed = read_failed(path)
    if places := [one for one in failed if isinstance(one, str)]:
        raise SettingsError(f"{path}: {places[0]!r} is in a file of tasks, and not in a project; give it with --tasks")
    return tuple(sorted(one for one in failed if isinstance(one, int)))


def _task_id(line: bytes, place: str) -> int | str:
    try:
        task_id = orjson.loads(line)["task"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        task_id = None
    is_place = isinstance(task_id, str) and task_id.startswith(("line ", "element "))
    if not is_place and (not isinstance(task_id, int) or isinstance(task_id, bool) or task_id < 1):
        shown = line[:60].decode(errors="replace")
        raise SettingsError(f"{place}: {shown!r} is not a failed task such as {EXAMPLE}; mend or delete that line")
    return task_id  # type: ignore[no-any-return]


def _ends_a_line(path: Path) -> bool:
    """Whether what is in a file ends with a line; also when there is nothing, or it is a device."""
    content = path.read_bytes() if path.is_file() else b""
    return not content or content.endswith(b"\n")
