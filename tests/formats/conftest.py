"""Datasets of the hard project in each format, and the environment of the libraries that load them.

Skipped where that environment is missing: it is large, and no part of `make install`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.backend import ROOT, environment
from tests.formats.hard_project import Picture, pictures
from tests.http_server import Answer, ScriptedServer

DEFAULT_VENV = ".venv-formats"
FORMATS = ("coco-wholebody", "coco", "yolo-pose")


@pytest.fixture(scope="session")
def python() -> Path:
    """Of the environment with the libraries: FORMATS_VENV, else `.venv-formats` here."""
    found = ROOT / os.environ.get("FORMATS_VENV", DEFAULT_VENV) / "bin" / "python"
    if not found.exists():
        pytest.skip(f"no libraries that load datasets in {found.parents[1]}: run `make test-formats`")
    return found


@pytest.fixture(scope="session")
def hard() -> list[Picture]:
    """The pictures of the project, in the order of their tasks, which are numbered from 1."""
    return pictures()


@pytest.fixture(scope="session")
def datasets(python: Path, hard: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset for each format, called like it, written as a user does."""
    folder = tmp_path_factory.mktemp("datasets")
    with ScriptedServer() as server:
        for picture in hard:
            server.on("GET", f"/{picture.path}", Answer(200, picture.content()))
        tasks = [picture.task(number, server.url) for number, picture in enumerate(hard, 1)]
        (folder / "tasks.json").write_text(json.dumps(tasks))
        for form in FORMATS:
            options = ["--tasks", "tasks.json", "--format", form, "--out", form, "--images"]
            subprocess.run(
                [sys.executable, "-m", "wholebody", "export", *options],
                cwd=folder,
                env=environment({"PYTHONPATH": str(ROOT), "IMAGE_PRIVATE_ADDRESSES": "true"}),
                check=True,
            )
    return folder
