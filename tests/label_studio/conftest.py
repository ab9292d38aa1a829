"""One real Label Studio for all integration tests; they are skipped where it is not installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from packaging.version import Version

from demo.backend import BackendServer
from demo.label_studio import DEFAULT_VENV, LabelStudioServer, is_installed
from demo.label_studio_admin import LabelStudioAdmin
from wholebody.label_studio.bulk_imports import FLAG

from .browser import Editor, fresh_editor, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def label_studio_venv() -> Path:
    """Virtual environment that has Label Studio: LABEL_STUDIO_VENV, else `.venv-label-studio` here."""
    venv = ROOT / os.environ.get("LABEL_STUDIO_VENV", DEFAULT_VENV)
    if not is_installed(venv):
        pytest.skip(f"no Label Studio in {venv}: run `make .venv-label-studio`, or set LABEL_STUDIO_VENV")
    return venv


@pytest.fixture(scope="session")
def label_studio(label_studio_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    """One server for the whole run; both kinds of token work. Tests keep apart by their own projects."""
    folder = tmp_path_factory.mktemp("label-studio")
    started_for = {FLAG: "true"}
    with LabelStudioServer(folder / "data", folder / "files", venv=label_studio_venv, extra_env=started_for) as server:
        yield server


@pytest.fixture(scope="session")
def release(label_studio: LabelStudioServer) -> Version:
    """Which Label Studio it is."""
    answer = requests.get(f"{label_studio.url}/api/version/", timeout=30).json()
    return Version(answer["release"])


@pytest.fixture(autouse=True)
def _skip_by_release(request: pytest.FixtureRequest) -> None:
    """Leave out a test of what this Label Studio does not have yet: `@since("1.17.0", "personal access tokens")`."""
    for marker in request.node.iter_markers("since"):
        first, what = marker.args
        if request.getfixturevalue("release") < Version(first):
            pytest.skip(f"{what} came with Label Studio {first}")


@pytest.fixture(scope="session")
def admin(label_studio: LabelStudioServer) -> LabelStudioAdmin:
    """A logged-in user of `label_studio`."""
    return label_studio.admin()


@pytest.fixture(scope="session")
def backend(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackendServer]:
    """This project's backend with the figure model pair, knowing `label_studio` and a token for it."""
    settings = {
        "MODE": "figures",
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
    }
    with BackendServer(settings, tmp_path_factory.mktemp("backend") / "backend.log") as server:
        yield server


@pytest.fixture(scope="session")
def real_backend(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, testdata: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackendServer]:
    """This project's backend with the real weights of the test data."""
    settings = {
        "DET_MODEL": str(testdata / "models" / "rtmdet_nano_person.onnx"),
        "POSE_MODEL": str(testdata / "models" / "wholebody133_256x192.onnx"),
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
    }
    with BackendServer(settings, tmp_path_factory.mktemp("real-backend") / "backend.log") as server:
        yield server


@pytest.fixture(scope="session")
def login(chromium: Browser, label_studio: LabelStudioServer) -> Any:
    """The first user's login, for `fresh_editor`."""
    return log_in(chromium, label_studio.url)


@pytest.fixture
def editor(chromium: Browser, label_studio: LabelStudioServer, login: Any) -> Iterator[Editor]:
    """An editor in a browser that nobody used before."""
    with fresh_editor(chromium, label_studio.url, login) as editor:
        yield editor
