"""What tests of several commands begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_label_studio import LEGACY_TOKEN, FakeLabelStudio


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server and no token, unless a test has one; relative paths are in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_TOKEN", "PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, nowhere: None) -> Iterator[FakeLabelStudio]:
    """Label Studio, and its address and a token in the environment."""
    with FakeLabelStudio() as running:
        monkeypatch.setenv("LABEL_STUDIO_URL", running.url)
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", LEGACY_TOKEN)
        yield running
