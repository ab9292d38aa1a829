"""A Label Studio with nine tasks, and the wish to stop; files whose tests need another bring their own."""

from collections.abc import Iterator

import pytest

from tests.fake_label_studio import FakeLabelStudio
from wholebody.process.stopping import Stop


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        running.add_tasks(*range(1, 10))
        yield running


@pytest.fixture
def stop() -> Stop:
    return Stop()
