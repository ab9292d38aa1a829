"""Datasets as training code reads them: each format loaded with the library of those who use it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.dataset.coco_truth import coco_file
from tests.dataset.regions import HEIGHT, WIDTH, box, hidden, our_config, point, task
from wholebody.dataset import exporting, yolo_files
from wholebody.dataset.exporting import Exported, Plan, export
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.splits import Splits
from wholebody.errors import DatasetError, SettingsError
from wholebody.keypoints import MIRRORED, NAMES, PARTS, SIDES, SIGMAS, Part, Side

PEOPLE = [
    point("nose", 20, 30, "a"),
    hand := point("left_hand_root", 30.5, 60.25, "a", from_name="left_hand"),
    hidden(hand),
    box("a", 10, 10, 60, 90),
    point("nose", 150, 30, "b"),
    box("b", 120, 10, 180, 90),
]
HANDS_ALONE = [
    point("left_hand_root", 30, 60, "a", from_name="left_hand"),
    point("left_thumb1", 34, 62, "a", from_name="left_hand"),
    box("a", 10, 10, 60, 90),
]


def run(
    out: Path, *tasks: dict[str, Any], form: str = "coco", split: str = "", parts: tuple[Part, ...] = (*Part,)
) -> Exported:
    return export(tasks, TaskReader(our_config(), "annotations"), Plan(out, form, parts, Splits.parse(split)))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def reasons(exported: Exported) -> str:
    return "\n".join(exported.left_out.lines())


# COCO


def test_coco_keypoints(tmp_path: Path) -> None:
    exported = run(tmp_path / "out", task(*PEOPLE), task(box("a", 0, 0, 20, 20), number=8))
    assert (exported.images, exported.people, exported.points) == (2, 3, 3)
    dataset = read(coco_file(tmp_path / "out"))
    (category,) = dataset["categories"]
    assert category["keypoints"] == [*NAMES]
    assert category["sigmas"] == [*SIGMAS]
    assert [16, 14] in category["skeleton"]
    images = {"id": 7, "task_id": 7, "file_name": "7-7.jpg", "width": WIDTH, "height": HEIGHT}
    assert dataset["images"][0] == images
    first = dataset["annotations"][0]
    assert (first["image_id"], first["bbox"], first["iscrowd"]) == (7, [10, 10, 50, 80], 0)
    assert first["area"] == pytest.approx(0.53 * 50 * 80)
    assert first["num_keypoints"] == 2
    assert first["keypoints"][:3] == [20, 30, 2]
    assert first["keypoints"][91 * 3 : 92 * 3] == [30.5, 60.25, 1]
    assert len({one["id"] for one in dataset["annotations"]}) == 3


def test_coco_keypoints_of_some_parts(tmp_path: Path) -> None:
    exported = run(tmp_path / "out", task(*PEOPLE), parts=(Part.BODY, Part.LEFT_HAND))
    assert exported.points == 3
    assert run(tmp_path / "feet", task(*PEOPLE), parts=(Part.FEET,)).points == 0
    dataset = read(coco_file(tmp_path / "out"))
    (category,) = dataset["categories"]
    assert category["keypoints"][17] == "left_hand_root"
    assert [18, 19] in category["skeleton"]
    assert dataset["annotations"][0]["keypoints"][17 * 3 : 18 * 3] == [30.5, 60.25, 1]
    assert len(dataset["annotations"][0]["keypoints"]) == 38 * 3


def test_coco_wholebody(tmp_path: Path) -> None:
    run(tmp_path / "out", task(*PEOPLE), task(*HANDS_ALONE, number=8), form="coco-wholebody")
    dataset = read(coco_file(tmp_path / "out"))
    assert len(dataset["categories"][0]["keypoints"]) == 17
    person, _, hands = dataset["annotations"]
    lengths = {"keypoints": 51, "foot_kpts": 18, "face_kpts": 204, "lefthand_kpts": 63, "righthand_kpts": 63}
    assert {key: len(person[key]) for key in lengths} == lengths
    assert (person["num_keypoints"], person["segmentation"], person["iscrowd"]) == (1, [], 0)
    assert person["lefthand_kpts"][:3] == [30.5, 60.25, 1]
    assert (person["lefthand_valid"], person["face_valid"], person["foot_valid"]) == (True, False, False)
    assert person["face_box"] == [0, 0, 0, 0]
    assert hands["lefthand_box"] == [30, 60, 4, 2]
    assert hands["num_keypoints"] == 2, "0 would drop somebody without body points from training"


@pytest.mark.parametrize("form", ["coco", "coco-wholebody"])
def test_it_loads_in_pycocotools(tmp_path: Path, form: str) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="run `make install`")
    run(tmp_path / "out", task(*PEOPLE), task(number=8, predictions=[{"result": PEOPLE}]), form=form)
    loaded = coco.COCO(str(coco_file(tmp_path / "out")))
    assert sorted(loaded.getImgIds()) == [7, 8]
    assert len(loaded.getAnnIds(imgIds=[7], iscrowd=False)) == 2
    assert loaded.getAnnIds(imgIds=[8]) == []
    assert loaded.loadCats(loaded.getCatIds(catNms=["person"]))[0]["name"] == "person"


def test_it_evaluates_in_faster_coco_eval(tmp_path: Path) -> None:
    library = pytest.importorskip("faster_coco_eval", reason="run `make install`")
    run(tmp_path / "out", task(*PEOPLE), task(*PEOPLE, number=8))
    truth = library.COCO(str(coco_file(tmp_path / "out")))
    found = [
        {key: one[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 0.5}
        for one in truth.loadAnns(truth.getAnnIds())
    ]
    evaluation = library.COCOeval_faster(
        truth, truth.loadRes(found), iouType="keypoints", kpt_oks_sigmas=np.array(SIGMAS)
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


# YOLO


def labels(out: Path, part: str = "train") -> dict[str, list[list[float]]]:
    return {
        path.stem: [[float(number) for number in row.split()] for row in path.read_text().splitlines()]
        for path in sorted((out / "labels" / part).iterdir())
    }


def test_yolo_pose(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, task(*PEOPLE), task(number=8), form="yolo-pose")
    described = yaml.safe_load((out / "data.yaml").read_text())
    assert described["kpt_shape"] == [133, 3]
    assert described["names"] == {0: "person"}
    assert described["kpt_names"] == {0: [*NAMES]}
    assert described["kpt_oks_sigmas"] == [*SIGMAS]
    assert described["flip_idx"] == [*MIRRORED]
    assert (out / described["train"]).is_dir()
    assert (out / described["val"]).is_dir()
    (first, second), nobody = labels(out)["7-7"], labels(out)["8-8"]
    assert nobody == []
    assert len(first) == len(second) == 5 + 133 * 3
    assert first[:5] == pytest.approx([0, 35 / WIDTH, 0.5, 50 / WIDTH, 0.8])
    assert first[5:8] == pytest.approx([0.1, 0.3, 2])
    assert first[5 + 91 * 3 : 8 + 91 * 3] == pytest.approx([30.5 / WIDTH, 0.6025, 1])


def test_yolo_keeps_every_picture(tmp_path: Path) -> None:
    """One coordinate beyond -0.01..1.01 and Ultralytics drops the picture; it drops rows that are alike, too."""
    out = tmp_path / "out"
    people = [
        point("nose", 201, 30, "a"),
        point("left_eye", 300, 30, "a"),
        box("a", -50, 10, 60, 190),
        point("nose", 20, 30, "b"),
        box("b", 10, 10, 60, 90),
        point("nose", 20, 30, "c", id="nose of c"),
        box("c", 10, 10, 60, 90),
        box("d", 210, 10, 260, 90),
    ]
    exported = run(out, task(*people), form="yolo-pose")
    rows = labels(out)["7-7"]
    assert len(rows) == 2
    assert (exported.people, exported.points) == (2, 2), "as many as were written"
    assert all(0 <= number <= 1 for row in rows for number in (*row[:5], *row[5::3], *row[6::3]))
    assert rows[0][:5] == pytest.approx([0, 30 / WIDTH, 0.55, 60 / WIDTH, 0.9])
    assert rows[0][5:11] == pytest.approx([1, 0.3, 2, 0, 0, 0])
    for reason in (yolo_files.OUTSIDE, yolo_files.SAME_ROW, yolo_files.NO_PIXEL):
        assert f"1 x {reason} (task 7)" in reasons(exported)


def test_yolo_with_one_hand_cannot_be_mirrored(tmp_path: Path) -> None:
    run(tmp_path / "out", task(*PEOPLE), form="yolo-pose", parts=(Part.LEFT_HAND,))
    described = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert described["kpt_shape"] == [21, 3]
    assert "flip_idx" not in described


def test_yolo_needs_names_that_ultralytics_knows(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="YOLO knows train, val, test alone"):
        run(tmp_path / "out", task(*PEOPLE), form="yolo-pose", split="a=0.5,b=0.5")


def test_mirrored_points() -> None:
    assert all(MIRRORED[MIRRORED[k]] == k and PARTS[MIRRORED[k]] in mirrored_part(PARTS[k]) for k in range(133))
    assert sum(MIRRORED[k] == k for k in range(133)) == 11  # the nose, and ten points of the face
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.CENTRE: Side.CENTRE}
    assert all(SIDES[MIRRORED[k]] == other[SIDES[k]] for k in range(133))
    expected = {23: 39, 31: 31, 40: 49, 44: 45, 50: 50, 54: 58, 59: 68, 62: 65, 63: 70, 64: 69, 71: 77, 78: 82, 88: 90}
    assert {k: MIRRORED[k] for k in expected} == expected


def mirrored_part(part: Part) -> set[Part]:
    hands = {Part.LEFT_HAND: Part.RIGHT_HAND, Part.RIGHT_HAND: Part.LEFT_HAND}
    return {hands.get(part, part)}


def test_sigmas() -> None:
    assert len(SIGMAS) == 133
    assert SIGMAS[17:23] == (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
    assert (min(SIGMAS[23:91]), max(SIGMAS[23:91])) == (0.007, 0.045)
    assert (min(SIGMAS[91:]), max(SIGMAS[91:])) == (0.017, 0.047)
    assert SIGMAS[91:112] == SIGMAS[112:]


# The folder


def test_parts_of_the_dataset(tmp_path: Path) -> None:
    tasks = [task(*PEOPLE, number=number) for number in range(40)]
    exported = run(tmp_path / "out", *tasks, split="train=0.5,val=0.5")
    files = {path.name for path in (tmp_path / "out" / "annotations").iterdir()}
    assert files == {"person_keypoints_train.json", "person_keypoints_val.json"}, "as CVAT and Datumaro look for them"
    counts = {name: len(read(coco_file(tmp_path / "out", name))["images"]) for name in ("train", "val")}
    assert counts == exported.parts
    assert sum(counts.values()) == 40
    assert min(counts.values()) > 8
    listed = (tmp_path / "out" / "images.csv").read_text().splitlines()
    assert listed[0] == "file_name,part,task_id,reference"
    assert len(listed) == 41
    assert listed[1].startswith("0-0.jpg,") and listed[1].endswith(",0,/data/0.jpg")


def test_what_was_left_out_is_listed(tmp_path: Path) -> None:
    exported = run(tmp_path / "out", task(*PEOPLE, point("nose", 199, 1)), task(number=8, annotations=[]))
    assert exported.left_out.losses == 2
    lines = [json.loads(line) for line in (tmp_path / "out" / "left-out.jsonl").read_text().splitlines()]
    assert [(line["task"], line["what"], line["is_loss"]) for line in lines] == [(7, "nose", True), (8, "", True)]


def test_nothing_is_there_when_it_failed(tmp_path: Path) -> None:
    def broken() -> Any:
        yield task(*PEOPLE)
        raise DatasetError("cut off")

    plan = Plan(tmp_path / "out", "coco", (*Part,), Splits.parse(""))
    with pytest.raises(DatasetError, match="cut off"):
        export(broken(), TaskReader(our_config(), "annotations"), plan)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run(tmp_path / "out", task(*PEOPLE))  # it was empty
    with pytest.raises(DatasetError, match="is there already; delete it"):
        run(tmp_path / "out", task(*PEOPLE))


def test_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no image to export: .* a task without an annotation"):
        run(tmp_path / "out", task(annotations=[]))


def test_a_config_of_another_project(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="none of the regions is a person's; is it the project's own"):
        run(tmp_path / "out", task(point("nose", 20, 30, from_name="kp")))


def test_an_image_whose_size_nothing_tells(tmp_path: Path) -> None:
    exported = run(tmp_path / "out", task(*PEOPLE), task(number=8))
    assert exported.images == 1
    assert f"1 x {exporting.UNKNOWN_SIZE} (task 8)" in reasons(exported)
