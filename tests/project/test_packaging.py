"""What is installed, what is declared, and that the two are the same."""

import ast
import importlib
import os
import re
import subprocess
import sys
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest

from wholebody import __version__
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("*.py"), *(ROOT / "wholebody").rglob("*.py")]
OPENCVS = {"opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless"}
ONNXRUNTIMES = {"onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-silicon"}
NEEDED_BY_A_COMMAND = {"onnx"}
"""Imported where the user asks for what they do, and declared elsewhere: requirements-dev.in."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(file: str) -> set[str]:
    """The distributions that a requirements file names, without those of the files that it includes."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return {canonical(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines if line and not line.startswith("-")}


def pins(file: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", (ROOT / file).read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in found}


INSTALLED = {canonical(distribution.metadata["Name"]): distribution.version for distribution in distributions()}


def test_the_page_of_datasets_names_the_versions_that_load_them() -> None:
    page, tried = " ".join((ROOT / "docs" / "dataset.md").read_text().split()), pins("requirements-formats.txt")
    shown = {"Ultralytics": "ultralytics", "FiftyOne": "fiftyone", "Datumaro": "datumaro"}
    for name in ("Ultralytics", "mmpose", "mmengine", "mmcv-lite", "xtcocotools", "FiftyOne", "Datumaro"):
        assert f"{name} {tried[shown.get(name, name)]}" in page
    assert f"faster-coco-eval {pins('requirements-dev.txt')['faster-coco-eval']}" in page
    assert f"pycocotools {pins('requirements-dev.txt')['pycocotools']}" in page


def test_exactly_one_opencv_is_installed() -> None:
    assert OPENCVS & INSTALLED.keys() == {"opencv-python-headless"}


def test_exactly_one_onnxruntime_is_installed() -> None:
    assert len(ONNXRUNTIMES & INSTALLED.keys()) == 1


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-gpu.txt", "requirements-ml2.txt"])
def test_each_list_has_one_opencv_and_one_onnxruntime(file: str) -> None:
    listed = pins(file).keys()
    assert OPENCVS & listed == {"opencv-python-headless"}
    assert ONNXRUNTIMES & listed == {"onnxruntime-gpu" if "gpu" in file else "onnxruntime"}


@pytest.mark.parametrize("name", sorted(declared("requirements.in")))
def test_everything_declared_is_pinned_installed_and_imports(name: str) -> None:
    assert name in pins("requirements.txt")
    if name == "onnxruntime" and "onnxruntime-gpu" in INSTALLED:
        return
    assert INSTALLED[name] == pins("requirements.txt")[name]
    modules = [module for module, names in packages_distributions().items() if name in map(canonical, names)]
    assert modules
    for module in modules:
        if module.isidentifier() and not module.startswith("_"):
            importlib.import_module(module)


@pytest.mark.parametrize(
    ("source", "compiled"),
    [
        ("requirements.in", "requirements.txt"),
        ("requirements.in", "requirements-gpu.txt"),
        ("requirements-gpu.in", "requirements-gpu.txt"),
        ("requirements-dev.in", "requirements-dev.txt"),
        ("requirements-dataset.in", "requirements-dataset.txt"),
        ("requirements-dataset.in", "requirements-dev.txt"),
        ("requirements-formats.in", "requirements-formats.txt"),
        ("requirements-cluster.in", "requirements-cluster.txt"),
        ("requirements-cluster.in", "requirements-dev.txt"),
        ("requirements-openvino.in", "requirements-openvino.txt"),
        ("requirements-openvino.in", "requirements-dev.txt"),
        ("requirements-label-studio.in", "requirements-label-studio.txt"),
        ("requirements.in", "requirements-ml2.txt"),
        ("requirements-ml2.in", "requirements-ml2.txt"),
    ],
)
def test_all_that_is_asked_for_is_pinned(source: str, compiled: str) -> None:
    replaced = {"gpu": {"onnxruntime"}, "ml2": declared("requirements-ml2-excludes.txt")}
    left_out = set().union(*(names for list_, names in replaced.items() if list_ in compiled))
    assert declared(source) - left_out <= pins(compiled).keys()


def test_label_studio_ml_2_is_tested_with_the_versions_of_the_product() -> None:
    """All but label-studio-ml 1.0.9, whose place it takes."""
    product, tested = pins("requirements.txt"), pins("requirements-ml2.txt")
    assert {name: version for name, version in tested.items() if product.get(name, version) != version} == {}
    assert "label-studio-ml" not in tested


@pytest.mark.parametrize("file", ["requirements-dataset.txt", "requirements-cluster.txt", "requirements-openvino.txt"])
def test_packages_of_some_commands_are_tested_in_the_versions_that_users_install(file: str) -> None:
    """Two versions of one package in lists that are installed together would also stop the audit."""
    tested = pins("requirements.txt") | pins("requirements-dev.txt")
    assert {name: version for name, version in pins(file).items() if tested[name] != version} == {}


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_compiled_lists_are_pins_alone(file: str) -> None:
    text = (ROOT / file).read_text()
    assert not re.search(r"https?://|file:|^-", text, re.MULTILINE)
    if not file.endswith(("-overrides.txt", "-excludes.txt")):
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        assert [line for line in lines if line and not re.match(r"[A-Za-z0-9_.-]+==\S+( ; .+)?$", line)] == []


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("requirements*.in")))
def test_sources_of_the_lists_name_no_registry(file: str) -> None:
    assert not re.search(r"https?://|index-url|find-links", (ROOT / file).read_text())


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_everything_imported_is_declared() -> None:
    own = {path.stem for path in ROOT.glob("*.py")} | {"wholebody"}
    modules = set().union(*map(imported, SOURCES)) - own - set(sys.stdlib_module_names)
    assert len(modules) > 10
    providers = packages_distributions()
    names = {module: {canonical(name) for name in providers.get(module, [])} for module in modules}
    lists = ("requirements.in", "requirements-gpu.in", "requirements-dataset.in", "requirements-cluster.in")
    lists += ("requirements-openvino.in",)
    allowed = set().union(*map(declared, lists)) | NEEDED_BY_A_COMMAND
    # pydantic comes with pydantic-settings, pydantic-core with pydantic, werkzeug with flask: their public face
    allowed |= {"pydantic", "pydantic-core", "werkzeug"}
    assert {module for module, found in names.items() if not (found & allowed or module in allowed)} == set()


def test_the_environment_is_read_in_settings_alone() -> None:
    reading = re.compile(r"\bos\.(environ\b(?!\.setdefault)|getenv\b)|\bfrom os import .*\b(environ|getenv)\b")
    readers = {path.relative_to(ROOT).as_posix() for path in SOURCES if reading.search(path.read_text("utf-8"))}
    assert readers == set()


def test_help_is_at_once_there() -> None:
    """Neither onnxruntime nor OpenCV is imported for it."""
    script = (
        "import sys; import wholebody.__main__; print({'cv2', 'onnxruntime', 'rtmlib', 'requests'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"


def test_the_command_says_its_version() -> None:
    command = [str(Path(sys.executable).with_name("wholebody")), "--version"]
    answer = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert answer.stdout == f"wholebody, version {__version__}\n"


def test_the_installed_command_does_what_the_module_does(tmp_path: Path) -> None:
    """Installed elsewhere as `pip install --no-deps .` does: with all files that the package reads."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path), str(ROOT)], cwd=tmp_path, check=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "MODE": "figures"}

    def printed(*arguments: str) -> str:
        command = [str(tmp_path / "bin" / "wholebody"), *arguments]
        return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True).stdout

    assert printed("--version") == f"wholebody, version {__version__}\n"
    assert printed("config") == write_config(list(Part)) + "\n"
    assert str(tmp_path / "wholebody" / "figures" / "pose.onnx") in printed("weights")
    read = {".onnx", ".json", ".jpg", ".html", ".css"}
    kept = {path.relative_to(ROOT) for path in (ROOT / "wholebody").rglob("*") if path.suffix in read}
    assert kept
    assert all((tmp_path / path).is_file() for path in kept)
