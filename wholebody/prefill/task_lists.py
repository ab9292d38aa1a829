"""A file of tasks -> its tasks, one after the other: Label Studio's JSON, JSON lines, or a text of images."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wholebody.dataset.task_files import opened, read_list
from wholebody.dataset.task_writer import image_key
from wholebody.errors import DatasetError, SettingsError
from wholebody.images.own_addresses import is_surely_own_path
from wholebody.images.picture_folder import reference_of
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.prefill.parts import Task
from wholebody.prefill.task_keys import has_id

_ADDRESS = re.compile(r"[a-z][a-z0-9+._-]+:|//", re.IGNORECASE)

_CURE = "give a JSON export of Label Studio, tasks as its import takes them, or a text with an image a line"


class TaskList:
    """The tasks of a file; each time it is gone through, it is read anew.

    What has no id of Label Studio's is called by its place, such as `line 12`.

    Args:
        path: The file.
        config: The labeling config, which says under which key a text's images become tasks.
        prefix: What comes before the names of pictures of this machine, so that Label Studio finds them; or `None`.
        folder: Where the names in a text begin.

    Raises:
        SettingsError: The file is not there, or can be read only once.
    """

    def __init__(self, path: Path, config: LabelingConfig, prefix: str | None, folder: Path) -> None:
        if not path.is_file():
            problem = "can be read only once; give a file" if path.exists() else "there is no such file"
            raise SettingsError(f"--tasks {path}: {problem}")
        self.path = path
        self._config = config
        self._prefix = prefix
        self._folder = folder.absolute()
        self._state = _state(path)

    def __iter__(self) -> Iterator[Task]:
        """The tasks.

        Raises:
            DatasetError: One is none; names the line or its place in the list. Or the file was changed since the first
                time: what was found out about its tasks then holds no more.
            LabelingConfigError: The file is a text, and the labeling config has more than one image.
        """
        if _state(self.path) != self._state:
            raise DatasetError(f"{self.path} was changed during the run; run again to go on")
        with opened(self.path) as stream:
            start = " "
            while start.isspace():  # a list may be one line of any length
                start = stream.read(1)
        if start.startswith("["):
            return self._of_list()
        return self._of_json_lines() if start.startswith("{") else self._of_text()

    def _of_list(self) -> Iterator[Task]:
        for number, element in enumerate(read_list(self.path), 1):
            yield self._task(element, f"element {number}")

    def _of_json_lines(self) -> Iterator[Task]:
        for number, line in self._lines():
            try:
                element = json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                raise DatasetError(f"{self.path}, line {number}: is no task in JSON; {_CURE}") from None
            yield self._task(element, f"line {number}")

    def _of_text(self) -> Iterator[Task]:
        key = image_key(self._config)
        for number, line in self._lines():
            place = f"line {number}"
            yield {"id": place, "data": {key: self._reference(line, place)}}

    def _lines(self) -> Iterator[tuple[int, str]]:
        with opened(self.path) as stream:
            for number, line in enumerate(stream, 1):
                if text := line.strip():
                    yield number, text

    def _task(self, element: Any, place: str) -> Task:
        if not isinstance(element, dict):
            raise DatasetError(f"{self.path}, {place}: is no task; {_CURE}")
        if "annotation_id" in element:
            raise DatasetError(f"{self.path}, {place}: is of an export as JSON_MIN; export the project as JSON")
        task = element if "data" in element else {"data": element}  # as Label Studio's import reads it
        if not isinstance(task["data"], dict) or not task["data"]:
            raise DatasetError(f"{self.path}, {place}: its 'data' names no image; {_CURE}")
        return task if has_id(task) else {**task, "id": place}

    def _reference(self, line: str, place: str) -> str:
        """What a task says of an image: an address as it is, a file as Label Studio finds it."""
        if _ADDRESS.match(line) or is_surely_own_path(line):
            return line
        where = f"{self.path}, {place}: {line[:200]!r}"
        name = os.path.relpath(self._folder / line, self._folder)
        if name.startswith(os.pardir):
            raise DatasetError(f"{where} lies outside of {self._folder}; name a folder above it with --images-dir")
        if self._prefix is None:
            raise DatasetError(
                f"{where} is a file of this machine; say with --images what Label Studio has in place of "
                f"{self._folder}/, such as --images '/data/local-files/?d=photos/'"
            )
        return reference_of(self._prefix, Path(name).as_posix())


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:  # deleted
        return 0, 0
    return found.st_size, found.st_mtime_ns
