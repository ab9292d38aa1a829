"""Pictures in an S3 storage of a real Label Studio, with signed addresses and without, under difficult keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from packaging.version import Version

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from tests.s3_server import ACCESS, BUCKET, S3Server, s3_server
from wholebody.errors import ImageError
from wholebody.images.loader import ImageLoader
from wholebody.settings import Settings

pytestmark = pytest.mark.thorough

KEYS = ("a b.png", "100%.png", "a#1.png", "a&b=c.png", "1+1.png", "folder/größe-🙂.png")
STREAMS = Version("1.18.0")
"""Since then Label Studio hands out pictures of a storage without signed addresses; before it fails."""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    pytest.importorskip("moto", reason="no moto: run `make install`")
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def loader(label_studio: LabelStudioServer, admin: LabelStudioAdmin) -> ImageLoader:
    return ImageLoader(Settings(label_studio_url=label_studio.url, label_studio_api_token=admin.api_token()))


def make_project(admin: LabelStudioAdmin, s3: S3Server, *, presign: bool) -> int:
    """A project whose storage is the bucket."""
    config = '<View><Image name="img" value="$image"/></View>'
    project = admin.create_project("pictures in S3", config)
    body = {
        "project": project,
        "bucket": BUCKET,
        "s3_endpoint": s3.url,
        **ACCESS,
        "use_blob_urls": True,
        "recursive_scan": True,
        "presign": presign,
    }
    admin.request("POST", "/api/storages/s3/", json=body)
    return project


def fetched(loader: ImageLoader, task: dict[str, Any]) -> bytes | str:
    """The file of the task's picture, or why there is none."""
    try:
        return loader.fetch(task["data"]["image"], task["id"]).content
    except ImageError as error:
        return error.reason


@pytest.mark.parametrize("presign", [True, False], ids=["signed", "through Label Studio"])
def test_pictures_under_difficult_keys(
    admin: LabelStudioAdmin, s3: S3Server, loader: ImageLoader, release: Version, presign: bool
) -> None:
    pictures = {s3.put(key, f"picture {number}".encode()): number for number, key in enumerate(KEYS)}
    project = make_project(admin, s3, presign=presign)
    admin.import_tasks(project, [{"image": reference} for reference in pictures])
    found = {task["data"]["image"]: fetched(loader, task) for task in raw_tasks(admin, project)}
    if presign or release >= STREAMS:
        assert found == {reference: f"picture {number}".encode() for reference, number in pictures.items()}
    else:
        assert {str(reason).partition(": ")[2] for reason in found.values()} == {
            "up to 1.17, Label Studio hands out cloud images by signed addresses alone; switch on pre-signed URLs in "
            "the storage's settings, or upgrade"
        }


def test_label_studio_cuts_keys_off_at_a_question_mark(
    admin: LabelStudioAdmin, s3: S3Server, loader: ImageLoader
) -> None:
    """For its editor too: what is predicted is what annotators see."""
    s3.put("what", b"another picture")
    project = make_project(admin, s3, presign=True)
    admin.import_tasks(project, [{"image": s3.put("what?.png", b"picture")}])
    (task,) = raw_tasks(admin, project)
    assert fetched(loader, task) == b"another picture"


def raw_tasks(admin: LabelStudioAdmin, project: int) -> list[dict[str, Any]]:
    """The tasks with the references that they were made with."""
    parameters = {"project": str(project), "resolve_uri": "false", "page_size": "100"}
    return list(admin.request("GET", "/api/tasks/", params=parameters).json()["tasks"])
