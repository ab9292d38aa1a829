"""The real Label Studio that the other tests here rely on: people, tokens, images, backends, restarts."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from packaging.version import Version

from demo.label_studio import EMAIL, LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, LabelStudioApiError, local_file_url
from demo.process import StartError

CONFIG = """
<View>
  <Image name="img" value="$image"/>
  <RectangleLabels name="box" toName="img"><Label value="person"/></RectangleLabels>
</View>
"""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BOX = {
    "id": "box0",
    "from_name": "box",
    "to_name": "img",
    "type": "rectanglelabels",
    "original_width": 1,
    "original_height": 1,
    "image_rotation": 0,
    "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["person"]},
}


def get(server: LabelStudioServer, path: str, authorization: str | None = None) -> requests.Response:
    headers = {"Authorization": authorization} if authorization else {}
    return requests.get(f"{server.url}{path}", headers=headers, timeout=30)


@pytest.fixture
def project(admin: LabelStudioAdmin) -> Iterator[int]:
    project_id = admin.create_project("harness", CONFIG)
    yield project_id
    admin.delete_project(project_id)


@pytest.fixture(scope="module")
def authorization(admin: LabelStudioAdmin, release: Version) -> str:
    """Of the kind that this Label Studio prefers."""
    if release < Version("1.17.0"):
        return f"Token {admin.legacy_token()}"
    return f"Bearer {admin.access_token(admin.personal_access_token())}"


def test_server_is_the_version_that_is_installed(label_studio_venv: Path, release: Version) -> None:
    asked = "import importlib.metadata as m; print(m.version('label-studio'))"
    installed = subprocess.run([label_studio_venv / "bin" / "python", "-c", asked], capture_output=True, text=True)
    assert str(release) == installed.stdout.strip()


def test_login_is_the_first_user(admin: LabelStudioAdmin) -> None:
    assert admin.request("GET", "/api/current-user/whoami").json()["email"] == EMAIL


def test_wrong_password_is_refused(label_studio: LabelStudioServer) -> None:
    with pytest.raises(LabelStudioApiError, match="/user/login/ -> 200"):
        LabelStudioAdmin(label_studio.url, EMAIL, "wrong").log_in()


def test_error_carries_status_and_body(admin: LabelStudioAdmin) -> None:
    with pytest.raises(LabelStudioApiError, match=r"POST .*/api/projects/ -> 400: .*title") as caught:
        admin.create_project("x", CONFIG)
    assert caught.value.status == 400


@pytest.mark.since("1.17.0", "personal access tokens")
def test_personal_access_token_works_only_as_refreshed_bearer(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, authorization: str
) -> None:
    assert get(label_studio, "/api/projects/", authorization).status_code == 200
    assert get(label_studio, "/api/projects/", f"Bearer {admin.personal_access_token()}").status_code == 401


@pytest.mark.since("1.17.0", "personal access tokens")
def test_personal_access_token_is_kept_and_replaced_once_revoked(admin: LabelStudioAdmin) -> None:
    first = admin.personal_access_token()
    assert admin.personal_access_token() == first
    admin.revoke(first)
    second = admin.personal_access_token()
    assert second != first
    assert admin.access_token(second)


def test_legacy_token_works(label_studio: LabelStudioServer, admin: LabelStudioAdmin) -> None:
    assert get(label_studio, "/api/projects/", f"Token {admin.legacy_token()}").status_code == 200
    assert get(label_studio, "/api/projects/").status_code == 401


def test_uploaded_image_is_served_with_a_token(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, project: int, authorization: str, tmp_path: Path
) -> None:
    image = tmp_path / "a b.png"
    image.write_bytes(PNG)
    (task_id,) = admin.upload_file(project, image)
    address = admin.open_task(project, task_id)["data"]["image"]
    assert address.startswith(f"/data/upload/{project}/")
    assert get(label_studio, address, authorization).content == PNG
    assert get(label_studio, address).status_code == 401


def test_local_file_is_served_once_its_folder_is_a_storage(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, project: int, authorization: str
) -> None:
    folder = label_studio.files_root / f"project {project}"
    folder.mkdir()
    (folder / "a b.png").write_bytes(PNG)
    address = local_file_url(f"{folder.name}/a b.png")
    (task_id,) = admin.import_tasks(project, [{"image": address}])
    assert get(label_studio, address, authorization).status_code == 404

    storage_id = admin.add_local_storage(project, folder)

    served = get(label_studio, address, authorization)
    assert (served.status_code, served.content) == (200, PNG)
    assert get(label_studio, address).status_code == 401
    assert admin.sync_local_storage(storage_id) == 1
    assert [task["data"]["image"] for task in admin.tasks(project)] == [address, address]
    assert admin.sync_local_storage(storage_id) == 0
    assert admin.tasks(project)[0]["id"] == task_id


def test_document_root_itself_is_refused_as_storage(
    label_studio: LabelStudioServer, admin: LabelStudioAdmin, project: int
) -> None:
    with pytest.raises(LabelStudioApiError, match=r"add a subdirectory|must start with LOCAL_FILES_DOCUMENT_ROOT"):
        admin.add_local_storage(project, label_studio.files_root)


def test_tasks_predictions_annotations_and_export(admin: LabelStudioAdmin, project: int) -> None:
    prediction = {"model_version": "v1", "score": 0.5, "result": [BOX]}
    bare, predicted = admin.import_tasks(
        project, [{"image": "a.png"}, {"data": {"image": "b.png"}, "predictions": [prediction]}]
    )
    assert [len(admin.predictions(task_id)) for task_id in (bare, predicted)] == [0, 1]
    assert admin.predictions(predicted)[0]["model_version"] == "v1"
    admin.annotate(bare, [BOX])
    assert [len(task["annotations"]) for task in admin.tasks(project)] == [1, 0]
    (exported,) = json.loads(admin.export(project))
    assert exported["id"] == bare
    assert exported["annotations"][0]["result"][0]["id"] == "box0"


def test_project_settings_and_search_by_title(admin: LabelStudioAdmin, project: int) -> None:
    admin.update_project(project, title="harness renamed", show_collab_predictions=False)
    assert admin.project(project)["show_collab_predictions"] is False
    assert admin.find_project("harness renamed") == project
    assert admin.find_project("harness") is None


class ToyBackend(BaseHTTPRequestHandler):
    """Answers one box for each task; `calls` holds (path, Authorization, body) of all requests."""

    calls: list[tuple[str, str | None, Any]]

    def do_GET(self) -> None:
        self._answer({"status": "UP"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append((self.path, self.headers["Authorization"], body))
        prediction = {"result": [BOX], "score": 0.5, "model_version": "toy-1"}
        results = [prediction] * len(body.get("tasks", []))
        self._answer({"results": results} if self.path == "/predict" else {"model_version": "toy-1"})

    def _answer(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def toy_backend() -> Iterator[tuple[str, list[tuple[str, str | None, Any]]]]:
    calls: list[tuple[str, str | None, Any]] = []
    handler = type("Handler", (ToyBackend,), {"calls": calls})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as backend:
        thread = threading.Thread(target=backend.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{backend.server_port}", calls
        backend.shutdown()
        thread.join()


def test_backend_on_loopback_is_asked_by_action_editor_and_smart_tool(
    admin: LabelStudioAdmin, project: int, toy_backend: tuple[str, list[tuple[str, str | None, Any]]]
) -> None:
    url, calls = toy_backend
    first, second = admin.import_tasks(project, [{"image": "a.png"}, {"image": "b.png"}])
    backend_id = admin.connect_backend(project, url, is_interactive=True, basic_auth=("u", "p"))
    assert calls[0][0] == "/setup"

    assert admin.retrieve_predictions(project, [first]) == "Retrieved 1 predictions"
    assert [stored["model_version"] for stored in admin.predictions(first)] == ["toy-1"]
    assert admin.predictions(second) == []
    assert len(admin.open_task(project, second)["predictions"]) == 1
    answer = admin.ask_interactively(backend_id, first, [BOX])

    assert answer["data"]["result"] == [BOX]
    asked = [body for path, _, body in calls if path == "/predict"]
    assert [[task["id"] for task in body["tasks"]] for body in asked] == [[first], [second], [first]]
    assert asked[-1]["params"]["context"]["result"] == [BOX]
    assert {sent for path, sent, _ in calls if path != "/webhook"} == {"Basic dTpw"}


def test_restart_keeps_user_tokens_and_projects(label_studio_venv: Path, tmp_path: Path) -> None:
    server = LabelStudioServer(tmp_path / "data", tmp_path / "files", venv=label_studio_venv)
    with server:
        admin = server.admin()
        tokens = (admin.api_token(), admin.legacy_token())
        project_id = admin.create_project("kept", CONFIG)
        first_pid = server.pid
    assert server.pid is None
    with pytest.raises(requests.ConnectionError):
        get(server, "/health")
    with server:
        again = server.admin()
        assert server.pid != first_pid
        assert (again.api_token(), again.legacy_token()) == tokens
        assert again.find_project("kept") == project_id


@pytest.mark.since("1.18.0", "the switch for legacy tokens")
def test_legacy_tokens_can_stay_disabled(label_studio_venv: Path, tmp_path: Path) -> None:
    with LabelStudioServer(
        tmp_path / "data", tmp_path / "files", venv=label_studio_venv, legacy_tokens=False
    ) as server:
        refused = get(server, "/api/projects/", f"Token {server.admin().legacy_token()}")
    assert refused.status_code == 401
    assert "legacy token authentication has been disabled" in refused.json()["detail"]


def test_server_that_ends_while_starting_shows_its_log(label_studio_venv: Path, tmp_path: Path) -> None:
    server = LabelStudioServer(
        tmp_path / "data",
        tmp_path / "files",
        venv=label_studio_venv,
        extra_env={"LABEL_STUDIO_DJANGO_DB": "no-such-database"},
    )
    with pytest.raises(StartError, match=r"(?s)ended with code 1:\n.*no-such-database"):
        server.start()
    assert server.pid is None


def test_busy_port_is_an_error(label_studio_venv: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = LabelStudioServer(tmp_path / "data", tmp_path / "files", port, label_studio_venv)
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is in use"):
            server.start()


def test_missing_installation_is_an_error(tmp_path: Path) -> None:
    server = LabelStudioServer(tmp_path / "data", tmp_path / "files", venv=tmp_path / "nothing")
    with pytest.raises(StartError, match=r"no Label Studio in .*nothing"):
        server.start()


def test_server_has_a_process_group_of_its_own(label_studio: LabelStudioServer) -> None:
    """So that Ctrl-C in the terminal does not end it before its owner does."""
    assert label_studio.pid is not None
    assert os.getpgid(label_studio.pid) == label_studio.pid != os.getpgid(0)
    os.kill(label_studio.pid, signal.SIGCONT)  # harmless: it is alive and ours
