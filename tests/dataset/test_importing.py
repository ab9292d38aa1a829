"""COCO files into tasks, and back: every number within a hundredth of a pixel, every visibility."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dataset.coco_truth import coco_file as exported_file
from tests.dataset.coco_truth import differences
from wholebody.dataset import coco_reader, task_writer
from wholebody.dataset.coco_reader import read_coco
from wholebody.dataset.exporting import Plan, export
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.importing import Imported, import_to_file, import_to_project
from wholebody.dataset.splits import Splits
from wholebody.dataset.task_files import read_tasks
from wholebody.dataset.task_writer import TaskWriter, region_choices
from wholebody.errors import DatasetError, LabelingConfigError
from wholebody.keypoints import NAMES, Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import parse_labeling_config

MARK = '<Choices name="visibility" toName="img" perRegion="true"><Choice value="hidden" hotkey="o"/></Choices>'
JOINTS = (
    '<Choices name="hidden_body" toName="img" perRegion="true" choice="multiple">'
    '<Choice value="nose"/><Choice value="left_wrist"/></Choices>'
)


def with_choices(config: str, choices: str = MARK) -> str:
    return config.replace("<Image ", f"{choices}<Image ", 1)


POINTS = with_choices(write_config(tuple(Part)))
SKELETONS = write_config(tuple(Part), skeleton=True)
APART = (
    f'<View><Image name="img" value="$photo"/>{MARK}<KeyPoint name="pt" toName="img"/>'
    '<Rectangle name="r" toName="img"/><Labels name="l" toName="img"><Label value="person"/>'
    + "".join(f'<Label value="{name}"/>' for name in NAMES)
    + "</Labels></View>"
)


def writer(config: str = POINTS, prefix: str = "", kind: task_writer.As = "annotations") -> TaskWriter:
    return TaskWriter.of(config, prefix, kind)


def round_trip(folder: Path, coco: Path, config: str, kind: Any = "annotations", form: str = "coco-wholebody") -> Any:
    imported = import_to_file(coco, writer(config, kind=kind), folder / "tasks.json")
    assert imported.left_out.losses == 0
    reader = TaskReader(parse_labeling_config(config), kind)
    plan = Plan(folder / "out", form, (*Part,), Splits.parse(""))
    exported = export(read_tasks(folder / "tasks.json"), reader, plan)
    assert exported.left_out.losses == 0
    return json.loads(exported_file(folder / "out").read_text())


@pytest.mark.parametrize("kind", ["annotations", "predictions"])
@pytest.mark.parametrize("config", [POINTS, SKELETONS, APART], ids=["points", "skeletons", "labels apart"])
def test_coco_wholebody_comes_back(tmp_path: Path, testdata: Path, config: str, kind: str) -> None:
    coco = testdata / "coco_wholebody.json"
    assert differences(json.loads(coco.read_text()), round_trip(tmp_path, coco, config, kind)) == []


def test_one_array_comes_back(tmp_path: Path, testdata: Path) -> None:
    round_trip(tmp_path, testdata / "coco_wholebody.json", POINTS, form="coco")
    (tmp_path / "again").mkdir()
    one_array = exported_file(tmp_path / "out")
    again = round_trip(tmp_path / "again", one_array, POINTS, form="coco")
    assert differences(json.loads(one_array.read_text()), again) == []


def coco_file(folder: Path, *annotations: dict[str, Any], **changes: Any) -> Path:
    images = [{"id": 5, "file_name": "a b.jpg", "width": 200, "height": 100}]
    categories = [{"id": 1, "name": "person"}, {"id": 2, "name": "ball"}]
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories} | changes))
    return path


def somebody(*triples: tuple[float, float, float], **changes: Any) -> dict[str, Any]:
    keypoints = [number for triple in triples for number in triple] + [0] * (51 - 3 * len(triples))
    return {"id": 3, "image_id": 5, "category_id": 1, "bbox": [10, 10, 50, 80], "keypoints": keypoints} | changes


def read_one(path: Path) -> tuple[Any, list[str]]:
    ((image,), _) = read_coco(path)
    return image, [one.reason for one in image.left_out]


def test_a_point_and_its_mark(tmp_path: Path) -> None:
    path = coco_file(tmp_path, somebody((20, 30, 2), (22.5, 28, 1)))
    image, _ = read_one(path)
    task, left_out = writer(prefix="/data/local-files/?d=photos/").task(image)
    assert left_out == []
    assert task["data"] == {"image": "/data/local-files/?d=photos/a%20b.jpg"}
    (annotation,) = task["annotations"]
    assert annotation["ground_truth"] is False, "else it would go before every correction"
    nose, eye, frame, mark = annotation["result"]  # a mark before its point would lose it in the editor
    assert (mark["id"], mark["from_name"], mark["value"]) == (eye["id"], "visibility", {"choices": ["hidden"]})
    assert (nose["value"]["x"], nose["value"]["y"]) == (10, 30)
    assert nose["parentID"] == eye["parentID"] == frame["id"]
    assert "score" not in nose
    assert set(task["meta"]["coco"]["people"]) == {frame["id"]}


def test_points_of_all_lie_above_boxes_of_all(tmp_path: Path) -> None:
    path = coco_file(tmp_path, somebody((20, 30, 2)), somebody((90, 30, 2), id=4, bbox=[80, 10, 50, 80]))
    task, _ = writer().task(read_one(path)[0])
    kinds = [region["type"] for region in task["annotations"][0]["result"]]
    assert kinds == ["keypointlabels"] * 2 + ["rectanglelabels"] * 2


def test_bodies_lie_below_hands_and_hidden_joints_are_chosen(tmp_path: Path, testdata: Path) -> None:
    config = with_choices(SKELETONS, JOINTS)
    path = coco_file(tmp_path, somebody((20, 30, 1), (22, 28, 1), (24, 28, 2)))
    task, left_out = writer(config).task(read_one(path)[0])
    assert left_out == []
    body, _, mark = task["annotations"][0]["result"]
    assert (mark["from_name"], mark["value"], mark["id"]) == ("hidden_body", {"choices": ["nose"]}, body["id"])
    flags = {vertex["id"]: vertex.get("visibility") for vertex in body["value"]["vertices"]}
    assert flags == {"nose": None, "left_eye": 1, "right_eye": None}  # the choices have no eye
    image = next(one for one in read_coco(testdata / "coco_wholebody.json")[0] if len(one.people) > 1)
    task, _ = writer(SKELETONS).task(image)
    labels = [r["value"].get("vectorlabels", ["box"])[0] for r in task["annotations"][0]["result"]]
    order = ["right_hand", "left_hand", "face", "body", "box"]
    assert [order.index(label) for label in labels] == sorted(order.index(label) for label in labels)


def test_a_moved_box_loses_the_area_of_the_old_one(tmp_path: Path) -> None:
    path = coco_file(tmp_path, somebody((20, 30, 2), area=123.0, segmentation=[[1, 2, 3, 4, 5, 6]]))
    import_to_file(path, writer(), tmp_path / "tasks.json")
    (task,) = read_tasks(tmp_path / "tasks.json")
    task["annotations"][0]["result"][-1]["value"]["width"] = 20
    plan = Plan(tmp_path / "out", "coco", (*Part,), Splits.parse(""))
    export([task], TaskReader(parse_labeling_config(POINTS), "annotations"), plan)
    (person,) = json.loads(exported_file(tmp_path / "out").read_text())["annotations"]
    assert (person["id"], person["segmentation"]) == (3, [])
    assert person["area"] == pytest.approx(0.53 * 40 * 80)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (write_config(tuple(Part)), task_writer.UNMARKED),
        (with_choices(write_config([Part.FACE])), task_writer.NO_CONTROL + "body"),
        (write_config(tuple(Part), skeleton=True), task_writer.ALONE),
    ],
)
def test_what_a_config_has_no_place_for(tmp_path: Path, config: str, reason: str) -> None:
    task, left_out = writer(config).task(read_one(coco_file(tmp_path, somebody((20, 30, 1))))[0])
    assert [one.reason for one in left_out] == [reason]
    assert len(task["annotations"][0]["result"]) >= 1


def test_a_point_outside_the_picture_is_moved_and_named(tmp_path: Path) -> None:
    _, left_out = writer().task(read_one(coco_file(tmp_path, somebody((230, 30, 2))))[0])
    assert [one.reason for one in left_out] == [task_writer.MOVED]


def test_somebody_without_a_box_has_the_bounds_of_the_points(tmp_path: Path) -> None:
    image, _ = read_one(coco_file(tmp_path, somebody((20, 30, 2), (40, 70, 2), bbox=None)))
    assert image.people[0].xyxy == (20, 30, 40, 70)


def test_names_of_a_category(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "human", "keypoints": ["tail", "left_wrist", "face-3"]}]
    given = somebody(keypoints=[1, 2, 2, 30, 40, 1, 50, 60, 2])
    image, left_out = read_one(coco_file(tmp_path, given, categories=categories))
    (person,) = image.people
    assert np.flatnonzero(person.rows[:, 2]).tolist() == [9, 26]
    assert person.rows[9].tolist() == [30, 40, 1]
    assert left_out == [coco_reader.UNKNOWN_NAME + "tail"]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (somebody(category_id=2), coco_reader.NO_PERSON),
        (somebody(keypoints=[1, 2]), coco_reader.MALFORMED),
        (somebody(keypoints=[1, 2, 2]), coco_reader.MALFORMED),
        (somebody(bbox="none"), coco_reader.MALFORMED),
        (somebody(bbox=[0, 0, 0, 0]), coco_reader.NO_PLACE),
    ],
)
def test_annotations_that_are_left_out(tmp_path: Path, annotation: dict[str, Any], reason: str) -> None:
    image, left_out = read_one(coco_file(tmp_path, annotation))
    assert (image.people, left_out) == ([], [reason])


def test_an_annotation_of_no_image(tmp_path: Path) -> None:
    _, homeless = read_coco(coco_file(tmp_path, somebody(image_id=6)))
    assert [one.reason for one in homeless] == [coco_reader.NO_IMAGE]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "begins with a list, as a result file does"),
        ("{}", "has no list of 'images'"),
        ('{"images": [],\n "x"', "line 2: is not JSON"),
        ('{"images": [], "annotations": [1], "categories": []}', "has no list of 'annotations'"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}', "has no category with"),
        ('{"images": [{"id": 1}], "annotations": [], "categories": [{"name": "person"}]}', "has no 'file_name'"),
        (
            '{"images": [{"file_name": "x"}], "annotations": [], "categories": [{"name": "person"}]}',
            "'x' has no 'width' and 'height'",
        ),
    ],
)
def test_what_is_no_coco_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "coco.json"
    path.write_text(text)
    with pytest.raises(DatasetError) as caught:
        read_coco(path)
    assert complaint in str(caught.value)
    assert "COCO-WholeBody or COCO keypoints" in str(caught.value)


def test_a_config_with_several_pictures() -> None:
    config = '<View><Image name="a" valueList="$pages"/><KeyPointLabels name="k" toName="a"><Label value="nose"/>'
    with pytest.raises(LabelingConfigError, match="one <Image value"):
        writer(config + "</KeyPointLabels></View>")


def test_which_choices_count() -> None:
    others = '<Choices name="q" toName="img"><Choice value="hidden"/></Choices>'
    assert region_choices(with_choices(write_config(tuple(Part)), others), "img") == {}
    assert region_choices(POINTS, "img") == {"hidden": "visibility"}
    assert region_choices(POINTS, "other") == {}


class Project:
    """A `TaskStore` in memory."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def images(self) -> set[str]:
        return {task["data"]["image"] for task in self.tasks}

    def add(self, tasks: list[Any]) -> None:
        self.tasks += tasks


def test_a_picture_gets_one_task_however_often_it_is_imported(tmp_path: Path) -> None:
    project, path = Project(), coco_file(tmp_path, somebody((20, 30, 2)))
    counts = [import_to_project(path, writer(), project) for _ in range(2)]
    assert [(one.tasks, one.people, one.there) for one in counts] == [(1, 1, 0), (0, 0, 1)]
    assert len(project.tasks) == 1


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "tasks.json"
    with pytest.raises(DatasetError):
        import_to_file(coco_file(tmp_path, images=[{"id": 5}]), writer(), out)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tasks")]
    assert import_to_file(coco_file(tmp_path), writer(), out) == Imported(tasks=1, left_out=Imported().left_out)
    with pytest.raises(DatasetError, match="is there already"):
        import_to_file(coco_file(tmp_path), writer(), out)
