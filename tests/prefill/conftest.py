"""A Label Studio without tasks, and the command run on it; files whose tests need another bring their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_label_studio import FakeLabelStudio
from tests.prefill_runner import Prefill, stubbed_prefill


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        yield running


@pytest.fixture
def prefill(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Prefill]:
    with stubbed_prefill(fake, monkeypatch, tmp_path) as run:
        yield run
