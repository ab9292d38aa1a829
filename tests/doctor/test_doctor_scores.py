"""What the doctor says of the data manager's score column."""

from collections.abc import Iterator

import pytest

from tests.doctor_runner import HERE, all_in_order, said
from tests.fake_label_studio import MODEL_VERSIONS, FakeLabelStudio, told


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with all_in_order(monkeypatch) as running:
        yield running


CURE = " -> wholebody review --project 1 (docs/review.md)"


@pytest.mark.parametrize(
    ("chosen", "stored", "found"),
    [
        ("wholebody", [], ("skip", "no predictions are stored -> ")),
        (None, ["a"], ("ok", "of all predictions, for the project has no model version -> ")),
        (HERE, [HERE, HERE, "other"], ("ok", f"of 2 predictions of {HERE} -> ")),
        (
            "wholebody",
            [HERE, HERE],
            ("warn", f"the column is empty: predictions are of {HERE} (2), the project's model version is 'wholebody'"),
        ),
        (
            "",
            [HERE],
            ("warn", f"the column is empty: predictions are of {HERE} (1), the project's model version is ''"),
        ),
        (
            "old",
            ["old", HERE, HERE],
            ("warn", f"the column is empty for most tasks: it shows old, predictions are of old (1), {HERE} (2)"),
        ),
    ],
)
def test_score_column(fake: FakeLabelStudio, chosen: str | None, stored: list[str], found: tuple[str, str]) -> None:
    fake.project["model_version"] = chosen  # type: ignore[assignment]
    for version in stored:
        fake.predict(4, version)
    status, text = found
    assert said("score column") == (status, text + (CURE if status == "warn" else ""))


def test_another_server(fake: FakeLabelStudio) -> None:
    fake.fail("GET", MODEL_VERSIONS, told({}), told([]))
    status, text = said("score column")
    assert (status, "the model versions are not listed as Label Studio does it" in text) == ("fail", True)
