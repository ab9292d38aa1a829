"""Which annotation of a task counts, and the images of a task with their people."""

from typing import Any

import pytest

from tests.dataset.regions import box, our_config, point, task
from wholebody.dataset import choosing, images_of_tasks
from wholebody.dataset.images_of_tasks import TaskPeople, TaskReader
from wholebody.dataset.left_out import LeftOut, LeftOutTally
from wholebody.labeling.labeling_config import parse_labeling_config

KEYPOINTS = '<KeyPointLabels name="kp" toName="{0}"><Label value="nose"/></KeyPointLabels>'
BOXES = '<RectangleLabels name="box" toName="{0}"><Label value="person"/></RectangleLabels>'


def read(one: dict[str, Any], of: choosing.Of = "annotations", annotator: str = "") -> TaskPeople:
    return TaskReader(our_config(), of, annotator).read(one)


def noses(found: TaskPeople) -> list[list[float]]:
    """x of the nose of everybody, for each image."""
    return [[round(float(person.keypoints[0, 0]), 3) for person in image.people] for image in found.images]


def reasons(found: TaskPeople) -> list[tuple[str, int, bool]]:
    return [(one.reason, one.count, one.is_loss) for one in found.left_out]


def annotation(number: int, x: float, **rest: Any) -> dict[str, Any]:
    return {"id": number, "result": [point("nose", x, 30)], "updated_at": f"2026-01-0{number}", **rest}


@pytest.mark.parametrize(
    ("annotations", "annotator", "expected"),
    [
        ([annotation(1, 10), annotation(2, 20)], "", 20),
        ([annotation(1, 10, updated_at="2026-02-01"), annotation(2, 20)], "", 10),
        ([annotation(1, 10, ground_truth=True), annotation(2, 20)], "", 10),
        ([annotation(1, 10), annotation(2, 20, was_cancelled=True)], "", 10),
        ([annotation(1, 10, completed_by=3), annotation(2, 20, completed_by=4)], "3", 10),
        ([annotation(1, 10, completed_by={"id": 3, "email": "a@x.org"}), annotation(2, 20)], "a@x.org", 10),
    ],
)
def test_which_annotation_counts(annotations: list[Any], annotator: str, expected: float) -> None:
    found = read(task(annotations=annotations), annotator=annotator)
    assert noses(found) == [[expected]]
    done = sum(not one.get("was_cancelled") for one in annotations)
    assert reasons(found) == ([(choosing.OTHERS, 1, False)] if done > 1 else [])


@pytest.mark.parametrize(
    ("changes", "annotator", "reason"),
    [
        ({"annotations": []}, "", choosing.NOT_ANNOTATED),
        ({"annotations": [], "drafts": [{"result": []}]}, "", choosing.ONLY_A_DRAFT),
        ({"annotations": [annotation(1, 10, was_cancelled=True)]}, "", choosing.SKIPPED),
        ({"annotations": [annotation(1, 10, completed_by=3)]}, "4", choosing.NOT_BY),
    ],
)
def test_tasks_that_are_left_out(changes: dict[str, Any], annotator: str, reason: str) -> None:
    found = read(task(**changes), annotator=annotator)
    assert (noses(found), reasons(found)) == ([], [(reason, 1, True)])


def test_a_draft_beside_an_annotation_is_named() -> None:
    found = read(task(point("nose", 20, 30), drafts=[{"result": []}]))
    assert noses(found) == [[20]]
    assert reasons(found) == [(choosing.UNSUBMITTED, 1, True)]


def test_predictions_are_read_alike_the_newest_first() -> None:
    predictions = [{"id": 5, "result": [point("nose", 50, 30)]}, {"id": 4, "result": [point("nose", 40, 30)]}]
    assert noses(read(task(predictions=predictions), of="predictions")) == [[50]]
    assert reasons(read(task(), of="predictions")) == [(choosing.NOT_PREDICTED, 1, True)]
    assert reasons(read(task(predictions=[12]), of="predictions")) == [(choosing.NUMBERS_ALONE, 1, True)]


def test_an_empty_annotation_is_an_image_with_nobody() -> None:
    (image,) = read(task()).images
    assert (image.people, image.size_wh) == ((), None)


def test_its_size_is_that_of_what_else_lies_on_it() -> None:
    (image,) = read(task(predictions=[{"result": [point("nose", 20, 30)]}])).images
    assert (image.people, image.size_wh) == ((), (200, 100))


def test_sizes_that_contradict_each_other_are_named() -> None:
    found = read(task(point("nose", 20, 30, "a"), box("a", 10, 10, 60, 90, original_width=300)))
    assert found.images == ()
    assert [(one.reason, one.what) for one in found.left_out] == [(images_of_tasks.SIZES, "/data/7.jpg")]


def test_a_task_without_its_image_is_named() -> None:
    found = read(task(point("nose", 20, 30), data={"photo": "x.jpg"}))
    assert found.images == ()
    assert "'image'" in found.left_out[0].reason


def test_two_images_and_what_lies_on_neither() -> None:
    images = "".join(f'<Image name="{n}" value="${n}"/>' for n in "ab")
    config = parse_labeling_config(f"<View>{images}{KEYPOINTS.format('a,b')}</View>")
    found = TaskReader(config, "annotations").read(
        task(
            point("nose", 20, 30, to_name="a", from_name="kp"),
            point("nose", 40, 30, to_name="b", from_name="kp"),
            point("nose", 60, 30, to_name="c", from_name="kp"),
            data={"a": "a.jpg", "b": "b.jpg"},
        )
    )
    assert [(image.image, image.reference) for image in found.images] == [("a", "a.jpg"), ("b", "b.jpg")]
    assert noses(found) == [[20], [40]]
    assert reasons(found) == [(images_of_tasks.UNKNOWN_IMAGE, 1, True)]


@pytest.mark.parametrize("to_name", [{"id": 1}, ["img"], None, 7])
def test_a_region_on_what_is_no_name_is_named(to_name: object) -> None:
    found = TaskReader(our_config(), "annotations").read(task(point("nose", 20, 30, to_name=to_name)))
    assert noses(found) == [[]]
    assert reasons(found) == [(images_of_tasks.UNKNOWN_IMAGE, 1, True)]


def test_pages() -> None:
    config = parse_labeling_config(
        f'<View><Image name="img" valueList="$pages"/>{KEYPOINTS.format("img")}{BOXES.format("img")}</View>'
    )
    second = point("nose", 40, 30, from_name="kp", item_index=1)
    mark = {"id": second["id"], "to_name": "img", "type": "choices", "value": {"choices": ["hidden"]}}
    found = TaskReader(config, "annotations").read(
        task(
            point("nose", 20, 30, from_name="kp"),
            second,
            mark,
            point("nose", 60, 30, from_name="kp", item_index=2),
            data={"pages": ["a.jpg", "b.jpg"]},
        )
    )
    assert [(image.item_index, image.reference) for image in found.images] == [(0, "a.jpg"), (1, "b.jpg")]
    assert noses(found) == [[20], [40]]
    assert found.images[1].people[0].visibility[0] == 1
    assert reasons(found) == [(images_of_tasks.NO_PAGE, 1, True)]


def test_names_of_a_projects_own() -> None:
    config = parse_labeling_config(
        '<View><Image name="img" value="$image"/><KeyPointLabels name="kp" toName="img">'
        '<Label value="Nase" predicted_values="nose"/><Label value="Auge" alias="eye1" model_index="1"/>'
        "</KeyPointLabels></View>"
    )
    found = TaskReader(config, "annotations").read(
        task(point("Nase", 20, 30, from_name="kp"), point("eye1", 22, 28, from_name="kp"))
    )
    (person,) = found.images[0].people
    assert list(person.visibility[:3]) == [2, 2, 0]
    assert found.left_out == ()


def test_labels_apart_from_their_tools() -> None:
    config = parse_labeling_config(
        '<View><Image name="img" value="$image"/><KeyPoint name="pt" toName="img"/><Rectangle name="r" toName="img"/>'
        '<Labels name="l" toName="img"><Label value="nose"/><Label value="person"/></Labels></View>'
    )
    drawn, framed = point("", 20, 30, "a", from_name="pt", type="keypoint"), box("a", 10, 10, 60, 90, from_name="r")
    framed |= {"type": "rectangle"}
    labels = [
        {"id": region["id"], "from_name": "l", "to_name": "img", "type": "labels", "value": {"labels": [label]}}
        for region, label in ((drawn, "nose"), (framed, "person"))
    ]
    del drawn["value"]["keypointlabels"], framed["value"]["rectanglelabels"]
    found = TaskReader(config, "annotations").read(task(drawn, framed, *labels))
    assert noses(found) == [[20]]
    assert found.images[0].people[0].xyxy == pytest.approx((10, 10, 60, 90))
    assert found.left_out == ()


def test_without_a_config_names_are_read_as_they_stand() -> None:
    reader = TaskReader(None, "annotations")
    regions = (point("nose", 20, 30, "a", from_name="any"), box("a", 10, 10, 60, 90, to_name="img"))
    assert noses(reader.read(task(*regions))) == [[20]]
    assert noses(reader.read(task(*regions, data={"photo": "x.jpg"}))) == [[20]]
    two = reader.read(task(*regions, data={"photo": "x.jpg", "camera": "front"}))
    assert reasons(two) == [(images_of_tasks.NO_CONFIG, 1, True)]


@pytest.mark.parametrize(
    "result", [None, 5, [None], ["x"], [[]], [{"id": 3}], [{"to_name": "img", "type": [], "id": []}]]
)
def test_nonsense_is_nobody(result: object) -> None:
    entry = {"id": 1, "result": result, "was_cancelled": False}
    for found in (read(task(annotations=[entry])), read(task(annotations=[entry], data=None))):
        assert all(image.people == () for image in found.images)


def test_the_tally_names_tasks_and_counts_losses() -> None:
    tally = LeftOutTally()
    for number in range(1, 13):
        tally.add(number, LeftOut("a nose too many", 2))
    tally.add(5, LeftOut("a ball", is_loss=False))
    tally.add(5, LeftOut("a ball", is_loss=False))
    assert tally.losses == 24
    assert list(tally.lines()) == [
        "Left out:",
        "  24 x a nose too many (tasks 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more)",
        "Not about people, or not chosen:",
        "  2 x a ball (task 5)",
    ]


def test_reasons_beyond_a_thousand_are_one() -> None:
    tally = LeftOutTally()
    for number in range(1_005):
        tally.add(number, LeftOut(f"reason {number}"))
    assert any("5 x other reasons" in line for line in tally.lines())
