"""Images that lie in a folder of this machine: those of one prefix, and nothing outside of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from wholebody.errors import ImageError, SettingsError
from wholebody.images.loader import ImageLoader
from wholebody.settings import Settings, load_settings

PREFIX = "/data/local-files/?d=photos/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "ü 1%").mkdir(parents=True)
    png = cv2.imencode(".png", np.full((4, 6, 3), 7, np.uint8))[1].tobytes()
    for path in (folder / "a.png", folder / "ü 1%" / "b.png", tmp_path / "outside.png"):
        path.write_bytes(png)
    (folder / "link.png").symlink_to(folder / "a.png")
    (folder / "out.png").symlink_to(tmp_path / "outside.png")
    return folder


def load(folder: Path, reference: str, prefix: str = PREFIX, **others: int) -> tuple[int, ...]:
    settings = Settings(image_files_prefix=prefix, image_files_dir=folder, **others)  # type: ignore[call-arg,arg-type]
    picture = ImageLoader(settings).load(reference, "line 3")
    return tuple(picture.bgr.shape)


@pytest.mark.parametrize(
    ("prefix", "reference"),
    [
        (PREFIX, PREFIX + "a.png"),
        (PREFIX, PREFIX + "link.png"),
        (PREFIX, PREFIX + "%C3%BC%201%25/b.png"),
        ("https://a.example/", "https://a.example/%C3%BC%201%25/b.png"),
        ("s3://bucket/", "s3://bucket/ü 1%/b.png"),
    ],
)
def test_it_is_read_from_the_folder(folder: Path, prefix: str, reference: str) -> None:
    assert load(folder, reference, prefix) == (4, 6, 3)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none.png", "there is no such file in {folder}"),
        ("", "there is no such file in {folder}"),
        ("../outside.png", "lies outside of {folder}, and is not read"),
        ("%2e%2e/outside.png", "lies outside of {folder}, and is not read"),
        ("/etc/passwd", "lies outside of {folder}, and is not read"),
        ("out.png", "lies outside of {folder}, and is not read"),
        ("a%00.png", "cannot be read: embedded null byte"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_nothing_else_is_read(folder: Path, name: str, complaint: str) -> None:
    with pytest.raises(ImageError) as caught:
        load(folder, PREFIX + name)
    assert caught.value.reason == complaint.format(folder=folder)


def test_a_file_that_is_too_large(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"is over the limit of 20 bytes \(IMAGE_MAX_BYTES\)"):
        load(folder, PREFIX + "a.png", image_max_bytes=20)


def test_cloud_addresses_need_a_task_of_label_studio(folder: Path) -> None:
    with pytest.raises(ImageError, match="s3:// addresses are fetched through Label Studio, by the id of a task"):
        load(folder, "s3://bucket/a.png")


@pytest.mark.parametrize("name", ["IMAGE_FILES_PREFIX", "IMAGE_FILES_DIR"])
def test_one_alone_says_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/photos")
    with pytest.raises(SettingsError, match=r"^IMAGE_FILES_PREFIX and IMAGE_FILES_DIR: set both or none$"):
        load_settings()
