"""The app as it is served, with the toy model, for all cases; and the table at the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import model
from tests.fuzz import heavy, scale
from tests.fuzz.harness import Harness
from tests.fuzz.labeling_configs import WHOLE
from tests.fuzz.pictures import NOBODY, PEOPLE
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.serving.server import create_app
from wholebody.settings import Settings, load_settings

lines: list[str] = []
"""What the summary tells of memory."""

IMAGE_CACHE_BYTES = 64_000_000


@pytest.fixture(scope="session")
def people() -> str:
    return PEOPLE


@pytest.fixture(scope="session")
def nobody() -> str:
    return NOBODY


@pytest.fixture(scope="session")
def right_request(people: str) -> dict[str, Any]:
    """A request as Label Studio sends it."""
    task = {
        "id": 5001,
        "data": {"image": people},
        "meta": {},
        "created_at": "2026-01-01T00:00:00Z",
        "is_labeled": False,
        "overlap": 1,
        "inner_id": 4996,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "project": 2,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "annotations": [],
        "predictions": [{"id": 1, "result": [{"id": "a", "type": "choices", "value": {"choices": ["x"]}}]}],
    }
    params = {"login": None, "password": None, "context": None}
    return {"tasks": [task], "project": "2.1795446367", "label_config": WHOLE, "params": params}


@pytest.fixture(scope="package")
def harness(right_request: dict[str, Any], people: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Settings.model_config, "env_file", str(folder / ".env"))
        patch.setenv("MODE", "figures")
        patch.setenv("IMAGE_TIMEOUT_SECONDS", "1")
        patch.setenv("IMAGE_CACHE_BYTES", str(IMAGE_CACHE_BYTES))
        patch.setenv("PREDICT_DEADLINE_SECONDS", "3600")  # a slow case shall show as one
        _forget()
        app = create_app(model.WholebodyBackend, load_settings(), model.load_annotator().model_version)
        # The most people at a time, so that what ONNX Runtime keeps of its memory is there before the measuring.
        app.test_client().post("/predict", data=heavy.predict_body("100 boxes", right_request, people))
        made = Harness(app, right_request)
    with made.log.watched():
        yield made
    _forget()
    lines.append(f"memory of this process: {made.memory.line()}")


def _forget() -> None:
    model.load_annotator.cache_clear()
    model.shared_openings.cache_clear()
    parse_labeling_config.cache_clear()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not scale.ran:
        return
    terminalreporter.section("fuzzing")
    for kind, count in scale.ran.items():
        terminalreporter.write_line(f"{count:7} {kind}")
    terminalreporter.write_line(f"{sum(scale.ran.values()):7} cases in all")
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(scale.answers.items()))
    terminalreporter.write_line(f"answers by status: {answers}")
    failed = [r for r in terminalreporter.stats.get("failed", []) if r.nodeid.startswith("tests/fuzz/")]
    terminalreporter.write_line(f"failures: {len(failed)}")
    for line in lines:
        terminalreporter.write_line(line)
