"""The rooms keep their order: what `make lint` holds is really held, and ARCHITECTURE.md shows it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(folder: Path) -> tuple[int, str]:
    """Exit code and output of the import linter on the copy in a folder."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "wholebody", folder / "wholebody", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_nothing_runs_back_up(copy: Path) -> None:
    code, said = lint(copy)
    assert code == 0, said


@pytest.mark.parametrize(
    ("room", "wrong"),
    [
        ("process/cores.py", "from wholebody.serving.task_pool import TaskPool"),
        ("images/loader.py", "from wholebody.estimation.detections import Detections"),
        ("label_studio/client.py", "def late():\n    from wholebody.labeling.regions import write_regions"),
        ("settings.py", "import wholebody.process.logs"),
        ("annotator.py", "import model"),
    ],
)
def test_an_import_that_runs_back_up_is_found(copy: Path, room: str, wrong: str) -> None:
    path = copy / "wholebody" / room
    before = path.read_text()
    path.write_text(f"{before}\n\n{wrong}\n")
    try:
        code, said = lint(copy)
    finally:
        path.write_text(before)
    assert code == 1
    assert "BROKEN" in said


def test_the_architecture_goes_through_the_rooms_from_the_top() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer for layer in contracts[0]["layers"] if (ROOT / "wholebody" / layer).is_dir()]
    shown = re.findall(r"\*\*`wholebody/(\w+)/`\*\*", (ROOT / "ARCHITECTURE.md").read_text())
    assert shown == layers
