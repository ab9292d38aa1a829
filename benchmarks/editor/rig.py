"""A real Label Studio and Chromium, with projects of one task that has a prediction."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from playwright.sync_api import Browser, sync_playwright

from benchmarks.editor.person import Picture
from benchmarks.inputs import testdata_settings
from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from tests.label_studio.browser import Editor, fresh_editor, launch, log_in
from wholebody.labeling.crowds import thin_out
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.poses import Poses

IDLE = "() => new Promise(done => requestIdleCallback(() => requestAnimationFrame(() => done())))"
JPEG_QUALITY = 90
THRESHOLD = 0.3
MODEL_VERSION = "measured"

Region = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its prediction, alone in its project."""

    project: int
    number: int
    regions: list[Region]

    @property
    def count(self) -> int:
        """How many regions it has."""
        return len(self.regions)


@dataclass(frozen=True, slots=True)
class Rig:
    """What the parts share."""

    server: LabelStudioServer
    admin: LabelStudioAdmin
    backend: BackendServer
    browser: Browser
    login: Any

    def make_task(self, picture: Picture, config: str, max_regions: int = 0, poses: Poses | None = None) -> Task:
        """A task of a picture, predicted as it truly is unless other `poses` are given."""
        poses = poses or picture.poses
        (target,) = parse_labeling_config(config).targets
        shown = Shown.of(poses, target, THRESHOLD)
        if max_regions:
            shown, _ = thin_out(shown, poses, max_regions)
        regions = write_regions(poses, target, shown)
        project = self.admin.create_project("measured", config)
        folder = self.server.files_root / str(project)
        folder.mkdir()
        cv2.imwrite(str(folder / "picture.jpg"), picture.bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        self.admin.add_local_storage(project, folder)
        data = {"image": local_file_url(f"{project}/picture.jpg")}
        predictions = [{"model_version": MODEL_VERSION, "score": 1.0, "result": regions}]
        (task,) = self.admin.import_tasks(project, [{"data": data, "predictions": predictions}])
        self.admin.connect_backend(project, self.backend.url, is_interactive=True)
        self.admin.update_project(project, model_version=MODEL_VERSION)  # else the backend's predictions are shown
        return Task(project, task, regions)

    @contextmanager
    def editor(self, window_wh: tuple[int, int] = (1440, 900)) -> Iterator[Editor]:
        """An editor in a browser that nobody used before."""
        with fresh_editor(self.browser, self.server.url, self.login, window_wh) as editor:
            yield editor

    @contextmanager
    def opened(self, task: Task, window_wh: tuple[int, int] = (1440, 900), *, stream: bool = True) -> Iterator[Editor]:
        """A task in the labeling stream, or beside the list of tasks."""
        with self.editor(window_wh) as editor:
            if stream:
                editor.open_stream(task.project)
            else:
                editor.open(task.project, task.number)
            editor.wait_for_regions(task.count)
            editor.wait_until_idle()
            editor.page.evaluate(IDLE)
            yield editor


@contextmanager
def started() -> Iterator[Rig]:
    """Start both; they end with the block."""
    with tempfile.TemporaryDirectory(prefix="editor-") as name, sync_playwright() as playwright:
        folder = Path(name)
        with LabelStudioServer(folder / "data", folder / "files", legacy_tokens=False) as server:
            admin = server.admin()
            access = {"LABEL_STUDIO_URL": server.url, "LABEL_STUDIO_API_TOKEN": admin.personal_access_token()}
            with (
                BackendServer(_weights() | access, folder / "backend.log") as backend,
                launch(playwright) as browser,
            ):
                yield Rig(server, admin, backend, browser, log_in(browser, server.url))


def _weights() -> dict[str, str]:
    """Settings for those of the test data, else for the model that knows drawn figures."""
    found = testdata_settings()
    if found is None:
        return {"MODE": "figures"}
    settings, _ = found
    return {"DET_MODEL": str(settings.det_model), "POSE_MODEL": str(settings.pose_model)}
