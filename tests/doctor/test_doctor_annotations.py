"""What the doctor says of people whose box is gone, where it is asked to read every annotation."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dataset.regions import box, point, skeleton
from tests.doctor_runner import all_in_order, outcomes
from tests.fake_label_studio import EXPORT, FakeLabelStudio, told
from wholebody.checks.annotations import ANNOTATIONS
from wholebody.checks.examination import examine
from wholebody.checks.facts import Facts
from wholebody.checks.label_studio import BEFORE_THE_BACKEND
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

ALICE = (box("a", 10, 10, 60, 90), point("nose", 20, 30, "a"))
BEREFT = (point("nose", 150, 30, "gone"), point("left_wrist", 170, 70, "gone"))
CURE = (
    " -> open these tasks: delete what is left of somebody who was to go, else draw a box of the label for people "
    "around them (docs/annotating.md#remove-a-person)"
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with all_in_order(monkeypatch) as running:
        running.add_tasks(*range(6, 56))
        yield running


def annotate(fake: FakeLabelStudio, task_id: int, *results: list[Any], **changes: Any) -> None:
    """Store annotations of a task."""
    given = [{"id": number, "result": result, **changes} for number, result in enumerate(results, 1)]
    fake.tasks[task_id] |= {"annotations": given, "total_annotations": len(given)}


def said() -> tuple[str, str]:
    """Status, and message with cure, after those checks that this one needs."""
    *_, found = examine(Facts(), (*BEFORE_THE_BACKEND, ANNOTATIONS))
    return found.status, f"{found.message} -> {found.cure}"


def pages_read(fake: FakeLabelStudio) -> int:
    return sum(request.path == EXPORT for request in fake.requests)


def test_it_reads_none_unless_it_is_asked_to(fake: FakeLabelStudio) -> None:
    annotate(fake, 6, [*BEREFT])
    assert "annotations" not in outcomes()
    assert pages_read(fake) == 0
    found = outcomes("--annotations")
    assert found["annotations"]["status"] == "warn"
    assert [*found][-1] == "annotations", "what takes long comes last"


def test_nothing_is_annotated(fake: FakeLabelStudio) -> None:
    annotate(fake, 6, [*BEREFT], was_cancelled=True)
    assert said() == ("skip", "no task has an annotation -> ")


def test_everybody_has_their_box(fake: FakeLabelStudio) -> None:
    """Points that were set by hand are of whom they lie in, and people drawn without a box are people."""
    annotate(fake, 6, [*ALICE, point("left_eye", 22, 28)])
    assert said() == (
        "ok",
        "in the only annotation, nobody has lost their box and no point is of nobody -> ",
    )
    annotate(fake, 7, [point("nose", 20, 30), point("left_eye", 22, 28)], [])
    annotate(fake, 8, [box("new", 120, 10, 190, 90), *BEREFT])
    assert said() == (
        "ok",
        "in the 4 annotations, nobody has lost their box and no point is of nobody -> ",
    )


def test_people_who_lost_their_box_are_counted_over_all_pages(fake: FakeLabelStudio) -> None:
    for task_id in range(6, 56):
        annotate(fake, task_id, [*ALICE])
    annotate(fake, 8, [*ALICE, *BEREFT], [*ALICE, *BEREFT, point("nose", 40, 30, "gone too")])
    assert said() == (
        "warn",
        "in 2 annotations (task 8) 3 people have lost their box: exports and evaluations find them by their points"
        + CURE,
    )
    for task_id in range(49, 55):
        annotate(fake, task_id, [*ALICE, *BEREFT])
    status, text = said()
    assert status == "warn"
    assert text.startswith("in 8 annotations (tasks 8, 49, 50, 51, 52, ...) 9 people have lost their box: ")
    assert pages_read(fake) == 2 * 3, "not all at once"


def test_a_skeleton_without_its_box(fake: FakeLabelStudio) -> None:
    fake.project["label_config"] = write_config((Part.BODY,), skeleton=True)
    annotate(fake, 6, [*ALICE, skeleton("s", "body", {"nose": (150, 30), "left_shoulder": (160, 40)}, "gone")])
    assert said()[1].startswith("in 1 annotation (task 6) 1 person has lost their box: ")


def test_points_of_nobody(fake: FakeLabelStudio) -> None:
    annotate(fake, 6, [*ALICE, point("nose", 150, 30)])
    annotate(fake, 9, [*ALICE, *BEREFT, point("nose", 100, 95), point("nose", 30, 93)])
    assert said() == (
        "warn",
        "in 1 annotation (task 9) 1 person has lost their box: exports and evaluations find them by their points; "
        "in 2 annotations (tasks 6, 9) 3 points are of nobody: exports and evaluations leave them out" + CURE,
    )


def test_another_server(fake: FakeLabelStudio) -> None:
    annotate(fake, 6, [*ALICE])
    fake.fail("GET", EXPORT, told({}))
    status, text = said()
    assert (status, "does not export tasks as Label Studio does" in text) == ("fail", True)
