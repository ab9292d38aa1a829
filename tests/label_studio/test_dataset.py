"""`wholebody import` and `wholebody export` with a real Label Studio, and its editor between them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.backend import ROOT, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from tests.dataset.coco_truth import coco_file, differences
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

from .browser import Editor

pytestmark = pytest.mark.thorough

MARK = (
    '<Choices name="visibility" toName="img" perRegion="true" choice="single" visibleWhen="region-selected">'
    '<Choice value="hidden"/></Choices>'
)
SKELETONS = write_config(tuple(Part), skeleton=True, prompt=Prompt.NONE)
POINTS = write_config(tuple(Part), prompt=Prompt.NONE).replace("<Image ", f"{MARK}<Image ", 1)


class Dataset:
    """A project with the pictures of the test data, and the commands."""

    def __init__(
        self, admin: LabelStudioAdmin, server: LabelStudioServer, testdata: Path, folder: Path, config: str, title: str
    ) -> None:
        self.coco = testdata / "coco_wholebody.json"
        self.project = admin.create_project(title, config)
        files = server.files_root / f"dataset-{self.project}"
        files.mkdir()
        for image in json.loads(self.coco.read_text())["images"]:
            shutil.copyfile(testdata / "images" / image["file_name"], files / image["file_name"])
        admin.add_local_storage(self.project, files)
        self.prefix = f"/data/local-files/?d={files.name}/"
        self._folder = folder
        self._settings = {"LABEL_STUDIO_URL": server.url, "LABEL_STUDIO_API_TOKEN": admin.legacy_token()}

    def command(self, *options: str) -> str:
        """Run a command as a user does; what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "wholebody", *options],
            cwd=self._folder,
            env=environment(self._settings | {"PYTHONPATH": str(ROOT)}),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill(self, kind: str) -> str:
        options = ("--project", str(self.project), "--images", self.prefix, "--as", kind, "--strict")
        return self.command("import", str(self.coco), *options)

    def lost(self, *options: str) -> list[str]:
        """What is otherwise than in the file, after an export."""
        self.command("export", "--project", str(self.project), "--out", "out", "--strict", *options)
        written: Any = json.loads(coco_file(self._folder / "out").read_text())
        return differences(json.loads(self.coco.read_text()), written)


@pytest.mark.parametrize("kind", ["annotations", "predictions"])
@pytest.mark.parametrize("config", [POINTS, SKELETONS], ids=["points", "skeletons"])
def test_every_number_comes_back(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, testdata: Path, tmp_path: Path, config: str, kind: str
) -> None:
    dataset = Dataset(admin, label_studio, testdata, tmp_path, config, f"there and back, {kind}")
    assert "Wrote 2 tasks with 4 people" in dataset.fill(kind)
    assert "Wrote 0 tasks" in dataset.fill(kind)
    assert dataset.lost("--of", kind, "--images") == []
    pictures = sorted((tmp_path / "out" / "images").iterdir())
    assert [path.read_bytes() for path in pictures] == [
        (testdata / "images" / path.name).read_bytes() for path in pictures
    ]
    assert len(pictures) == 2


@pytest.mark.parametrize("config", [POINTS, SKELETONS], ids=["points", "skeletons"])
def test_every_number_comes_back_from_the_editor(
    admin: LabelStudioAdmin,
    label_studio: LabelStudioServer,
    editor: Editor,
    testdata: Path,
    tmp_path: Path,
    config: str,
) -> None:
    """Opened and submitted unchanged: hidden points stay hidden, and what a task keeps of its people is found again."""
    dataset = Dataset(admin, label_studio, testdata, tmp_path, config, "through the editor")
    dataset.fill("predictions")
    for task in admin.tasks(dataset.project):
        drawn = {region["id"] for region in task["predictions"][0]["result"]}
        editor.open(dataset.project, task["id"])
        editor.wait_for_regions(len(drawn))
        editor.submit()
    assert dataset.lost("--annotator", admin.email) == []
