"""Label Studio's JSON export, read a task at a time: any layout, and every way in which a file is something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from wholebody.dataset import task_files
from wholebody.dataset.task_files import read_tasks
from wholebody.errors import DatasetError


def a_task(number: int, text: str = "x") -> dict[str, Any]:
    return {"id": number, "data": {"image": text}, "annotations": [{"result": [1.5, -2e3, None, True, "]},{"]}]}


def written(folder: Path, text: str) -> Path:
    path = folder / "export.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_tasks_come_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, chunk: int
) -> None:
    monkeypatch.setattr(task_files, "CHUNK_CHARS", chunk)
    tasks = [a_task(number, 'ü\\"\n' * 9) for number in (3, 12345678901)]
    path = written(tmp_path, "\ufeff \n" + json.dumps(tasks, indent=indent) + "\n")
    assert list(read_tasks(path)) == tasks


def test_no_tasks_and_tasks_without_numbers(tmp_path: Path) -> None:
    assert list(read_tasks(written(tmp_path, "[ ]"))) == []
    task = {"data": {}, "predictions": []}
    assert [one["id"] for one in read_tasks(written(tmp_path, json.dumps([task, task])))] == [1, 2]


GOOD = json.dumps([a_task(1), a_task(2)], indent=1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty; export the project as JSON"),
        ('{"images": []}', "begins with '{\"images\": []}', not with a list of tasks"),
        ("[1]", "its element 1 is no task"),
        ('[{"id": 1, "image": "x"}]', "its task 1 has no 'data'; export the project as JSON (JSON_MIN"),
        ('[{"id": 1, "data": {}}]', "its task 1 has neither 'annotations' nor 'predictions'"),
        (GOOD[:-30], "line 31: the file is cut off; export it again"),
        (GOOD[:60], "line 7: the file is cut off"),
        (GOOD.replace("-2000.0", "minus" + " " * 99), "line 11: is not JSON (Expecting value)"),
        ("[" * 100_000, "line 1: nested too deep"),
    ],
)
def test_what_is_no_export(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DatasetError) as caught:
        list(read_tasks(path))
    assert str(caught.value).startswith(str(path))
    assert complaint in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        list(read_tasks(tmp_path / "none.json"))
    path = tmp_path / "picture.json"
    path.write_bytes(b"[\xff\xd8\xff")
    with pytest.raises(DatasetError, match="is not text in UTF-8"):
        list(read_tasks(path))
