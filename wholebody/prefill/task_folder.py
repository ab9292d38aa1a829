"""A folder of files that Label Studio imports: whole ones, and what a run that was killed left of one."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from wholebody.dataset.task_files import read_list
from wholebody.errors import DatasetError, OutputError
from wholebody.prefill.parts import Task
from wholebody.prefill.shards import Shard
from wholebody.prefill.task_keys import TaskKeys, key_of

UNFINISHED = ".unfinished"
"""A folder in it for files that are being written: a storage of Label Studio would try to read them beside the rest."""

IGNORED = ("lost+found",)
"""What a file system has in the folder that it is mounted on."""

LOCK_S = 10.0
"""How long a run waits for another that has just begun to clear up what was left."""

BEGINNING, SEPARATOR, END = b"[\n", b",\n", b"\n]\n"
"""Of a file: a task a line between them."""

_FILE = re.compile(r"(tasks(?:-(\d+)-of-(\d+))?)-(\d+)\.json")
_PREDICTIONS = b',"predictions":['


class TaskFolder:
    """The folder. Runs that divide the tasks alike may write to it at once.

    Args:
        path: Where it is; it need not be there.
        shard: Which part of the tasks the files of this run have.

    Raises:
        DatasetError: It is no folder, or has something else in it.
    """

    def __init__(self, path: Path, shard: Shard = Shard()) -> None:  # noqa: B008  # which is frozen
        self.path = path
        self._unfinished = path / UNFINISHED
        width = len(str(shard.count))
        self._tag = "tasks" if shard.count == 1 else f"tasks-{shard.number:0{width}}-of-{shard.count}"
        self._count = shard.count
        if path.exists() and not path.is_dir():
            raise DatasetError(f"{path} is no folder; choose another one")
        known = (name for name in _names(path) if not name.startswith(".") and name not in IGNORED)
        foreign = [name for name in known if not _FILE.fullmatch(name)]
        if foreign:
            raise DatasetError(f"{path} has other things in it, such as {foreign[0]!r}; choose a folder of its own")

    def finished(self) -> list[Path]:
        """The files that are whole, by name."""
        return [self.path / name for name in _names(self.path) if _FILE.fullmatch(name)]

    def unfinished(self) -> list[Path]:
        """The files that are being written, or were when a run was killed, by name."""
        return [self._unfinished / name for name in _names(self._unfinished) if _FILE.fullmatch(name)]

    def keys(self) -> TaskKeys:
        """The tasks that it has, those of unfinished files too.

        Raises:
            DatasetError: A file of it cannot be read.
        """
        unfinished = self.unfinished()  # before the others, for one may be finished meanwhile
        heads = chain.from_iterable(map(_heads_of_unfinished, unfinished))
        return TaskKeys(key_of(head) for head in chain(heads, chain.from_iterable(map(_heads, self.finished()))))

    def count(self) -> int:
        """How many tasks its whole files have.

        Raises:
            DatasetError: A file of it cannot be read.
        """
        return sum(1 for file in self.finished() for _ in _heads(file))

    def tasks(self) -> Iterator[tuple[Task, str]]:
        """The tasks of its whole files with their predictions, and where each is, in words.

        Raises:
            DatasetError: A file of it cannot be read.
        """
        for file in self.finished():
            for number, task in enumerate(read_list(file), 1):
                place = f"{file}, task {number}"
                yield _checked(task, place), place

    def versions(self) -> set[str]:
        """The model versions of the predictions that it has, by the first task of each file."""
        first = (next(read_list(file), None) for file in self.finished())
        return {version_of(task) for task in first if task is not None}

    def new_file(self) -> Path:
        """Where the next file is to be written; its name is one of this run's alone."""
        found = (_FILE.fullmatch(one.name) for one in chain(self.finished(), self.unfinished()))
        numbers = [int(match[4]) for match in found if match and match[1] == self._tag]
        return self._unfinished / f"{self._tag}-{max(numbers, default=0) + 1:05}.json"

    def finish(self, file: Path, end: int) -> None:
        """Make an unfinished file whole, and move it among the others.

        Args:
            file: It.
            end: How many bytes of it are whole tasks; 0 where there is none, and it is deleted.

        Raises:
            OSError: It could not be done; it is as it was, or whole.
        """
        if not end:
            file.unlink()
            return
        with file.open("r+b", buffering=0) as stream:
            stream.truncate(end)
            stream.seek(end)
            write_all(stream, END)
            os.fsync(stream.fileno())
        file.rename(self.path / file.name)
        _sync_folder(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While this run writes. What killed runs left of their files is finished first.

        Raises:
            DatasetError: Another run writes the same part, or divides the tasks otherwise.
            OutputError: The folder cannot be written.
        """
        is_new = not self.path.exists()
        lock = FileLock(self._unfinished / f"{self._tag}.lock")
        try:
            self._begin(lock)
            yield
        finally:
            with suppress(OSError):
                if lock.is_locked and not self._unfinished_of(self._tag):
                    Path(lock.lock_file).unlink(missing_ok=True)
                lock.release()
                self._unfinished.rmdir()  # unless another run has something in it
                if is_new:
                    self.path.rmdir()

    def _begin(self, lock: FileLock) -> None:
        try:
            self._unfinished.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=LOCK_S)
            self._finish_those_left()
        except Timeout:
            raise self._in_use() from None
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from None

    def _finish_those_left(self) -> None:
        """Of a run of this part, and of runs that divided the tasks otherwise; the others come for their own."""
        for lock in sorted(self._unfinished.glob("*.lock")):
            tag = lock.stem
            match = _FILE.fullmatch(f"{tag}-1.json")
            if tag == self._tag:
                self._finish_all(tag)
            elif match and int(match[3] or 1) != self._count:
                with FileLock(lock, timeout=0):
                    self._finish_all(tag)
                    lock.unlink(missing_ok=True)

    def _finish_all(self, tag: str) -> None:
        for file in self._unfinished_of(tag):
            self.finish(file, max((end for _, end in _whole_tasks(file)), default=0))

    def _unfinished_of(self, tag: str) -> list[Path]:
        return [file for file in self.unfinished() if file.stem.rpartition("-")[0] == tag]

    def _in_use(self) -> DatasetError:
        return DatasetError(
            f"{self.path}: another run writes to it, or to this part of it; wait until it ends, or give all runs at "
            "once a part of their own with --shard"
        )


def version_of(task: Task) -> str:
    """The model version of the prediction that a run wrote with a task."""
    predictions = task.get("predictions")
    last = predictions[-1] if isinstance(predictions, list) and predictions else None
    return str(last.get("model_version")) if isinstance(last, dict) else ""


def write_all(stream: Any, content: bytes) -> None:
    """Write to an unbuffered file, which may take less at a time."""
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def _heads(file: Path) -> Iterator[Task]:
    """The tasks of a whole file, without their predictions: most of it is not even looked at."""
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip() not in (b"[", b"]"):
                    yield _head(line, f"{file}, line {number}")
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror}") from None


def _head(line: bytes, place: str) -> Task:
    at = line.find(_PREDICTIONS)
    while at >= 0:
        with suppress(ValueError):  # the words are in the task's data
            return _checked(json.loads(line[:at] + b"}"), place)
        at = line.find(_PREDICTIONS, at + 1)
    raise _otherwise(place)


def _heads_of_unfinished(file: Path) -> Iterator[Task]:
    with suppress(FileNotFoundError):  # finished meanwhile
        for task, _ in _whole_tasks(file):
            yield _checked(task, str(file))


def _whole_tasks(file: Path) -> Iterator[tuple[Task, int]]:
    """The tasks of a file that somebody may have been writing, and where each ends."""
    with file.open("rb") as stream:
        start = len(stream.readline())
        for line in stream:
            content = line.rstrip(b",\n")
            try:
                task = json.loads(content)
            except ValueError:  # cut off
                return
            if not isinstance(task, dict) or "predictions" not in task:
                return
            yield task, start + len(content)
            start += len(line)


def _checked(task: Any, place: str) -> Task:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise _otherwise(place)
    return task


def _otherwise(place: str) -> DatasetError:
    return DatasetError(f"{place}: is not as it was written; delete that file, and its tasks are predicted again")


def _names(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}") from None


def _sync_folder(path: Path) -> None:
    """See to it that a new name in a folder outlives a loss of power."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
