"""A real Label Studio that tasks name by another address than the backend and the prefill reach it by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from demo.process import free_port
from wholebody.figures.drawing import write_samples

from .figure_tasks import SEED, assert_is_the_truth, make_project
from .test_prefill_command import prefill

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module", params=["", "/label-studio"], ids=["another host", "a sub-path of a proxy"])
def public(
    request: pytest.FixtureRequest, label_studio_venv: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LabelStudioServer, str]]:
    """A server, and the address that it believes to have; nothing answers there, as seen from inside a container."""
    folder = tmp_path_factory.mktemp("named")
    address = f"http://localhost:9{request.param}"
    named = {"LABEL_STUDIO_HOST": address}
    with LabelStudioServer(
        folder / "data", folder / "files", venv=label_studio_venv, port=free_port(), extra_env=named
    ) as server:
        yield server, address


@pytest.fixture(scope="module")
def its_admin(public: tuple[LabelStudioServer, str]) -> LabelStudioAdmin:
    return public[0].admin()


def import_all_kinds(admin: LabelStudioAdmin, server: LabelStudioServer, project: int) -> list[int]:
    """Tasks of `sample(1, SEED)` and so on: an upload, then what a local storage synced; as Label Studio names them."""
    folder = server.files_root / f"synced-{project}"
    first, *_ = write_samples(folder, 3, SEED)
    (uploaded,) = admin.upload_file(project, first)
    first.unlink()
    admin.sync_local_storage(admin.add_local_storage(project, folder))
    rest = sorted(admin.tasks(project), key=lambda task: str(task["data"]))
    return [uploaded, *(task["id"] for task in rest if task["id"] != uploaded)]


def assert_all_are_the_truth(admin: LabelStudioAdmin, tasks: list[int]) -> None:
    for number, task in enumerate(tasks, 1):
        (prediction,) = admin.predictions(task)
        assert_is_the_truth(prediction, number)


def test_the_prefill_is_told_by_a_setting(
    public: tuple[LabelStudioServer, str], its_admin: LabelStudioAdmin, tmp_path: Path
) -> None:
    server, address = public
    project = make_project(its_admin, "prefilled")
    tasks = import_all_kinds(its_admin, server, project)
    settings = {
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_TOKEN": its_admin.personal_access_token(),
        "PROJECT_ID": str(project),
    }
    without = prefill(tmp_path, settings, "--dry-run")
    assert without.returncode == 1, without.stderr
    assert f"if that is Label Studio, set LABEL_STUDIO_PUBLIC_URL={address}" in without.stdout
    done = prefill(tmp_path, settings | {"LABEL_STUDIO_PUBLIC_URL": address})
    assert "Predicted 3 (0 empty), skipped 0, failed 0." in done.stdout, done.stderr
    assert_all_are_the_truth(its_admin, tasks)


def test_the_backend_is_told_when_it_is_connected(
    public: tuple[LabelStudioServer, str], its_admin: LabelStudioAdmin, tmp_path: Path
) -> None:
    server, address = public
    project = make_project(its_admin, "connected")
    tasks = import_all_kinds(its_admin, server, project)
    settings = {
        "MODE": "figures",
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_TOKEN": its_admin.personal_access_token(),
    }
    log = tmp_path / "backend.log"
    with BackendServer(settings, log) as backend:
        its_admin.connect_backend(project, backend.url)
        its_admin.retrieve_predictions(project, tasks)
    assert f"Label Studio at {server.url} calls itself {address}" in log.read_text()
    assert_all_are_the_truth(its_admin, tasks)
