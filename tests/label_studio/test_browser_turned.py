"""Pictures with an EXIF orientation in the editor: predicted as they are shown there, whatever their format."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from demo.backend import BackendServer
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.figures.drawing import sample

from .browser import Editor
from .figure_tasks import SEED, assert_shows, make_project

pytestmark = pytest.mark.thorough

ON_ITS_SIDE = 6
LOSSLESS = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True},
}


def turned_by_browsers(kind: str) -> bool:
    return kind != "WEBP"


@pytest.fixture
def project(admin: LabelStudioAdmin, backend: BackendServer) -> int:
    """A project with the backend connected."""
    project = make_project(admin, "turned")
    admin.connect_backend(project, backend.url)
    return project


def as_data_uri(bgr: np.ndarray, kind: str) -> str:
    exif = Image.Exif()
    exif[0x0112] = ON_ITS_SIDE
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(bgr[:, :, ::-1])).save(file, kind, exif=exif, **LOSSLESS[kind])
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


@pytest.mark.parametrize("kind", LOSSLESS)
def test_points_lie_where_the_editor_shows_the_person(
    admin: LabelStudioAdmin, editor: Editor, project: int, kind: str
) -> None:
    truth = sample(2, SEED)
    stored = cv2.rotate(truth.bgr, cv2.ROTATE_90_COUNTERCLOCKWISE) if turned_by_browsers(kind) else truth.bgr
    (task,) = admin.import_tasks(project, [{"image": as_data_uri(stored, kind)}])
    (prediction,) = admin.open_task(project, task)["predictions"]
    assert_shows(prediction["result"], truth)
    editor.open(project, task)
    height, width = truth.bgr.shape[:2]
    assert editor.natural_size() == (width, height)
    assert {(region["original_width"], region["original_height"]) for region in prediction["result"]} == {
        (width, height)
    }
