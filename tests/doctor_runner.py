"""Runs the doctor in this process against a fake Label Studio. No test of its own."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result

from tests.fake_label_studio import PERSONAL_TOKEN, FakeLabelStudio
from wholebody.__main__ import main
from wholebody.estimation.weights import Traits, find_weights, model_version
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config
from wholebody.settings import Settings

FIGURES = Settings(mode="figures")
HERE = model_version(FIGURES, find_weights(FIGURES), Traits((640, 640), (192, 256), "bgr", 1.0))
"""The model version of the settings that `all_in_order` makes."""


@contextmanager
def all_in_order(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    """Label Studio with nothing to complain of, and the settings for it in the environment."""
    with FakeLabelStudio() as fake:
        fake.add_tasks(4, 5, image=picture())
        fake.backends = [backend()]
        fake.project["label_config"] = write_config((Part.BODY,), prompt=Prompt.NONE)
        monkeypatch.setenv("LABEL_STUDIO_URL", fake.url)
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", PERSONAL_TOKEN)
        monkeypatch.setenv("PROJECT_ID", "1")
        monkeypatch.setenv("MODE", "figures")
        yield fake


def picture() -> str:
    """A figure as a data URI."""
    done, png = cv2.imencode(".png", draw_figures(1, 7, (320, 400)).bgr)
    assert done
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()


def backend(state: str = "CO", **changes: Any) -> dict[str, Any]:
    """A row of Label Studio's list of backends."""
    readable = {"CO": "Connected", "DI": "Disconnected", "ER": "Error"}[state]
    row = {"id": 1, "state": state, "readable_state": readable, "url": "http://127.0.0.1:9", "error_message": None}
    return row | {"is_interactive": False, "model_version": HERE} | changes


def run(*options: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *options])


def outcomes(*options: str) -> dict[str, dict[str, str]]:
    """Check -> what `--json` says of it."""
    listed = json.loads(run("--json", *options).stdout)
    return {one["check"]: one for one in listed}


def said(check: str, *options: str) -> tuple[str, str]:
    """Status, and message with cure, of one check."""
    one = outcomes(*options)[check]
    return one["status"], f"{one['message']} -> {one['cure']}"
