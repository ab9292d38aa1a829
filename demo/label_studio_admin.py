"""What a person does in Label Studio's web pages, through its API: projects, files, tasks, backends, exports.

For the demo and the integration tests; not the client that the product itself uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

# Label Studio waits 100 s for a backend, and itself repeats a request that met a locked database.
TIMEOUT_S = 150.0
ERROR_BODY_CHARS = 500

Json = dict[str, Any]


class LabelStudioApiError(RuntimeError):
    """Label Studio refused a request.

    Attributes:
        status: HTTP status code.
        body: The answer's text.
    """

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.body = response.text
        request = response.request
        super().__init__(f"{request.method} {request.url} -> {self.status}: {self.body[:ERROR_BODY_CHARS]}")


def local_file_url(path_below_root: str | Path) -> str:
    """Task value for a file, given by its path below the server's document root."""
    return f"/data/local-files/?d={quote(Path(path_below_root).as_posix())}"


class LabelStudioAdmin:
    """A logged-in user of one Label Studio.

    Args:
        url: Base address of Label Studio.
        email: The user's e-mail address.
        password: The user's password.
        token_file: Where the personal access token is kept: Label Studio shows it only once.
    """

    def __init__(self, url: str, email: str, password: str, token_file: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.email = email
        self.token_file = token_file
        self._password = password
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no netrc between here and a local server

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send any request in this login; `options` are those of `requests`.

        Raises:
            LabelStudioApiError: The answer's status is 400 or above.
        """
        options.setdefault("timeout", TIMEOUT_S)
        response = self._session.request(method, f"{self.url}{path}", **options)
        if not response.ok:
            raise LabelStudioApiError(response)
        return response

    def log_in(self) -> None:
        """Send the login form, as a browser does."""
        self.request("GET", "/user/login/")
        form = {
            "csrfmiddlewaretoken": self._session.cookies["csrftoken"],
            "email": self.email,
            "password": self._password,
        }
        response = self.request("POST", "/user/login/", data=form, allow_redirects=False)
        if not response.is_redirect:  # a wrong password shows the form again, with status 200
            raise LabelStudioApiError(response)

    # Tokens

    def personal_access_token(self) -> str:
        """Return the user's personal access token: the kept one while it works, else a new one.

        Raises:
            LabelStudioApiError: 409 when the user has a token that was not kept in `token_file`.
        """
        if self.token_file and self.token_file.exists():
            kept = self.token_file.read_text().strip()
            if self._works(kept):
                return kept
        token = str(self.request("POST", "/api/token/").json()["token"])
        if self.token_file:
            self.token_file.touch(mode=0o600)
            self.token_file.write_text(token)
        return token

    def api_token(self) -> str:
        """Return a token of the kind that this Label Studio prefers: legacy where it has no other, up to 1.16."""
        try:
            return self.personal_access_token()
        except LabelStudioApiError as error:
            if error.status != requests.codes.not_found:
                raise
        return self.legacy_token()

    def _works(self, personal_access_token: str) -> bool:
        try:
            self.access_token(personal_access_token)
        except LabelStudioApiError as error:
            if error.status == requests.codes.unauthorized:
                return False
            raise
        return True

    def access_token(self, personal_access_token: str) -> str:
        """Change a personal access token for the one to send as `Authorization: Bearer`; it lives 300 s."""
        answer = self.request("POST", "/api/token/refresh/", json={"refresh": personal_access_token})
        return str(answer.json()["access"])

    def revoke(self, personal_access_token: str) -> None:
        """Make a personal access token useless, so that a new one can be made."""
        self.request("POST", "/api/token/blacklist/", json={"refresh": personal_access_token})

    def legacy_token(self) -> str:
        """Return the user's legacy token, for `Authorization: Token`; works where such tokens are enabled."""
        return str(self.request("GET", "/api/current-user/token").json()["token"])

    # Projects

    def create_project(self, title: str, label_config: str, **settings: Any) -> int:
        """Make a project and return its id; the title needs 3 characters or more."""
        body = {"title": title, "label_config": label_config, **settings}
        return int(self.request("POST", "/api/projects/", json=body).json()["id"])

    def find_project(self, title: str) -> int | None:
        """Return the id of a project with exactly this title, or None."""
        params = {"title": title, "page_size": "1000"}
        found = self.request("GET", "/api/projects/", params=params).json()["results"]
        return next((int(project["id"]) for project in found if project["title"] == title), None)

    def project(self, project_id: int) -> Json:
        """Return all settings and counters of a project."""
        return dict(self.request("GET", f"/api/projects/{project_id}/").json())

    def update_project(self, project_id: int, **settings: Any) -> None:
        """Change settings such as `label_config`, `model_version` or `show_collab_predictions`."""
        self.request("PATCH", f"/api/projects/{project_id}/", json=settings)

    def delete_project(self, project_id: int) -> None:
        """Delete a project with its tasks, predictions and annotations."""
        self.request("DELETE", f"/api/projects/{project_id}/")

    # Files and tasks

    def add_local_storage(self, project_id: int, folder: Path) -> int:
        """Let a project's tasks refer to the files in `folder`, a subfolder of the document root.

        This makes no task: import tasks with `local_file_url(...)`, or call `sync_local_storage`.
        """
        path = str(folder.resolve())
        body = {"project": project_id, "title": folder.name, "path": path, "use_blob_urls": True}
        return int(self.request("POST", "/api/storages/localfiles/", json=body).json()["id"])

    def sync_local_storage(self, storage_id: int) -> int:
        """Make a task of each file in a storage's folder that has none yet; return how many it made."""
        answer = self.request("POST", f"/api/storages/localfiles/{storage_id}/sync")
        return int(answer.json()["last_sync_count"])

    def upload_file(self, project_id: int, path: Path) -> list[int]:
        """Upload an image (one task) or a file of tasks; return the new tasks' ids."""
        with path.open("rb") as stream:
            files = {"file": (path.name, stream)}
            return self._import(project_id, files=files)

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Import tasks, `{"image": ...}` or `{"data": ..., "predictions": ...}`; return their ids."""
        return self._import(project_id, json=list(tasks))

    def _import(self, project_id: int, **options: Any) -> list[int]:
        path = f"/api/projects/{project_id}/import"
        answer = self.request("POST", path, params={"return_task_ids": "true"}, **options).json()
        return sorted(int(task_id) for task_id in answer["task_ids"])

    def tasks(self, project_id: int, page_size: int = 1000) -> list[Json]:
        """Return the first tasks of a project by id, with predictions and annotations. Asks no backend."""
        params = {"project": str(project_id), "page_size": str(page_size), "fields": "all"}
        return list(self.request("GET", "/api/tasks/", params=params).json()["tasks"])

    def open_task(self, project_id: int, task_id: int) -> Json:
        """Get a task as the editor does. Asks the project's backend when the task has no prediction yet."""
        params = {"project": str(project_id)}
        return dict(self.request("GET", f"/api/tasks/{task_id}/", params=params).json())

    def annotate(self, task_id: int, result: Sequence[Mapping[str, Any]]) -> int:
        """Submit an annotation with these regions and return its id."""
        body = {"result": list(result)}
        return int(self.request("POST", f"/api/tasks/{task_id}/annotations/", json=body).json()["id"])

    # Backends and predictions

    def connect_backend(
        self,
        project_id: int,
        url: str,
        *,
        title: str = "wholebody",
        is_interactive: bool = False,
        basic_auth: tuple[str, str] | None = None,
    ) -> int:
        """Connect an ML backend to a project and return its id; Label Studio calls its /health and /setup."""
        body: Json = {"project": project_id, "url": url, "title": title, "is_interactive": is_interactive}
        if basic_auth:
            user, password = basic_auth
            body |= {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
        return int(self.request("POST", "/api/ml/", json=body).json()["id"])

    def retrieve_predictions(self, project_id: int, task_ids: Sequence[int]) -> str:
        """Do the action "Retrieve predictions" on these tasks; return its message.

        The message says "Retrieved" whatever the backend did: look at `predictions` for what was stored.
        """
        params = {"id": "retrieve_tasks_predictions", "project": str(project_id)}
        body = {"selectedItems": {"all": False, "included": list(task_ids)}}
        return str(self.request("POST", "/api/dm/actions/", params=params, json=body).json()["detail"])

    def ask_interactively(self, backend_id: int, task_id: int, prompts: Sequence[Mapping[str, Any]]) -> Json:
        """Send what the editor sends when a smart tool drew `prompts`.

        Returns `{"data": <the backend's first result>}`, or `{"errors": [...]}`, both with status 200.
        """
        body = {"task": task_id, "context": {"result": list(prompts)}}
        return dict(self.request("POST", f"/api/ml/{backend_id}/interactive-annotating", json=body).json())

    def predictions(self, task_id: int) -> list[Json]:
        """Return the stored predictions of a task. Asks no backend."""
        return list(self.request("GET", "/api/predictions/", params={"task": str(task_id)}).json())

    def export(self, project_id: int, export_type: str = "JSON") -> bytes:
        """Return the annotated tasks in one of Label Studio's formats."""
        params = {"exportType": export_type}
        return self.request("GET", f"/api/projects/{project_id}/export", params=params).content
