"""What the doctor says of predictions that were stored under another labeling config."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doctor_runner import HERE, all_in_order, said
from tests.fake_label_studio import TASKS, FakeLabelStudio, told
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.versions import OUR_VERSIONS

OLD = f"{OUR_VERSIONS}old-1"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with all_in_order(monkeypatch) as running:
        running.add_tasks(*range(6, 106))
        yield running


def region(from_name: str = "body", label: str = "nose", **rest: Any) -> dict[str, Any]:
    value = {"x": 10, "y": 20, "width": 0.5, "keypointlabels": [label]}
    return {"id": "a", "from_name": from_name, "to_name": "img", "type": "keypointlabels", "value": value, **rest}


def test_nothing_is_stored(fake: FakeLabelStudio) -> None:
    fake.predict(4, "another-tool", result=[region("gone")])
    assert said("predictions") == ("skip", "no task without annotation has predictions of this project's models -> ")


def test_what_is_stored_fits(fake: FakeLabelStudio) -> None:
    for task_id in (4, 5, 6):
        fake.predict(task_id, HERE, result=[region(), {"type": "relation"}])
        fake.predict(task_id, "another-tool", result=[region("gone")])
    fake.predict(6, HERE, result=None)  # as a result that was no list is stored
    assert said("predictions") == ("ok", "in the 3 tasks looked at, they fit the labeling config -> ")


@pytest.mark.parametrize("version", [HERE, OLD])
def test_config_was_changed_since(fake: FakeLabelStudio, version: str) -> None:
    for task_id in fake.tasks:
        fake.predict(task_id, version, result=[region()])
    assert said("predictions")[0] == "ok"
    fake.project["label_config"] = write_config((Part.FACE,))
    status, text = said("predictions")
    assert (status, text) == (
        "warn",
        "in 40 of the 40 tasks looked at, such as task 4, they carry names that the labeling config lacks: it was "
        "changed since -> `wholebody prefill --replace` predicts such tasks anew (docs/prefill.md)",
    )


@pytest.mark.parametrize("task_id", [4, 105])
def test_both_ends_are_looked_at(fake: FakeLabelStudio, task_id: int) -> None:
    for other in fake.tasks:
        fake.predict(other, HERE, result=[region(label="snout" if other == task_id else "nose")])
    assert f"in 1 of the 40 tasks looked at, such as task {task_id}, " in said("predictions")[1]
    fake.tasks[task_id]["total_annotations"] = 1
    assert said("predictions")[0] == "ok", "an annotator has done it"


@pytest.mark.parametrize("answer", [[], {"tasks": [{"id": 4}]}, {"tasks": [{"id": 4, "predictions": ["fine"]}]}])
def test_answers_that_are_not_label_studios(fake: FakeLabelStudio, answer: Any) -> None:
    fake.fail("GET", TASKS, None, told(answer))  # the first is for the image
    expected = "the predictions are not listed as Label Studio does it -> check LABEL_STUDIO_URL"
    assert said("predictions") == ("fail", expected)
