"""Runs a real Label Studio from its own virtual environment, for the demo and the integration tests.

It listens on 127.0.0.1, keeps everything it writes in one data folder and calls nothing outside this machine.
What a person does in its web pages is in `label_studio_admin`, not here. Needs POSIX.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from demo.label_studio_admin import LabelStudioAdmin
from demo.process import ServerProcess, StartError, free_port, require_free

DEFAULT_VENV = Path(".venv-label-studio")
EMAIL = "demo@example.com"
PASSWORD = "demo-password"  # guards nothing: the server listens on the loopback address alone

START_TIMEOUT_S = 180.0
MIGRATE_TIMEOUT_S = 300.0
_LOG_TAIL_CHARS = 2000

_DATABASE = "label_studio.sqlite3"
# All that Label Studio gets of the caller's environment: it reads settings from plain names too (HOST, DEBUG,
# LOG_LEVEL, USERNAME, SECRET_KEY), and a proxy would come between it and a local backend.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


class LabelStudioServer:
    """One Label Studio process with SQLite; a context manager.

    Started again on the same `data_dir` it has the same user, tokens and projects.

    Args:
        data_dir: Folder for the database, uploads, log and secrets; made when missing.
        files_root: Folder whose files `/data/local-files/?d=<path below it>` serves, once the SUBfolder that
            holds the file is a local storage of a project; made when missing.
        port: Port on 127.0.0.1; None takes a free one, kept over `stop` and `start`.
        venv: The virtual environment that has Label Studio.
        legacy_tokens: Allow legacy tokens. Counts only the first time that `data_dir` is used.
        extra_env: More of Label Studio's own settings, such as `{"LABEL_STUDIO_LOG_LEVEL": "INFO"}`.
    """

    def __init__(
        self,
        data_dir: Path,
        files_root: Path,
        port: int | None = None,
        venv: Path = DEFAULT_VENV,
        *,
        legacy_tokens: bool = True,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        # Label Studio compares paths as strings, so a symlink in one of them would make it refuse the files.
        self.data_dir = data_dir.resolve()
        self.files_root = files_root.resolve()
        self.port = free_port() if port is None else port
        self.venv = venv.absolute()
        self.legacy_tokens = legacy_tokens
        self.extra_env = dict(extra_env or {})
        self.log_path = self.data_dir / "label-studio.log"
        # --debug means only this: on a busy port end with an error, instead of moving to the next port.
        options = ["--no-browser", "--debug", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        self._process = ServerProcess(
            name="Label Studio",
            command=[*_command(self.venv), "start", *options],
            env=self._environment(),
            cwd=self.data_dir,
            log_path=self.log_path,
            health_url=f"{self.url}/health",
        )

    @property
    def url(self) -> str:
        """Base address without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        """Where the first user's personal access token is kept, once there is one."""
        return self.data_dir / "personal-access-token"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid

    def __enter__(self) -> LabelStudioServer:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            StartError: It is not installed, its port is taken, it ended early or did not answer.
        """
        if not is_installed(self.venv):
            raise StartError(f"no Label Studio in {self.venv}: run `make .venv-label-studio`")
        require_free(self.port)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.files_root.mkdir(parents=True, exist_ok=True)
        self._seed_database()
        self._process.start(START_TIMEOUT_S)

    def stop(self) -> None:
        """End the server. Does nothing when it is not running."""
        self._process.stop()

    def admin(self) -> LabelStudioAdmin:
        """Log in as the first user."""
        admin = LabelStudioAdmin(self.url, EMAIL, PASSWORD, self.token_file)
        admin.log_in()
        return admin

    def _environment(self) -> dict[str, str]:
        settings = {
            "LABEL_STUDIO_HOST": "",  # addresses in tasks stay relative to the server
            "LABEL_STUDIO_USERNAME": EMAIL,
            "LABEL_STUDIO_PASSWORD": PASSWORD,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": str(self.legacy_tokens).lower(),
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(self.files_root),
            # Else it refuses every backend on a loopback or private address.
            "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS": "false",
        }
        return _base_environment(self.data_dir) | settings | self.extra_env

    def _seed_database(self) -> None:
        """Begin with the venv's migrated database: 5 seconds until the first page instead of 40."""
        database = self.data_dir / _DATABASE
        if not database.exists() and os.access(self.venv, os.W_OK):
            shutil.copyfile(migrated_database(self.venv), database)


def is_installed(venv: Path) -> bool:
    """Whether Label Studio is installed in this virtual environment."""
    return all(Path(part).is_file() for part in _command(venv))


def migrated_database(venv: Path) -> Path:
    """Return an empty database with all of Label Studio's tables, made once and kept in its venv.

    Any command of Label Studio first migrates the database, which takes half a minute of computing; `version`
    does nothing else. No user, organization or secret is in it yet.
    """
    kept = venv.absolute() / _DATABASE
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory(dir=venv, prefix="migrating-") as folder:
        try:
            subprocess.run(
                [*_command(venv.absolute()), "version"],
                cwd=folder,
                env=_base_environment(Path(folder).absolute()),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
                timeout=MIGRATE_TIMEOUT_S,
            )
        except subprocess.CalledProcessError as error:
            tail = (error.stdout + error.stderr)[-_LOG_TAIL_CHARS:]
            raise StartError(f"Label Studio could not make its database:\n{tail}") from error
        (Path(folder) / _DATABASE).replace(kept)  # one step: another process sees the whole file or none
    return kept


def _base_environment(data_dir: Path) -> dict[str, str]:
    """Keep Label Studio's files in `data_dir` and its requests on this machine."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "HOME": str(data_dir),  # it writes an id of the installation below ~/.config
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_dir),
        "LABEL_STUDIO_DJANGO_DB": "sqlite",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    }


def _command(venv: Path) -> list[str]:
    # Through its Python, not by the script's first line, which names the place where the venv was made.
    return [str(venv / "bin" / "python"), str(venv / "bin" / "label-studio")]
