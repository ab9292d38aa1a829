"""A file of tasks: what it may be, and every way in which it is something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from wholebody.errors import DatasetError, LabelingConfigError, SettingsError
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.prefill.task_lists import TaskList

CONFIG = parse_labeling_config(write_config((Part.BODY,)))
LOCAL = "/data/local-files/?d=photos/"


def read(
    folder: Path, text: str, prefix: str | None = None, root: Path | None = None, config: LabelingConfig = CONFIG
) -> list[dict[str, Any]]:
    path = folder / "tasks"
    path.write_text(text, encoding="utf-8")
    return list(TaskList(path, config, prefix, root or folder))


TASK = {"id": 7, "data": {"image": "https://a.example/1.jpg"}, "annotations": [], "meta": {"by": "me"}}
PLAIN = {"image": "https://a.example/2.jpg"}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_as_json(tmp_path: Path, indent: int | None) -> None:
    text = "\ufeff\n" + json.dumps([TASK, PLAIN, {"data": PLAIN, "id": "x-3"}], indent=indent)
    assert read(tmp_path, text) == [
        TASK,
        {"id": "element 2", "data": PLAIN},
        {"id": "element 3", "data": PLAIN},
    ]
    assert read(tmp_path, "[]") == []


def test_json_lines(tmp_path: Path) -> None:
    text = "\n".join(["", json.dumps(TASK), "", json.dumps(PLAIN)])
    assert read(tmp_path, text) == [TASK, {"id": "line 4", "data": PLAIN}]


def test_a_text_of_images(tmp_path: Path) -> None:
    addresses = [
        "https://a.example/a b.jpg?x=1#y",
        "s3://bucket/key.jpg",
        "azure-blob://bucket/key.jpg",
        "//a.example/a.jpg",
        "data:image/png;base64,AAAA",
        "/data/upload/7/a.jpg",
        "/data/local-files/?d=x/a.jpg",
    ]
    tasks = read(tmp_path, "\r\n".join(["", *addresses, ""]))
    assert [task["data"]["image"] for task in tasks] == addresses
    assert [task["id"] for task in tasks] == [f"line {number}" for number in range(2, 9)]


@pytest.mark.parametrize(
    ("prefix", "line", "reference"),
    [
        (LOCAL, "a.jpg", LOCAL + "a.jpg"),
        (LOCAL, "./x/../y/ü 1%.jpg", LOCAL + "y/%C3%BC%201%25.jpg"),
        ("https://a.example/", "a&b.jpg", "https://a.example/a%26b.jpg"),
        ("s3://bucket/", "ü 1%.jpg", "s3://bucket/ü 1%.jpg"),
    ],
)
def test_files_are_named_as_label_studio_finds_them(tmp_path: Path, prefix: str, line: str, reference: str) -> None:
    for written in (line, str(tmp_path / line)):
        assert read(tmp_path, written, prefix)[0]["data"]["image"] == reference


def test_a_file_by_its_whole_path_in_a_folder_called_data(tmp_path: Path) -> None:
    (task,) = read(tmp_path, "/data/photos/a.jpg", LOCAL, Path("/data/photos"))
    assert task["data"]["image"] == LOCAL + "a.jpg"


@pytest.mark.parametrize("line", ["../a.jpg", "x/../../a.jpg", "/etc/passwd", ".."])
def test_files_elsewhere_are_refused(tmp_path: Path, line: str) -> None:
    message = (
        rf"^{tmp_path}/tasks, line 1: '{line}' lies outside of {tmp_path}; name a folder above it with --images-dir$"
    )
    with pytest.raises(DatasetError, match=message):
        read(tmp_path, line, LOCAL)


def test_files_that_label_studio_does_not_find_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"line 2: 'a\.jpg' is a file of this machine; say with --images what"):
        read(tmp_path, "https://a.example/1.jpg\na.jpg")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1]", "element 1: is no task; give a JSON export"),
        ('[{"id": 1, "data": "x"}]', "element 1: its 'data' names no image"),
        ('[{"data": {}}]', "element 1: its 'data' names no image"),
        ('[{"id": 1, "image": "x", "annotation_id": 3}]', "element 1: is of an export as JSON_MIN; export the"),
        ('[{"data": {"image": "x"}}', "line 1: the file is cut off"),
        ('{"images": [\n]}', "line 1: is no task in JSON; give a JSON export"),
        (json.dumps(TASK) + "\nnone", "line 2: is no task in JSON"),
    ],
)
def test_what_is_no_task(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'tasks'}, {complaint}")


def test_a_text_goes_with_one_image_a_task(tmp_path: Path) -> None:
    config = parse_labeling_config(write_config((Part.BODY,)).replace('value="$image"', 'valueList="$pages"'))
    with pytest.raises(LabelingConfigError, match="tasks are made for a labeling config with one <Image"):
        read(tmp_path, "https://a.example/1.jpg", config=config)


def test_a_file_that_is_not_there_or_read_only_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--tasks none: there is no such file$"):
        TaskList(Path("none"), CONFIG, None, tmp_path)
    with pytest.raises(SettingsError, match=r"^--tasks /dev/null: can be read only once; give a file$"):
        TaskList(Path("/dev/null"), CONFIG, None, tmp_path)
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DatasetError, match="is not text in UTF-8"):
        list(TaskList(tmp_path / "picture", CONFIG, None, tmp_path))
