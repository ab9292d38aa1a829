"""The prefill command run in this process, with a stand-in for the model. No test of its own."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.fake_label_studio import LEGACY_TOKEN, FakeLabelStudio
from wholebody.__main__ import main
from wholebody.errors import ImageError
from wholebody.predictions import Prediction
from wholebody.prefill import run as prefill_run

ALL_WELL, SOME_FAILED, COULD_NOT_START = 0, 1, 2

Prefill = Callable[..., Result]
"""Takes the command's options, and variables of the environment as keywords."""


class StubAnnotator:
    """Finds somebody, nobody, or no image, as the task's image is called."""

    model_version = "stub-1"
    workers = 2

    def __init__(self, settings: object, *, bulk: bool, stop: object) -> None:
        assert bulk

    def annotate(self, task: dict[str, Any], config: object) -> Prediction:
        image = task["data"]["image"]
        if image == "missing":
            raise ImageError("not found", f"{task['id']}.png")
        return Prediction(result=[] if image == "empty" else [{"id": "a"}], score=0.9, model_version="stub-1")

    def close(self) -> None:
        """It holds nothing back."""


def settings_for(fake: FakeLabelStudio) -> dict[str, str]:
    """All of project 1 of the stand-in, where nothing is waited for."""
    return {
        "LABEL_STUDIO_URL": fake.url,
        "LABEL_STUDIO_API_TOKEN": LEGACY_TOKEN,
        "PROJECT_ID": "1",
        "TASK_LIMIT": "all",
        "REQUEST_DELAY_SECONDS": "0",
        "MAX_BACKOFF_DELAY": "0",
    }


@contextmanager
def stubbed_prefill(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, cwd: Path) -> Iterator[Prefill]:
    """Run the command in `cwd` on project 1 of the stand-in, where nothing is waited for."""
    monkeypatch.setattr(prefill_run, "Annotator", StubAnnotator)
    monkeypatch.chdir(cwd)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*options: str, **variables: str) -> Result:
        return CliRunner(env=settings_for(fake) | variables).invoke(main, ["prefill", *options])

    yield run
    root.handlers[:] = handlers  # the command's own writes to a file that the runner has closed
    root.setLevel(level)
