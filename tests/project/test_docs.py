"""The documentation holds: generated parts are current, links lead somewhere, and what it names is there."""

import re
import shutil
from collections import Counter
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from docs import generate
from wholebody.__main__ import main as commands
from wholebody.settings import variables

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = sorted([path.name for path in ROOT.glob("*.md")] + [f"docs/{page}" for page in PAGES])

MOST_LINES_OF_README = 150

FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
CODE = re.compile(rf"{FENCED.pattern}|`[^`\n]+`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(<?([^)\s>]+)")
FILE = re.compile(r"`([\w./-]*\w\.(?:py|txt|md|yml|toml|in|onnx|png|sh|env))`")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")

MADE_BY_USERS = {"ml2_wsgi.py", "my.onnx", "end2end.onnx", "pose.onnx"}
OTHER_VARIABLES = {
    # Label Studio's own
    "LABEL_STUDIO_ML_BLOCK_LOCAL_IP",
    "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS",
    "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED",
    "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT",
    "LABEL_STUDIO_ML_TIMEOUT_PREDICT",
    # of libraries
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "NO_PROXY",
    "PIP_EXTRA_INDEX_URL",
    "ORT_DISABLE_TELEMETRY",
    "CUDA_VISIBLE_DEVICES",
    "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH",
    # of what runs jobs
    "JOB_COMPLETION_INDEX",
    "SLURM_ARRAY_TASK_ID",
    # of docker-compose.yml
    "WORKER_THREADS",
    "MEMORY_LIMIT",
    # of this repository's tools and tests
    "LABEL_STUDIO_VENV",
    "LABEL_STUDIO_ML_2_VENV",
    "FORMATS_VENV",
    "WHOLEBODY_TESTDATA",
    "FUZZ_CASES",
    # not variables: a format of Label Studio, a constant
    "JSON_MIN",
    "POLL_S",
}
STALE = [
    ("settings.md", "| `PORT` | `9090` |", "| `PORT` | `9091` |"),
    ("commands.md", "Usage: wholebody config ", "Usage: wholebody conf "),
    ("api.md", "| 422 |", "| 423 |"),
]
"""A generated part of each page, and what it becomes when somebody changes it by hand."""

GENERATED = [page for page, _, _ in STALE]


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The fragments that GitHub makes of a document's headings; equal ones get a number."""
    found, seen = set(), Counter[str]()
    for heading in re.findall(r"^#+ +(.+?)[ #]*$", FENCED.sub("", text), re.MULTILINE):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def links(text: str) -> list[str]:
    """Where the links and pictures of a document lead, those to other sites left out."""
    return [target for target in LINK.findall(CODE.sub("", text)) if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def dead_links(document: str, text: str) -> list[str]:
    """The links of a document that lead to no file of the repository, or to no heading of it."""
    dead = []
    for target in links(text):
        path, _, fragment = target.partition("#")
        file = (ROOT / document).parent.joinpath(path).resolve() if path else ROOT / document
        leads_out = not file.is_relative_to(ROOT) or not file.exists()
        if leads_out or (fragment and fragment not in anchors(file.read_text(encoding="utf-8") if path else text)):
            dead.append(target)
    return dead


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of the pages that are generated, in place of the real ones."""
    for name in GENERATED:
        shutil.copyfile(generate.FOLDER / name, tmp_path / name)
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", GENERATED)
def test_generated_parts_are_current(page: str) -> None:
    assert generate.pages()[page] == read(f"docs/{page}"), "run `make docs`"


def test_check_says_that_all_is_current() -> None:
    result = CliRunner().invoke(generate.main, ["--check"])
    assert (result.exit_code, result.output) == (0, "".join(f"{page} is up to date.\n" for page in GENERATED))


@pytest.mark.parametrize(("page", "right", "wrong"), STALE)
def test_a_stale_page_is_told_and_then_written(page: str, right: str, wrong: str, folder: Path) -> None:
    current = (folder / page).read_text(encoding="utf-8")
    assert right in current
    (folder / page).write_text(current.replace(right, wrong), encoding="utf-8")
    checked = CliRunner().invoke(generate.main, ["--check"])
    assert checked.exit_code == 1
    assert checked.output.endswith(f"Error: {page} is not up to date; run `make docs`\n")
    written = CliRunner().invoke(generate.main, [])
    assert (written.exit_code, f"{page} was written anew.\n" in written.output) == (0, True)
    assert (folder / page).read_text(encoding="utf-8") == current


@pytest.mark.parametrize(
    ("page", "marker"),
    [("settings.md", "<!-- generated: settings -->"), ("commands.md", "<!-- end: help config -->")],
)
def test_a_missing_marker_is_an_error(page: str, marker: str, folder: Path) -> None:
    text = (folder / page).read_text(encoding="utf-8")
    (folder / page).write_text(text.replace(marker, ""), encoding="utf-8")
    with pytest.raises(click.ClickException, match=rf"{page} must have .* once, on lines of their own"):
        generate.pages()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    assert dead_links(document, read(document)) == []


def test_a_dead_link_is_found_wherever_it_stands() -> None:
    text = """# A page
## Twice
## Twice
## `code` and a [link](api.md)
[alive](#a-page) [alive](#twice) [alive](#twice-1) [alive](#code-and-a-link) [elsewhere](https://example.org/nowhere)
![alive](images/editor.png) `[code](nowhere.md)` [`alive`](../README.md#connect) [two
lines](prefill.md)

    [dead](#twice-2)

| [dead](nowhere.md) | [dead](prefill.md#nowhere) |
|---|---|
| ![dead](images/nowhere.png) | [dead](/docs/api.md) [dead](../../nowhere.md) [dead](README.md#connect) |

```sh
# dead
```

* [dead](#dead)
"""
    dead = ["#twice-2", "nowhere.md", "prefill.md#nowhere", "images/nowhere.png", "/docs/api.md", "../../nowhere.md"]
    assert dead_links("docs/exports.md", text) == [*dead, "README.md#connect", "#dead"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    folders = (ROOT, (ROOT / document).parent)
    for name in set(FILE.findall(read(document))) - MADE_BY_USERS:
        assert any((folder / name).exists() for folder in folders) or [*(ROOT / "wholebody").rglob(name)], name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    targets = set(re.findall(r"^([\w.-]+):", read("Makefile"), re.MULTILINE))
    text = read(document)
    code = CODE.findall(text) + re.findall(r"^ {4,}.+$", FENCED.sub("", text), re.MULTILINE)
    named = {target for piece in code for target in re.findall(r"\bmake ([\w.-]+)", piece)}
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_variables_are_known(document: str) -> None:
    assert set(VARIABLE.findall(read(document))) <= variables().keys() | OTHER_VARIABLES


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_commands_exist(document: str) -> None:
    named = {name for code in CODE.findall(read(document)) for name in re.findall(r"\bwholebody ([a-z][\w-]*)", code)}
    assert named <= commands.commands.keys() | {"wholebody"}  # in the service of this name, the command


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= MOST_LINES_OF_README


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_every_page_is_in_the_index(page: str) -> None:
    assert page in links(read("docs/README.md"))


def test_every_setting_is_in_the_settings() -> None:
    text = read("docs/settings.md")
    assert [name for name in variables() if f"`{name}`" not in text] == []


def test_every_command_is_in_the_commands() -> None:
    text = read("docs/commands.md")
    assert [name for name in commands.commands if f"\nUsage: wholebody {name} " not in text] == []


def test_every_module_is_in_the_architecture() -> None:
    text = read("ARCHITECTURE.md")
    missing = []
    for path in (ROOT / "wholebody").rglob("*.py"):
        folder = path.parent.relative_to(ROOT).as_posix()
        if folder in ("wholebody/checks", "wholebody/figures"):
            continue  # named as folders
        section = text.partition(f"**`{folder}/`**")[2].partition("**`")[0]
        if path.name != "__init__.py" and f"`{path.name}`" not in section:
            missing.append(f"{folder}/{path.name}")
    assert missing == []
