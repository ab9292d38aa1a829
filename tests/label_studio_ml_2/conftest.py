"""The backend under label-studio-ml 1.0.9 and 2.x, in environments of their own; skipped where 2.x is missing."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gunicorn_server import ROOT, WAIT_S, GunicornServer

DEFAULT_VENV = ".venv-ml2"


class LibraryServer(GunicornServer):
    """label-studio-ml 2.x's own server, by the command line of its examples."""

    health = "/health"

    def options(self) -> list[str]:
        """Nothing of this project's configuration; more threads than processors, and `--preload`, which forks."""
        return ["--preload", f"--bind=127.0.0.1:{self.port}", "--workers=1", "--threads=8", "--timeout=0"]

    def __exit__(self, *_: object) -> None:
        """Its log has a traceback for each error that it answers."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(WAIT_S) == 0, self.log()


@pytest.fixture(scope="session")
def library(testdata: Path) -> Path:
    """The folder with the package `label_studio_ml` of 2.x."""
    folder = testdata / "label_studio_ml_2"
    if not (folder / "label_studio_ml").is_dir():
        pytest.skip(f"no label-studio-ml 2.x in {folder}")
    return folder


@pytest.fixture(scope="session")
def python(library: Path) -> Path:
    """Of the environment with what 2.x needs and without 1.0.9: LABEL_STUDIO_ML_2_VENV, else `.venv-ml2` here."""
    venv = ROOT / os.environ.get("LABEL_STUDIO_ML_2_VENV", DEFAULT_VENV)
    if not (venv / "bin" / "gunicorn").exists():
        pytest.skip(f"nothing for label-studio-ml 2.x in {venv}: run `make .venv-ml2`, or set LABEL_STUDIO_ML_2_VENV")
    return venv / "bin" / "python"


@pytest.fixture(scope="session")
def under_1(library: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """This project's server under 1.0.9, as users have it: what the others are compared with."""
    with GunicornServer("_wsgi:app", tmp_path_factory.mktemp("under-1")) as server:
        yield server


@pytest.fixture(scope="session")
def under_2(library: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """This project's server under 2.x."""
    folder = tmp_path_factory.mktemp("under-2")
    with GunicornServer("_wsgi:app", folder, python, **variables(library, folder)) as server:
        yield server


@pytest.fixture(scope="session")
def behind_2(library: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LibraryServer]:
    """2.x's own server."""
    folder = tmp_path_factory.mktemp("behind-2")
    app = "tests.label_studio_ml_2.library_wsgi:app"
    with LibraryServer(app, folder, python, **variables(library, folder)) as server:
        yield server


@pytest.fixture(params=["under_2", "behind_2"])
def either(request: pytest.FixtureRequest) -> GunicornServer:
    """Each of the two servers under 2.x."""
    server: GunicornServer = request.getfixturevalue(request.param)
    return server


def variables(library: Path, folder: Path) -> dict[str, str]:
    """What makes a process find 2.x, and where 2.x keeps its file."""
    return {"PYTHONPATH": f"{library}{os.pathsep}{ROOT}", "MODEL_DIR": str(folder / "models")}
