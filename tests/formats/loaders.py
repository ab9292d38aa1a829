"""Loads a dataset with a library as its users do, and prints what it sees, in one form for all.

python loaders.py mmpose FOLDER

Runs in an environment without this package. Prints a JSON object as its last line:
`version`; `pictures`: name -> `size_wh` and `people`, each `xyxy` and `rows` (x, y, visibility) in pixels; `described`.
Where a library does not tell hidden from visible, visibility is as it has it.
"""

import importlib.metadata
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Pictures = dict[str, dict[str, Any]]


def ultralytics(folder: Path) -> tuple[Pictures, Any]:
    """Its training dataset: what its own check of labels leaves. Each picture is opened and mirrored once."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    described = check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    always_mirrored = get_cfg(overrides={"fliplr": 1.0, "mosaic": 0.0})
    dataset = YOLODataset(img_path=described["train"], data=described, task="pose", imgsz=320, hyp=always_mirrored)
    pictures: Pictures = {}
    for number, label in enumerate(dataset.labels):
        height, width = label["shape"]
        people = []
        for (x, y, w, h), points in zip(label["bboxes"].tolist(), label["keypoints"].tolist(), strict=True):
            xyxy = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
            people.append({"xyxy": xyxy, "rows": [[px * width, py * height, v] for px, py, v in points]})
        assert dataset[number]["keypoints"].shape[0] == len(people)
        pictures[Path(label["im_file"]).name] = {"size_wh": [width, height], "people": people}
    keys = ("kpt_shape", "flip_idx", "kpt_names", "kpt_oks_sigmas", "names")
    return pictures, {key: described[key] for key in keys}


def mmpose(folder: Path) -> tuple[Pictures, Any]:
    """Its `CocoWholeBodyDataset` for training; one entry of it is a person."""
    from mmpose.datasets.datasets.wholebody.coco_wholebody_dataset import CocoWholeBodyDataset

    pictures: Pictures = {}
    for person in CocoWholeBodyDataset(
        ann_file="annotations/coco_wholebody_default.json",
        data_root=str(folder),
        data_prefix={"img": "images/"},
        pipeline=[{"type": "mmpose.LoadImage"}],
    ):
        height, width = person["img_shape"]
        points = zip(person["keypoints"][0].tolist(), person["keypoints_visible"][0].tolist(), strict=True)
        rows = [[x, y, seen] for (x, y), seen in points]
        picture = pictures.setdefault(Path(person["img_path"]).name, {"size_wh": [width, height], "people": []})
        picture["people"].append({"xyxy": person["bbox"][0].tolist(), "rows": rows})
    return pictures, None


def xtcocotools(folder: Path) -> tuple[Pictures, Any]:
    """What evaluation in mmpose reads: here the file is compared with itself in each part."""
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

    truth = COCO(str(folder / "annotations" / "coco_wholebody_default.json"))
    arrays = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    found = [
        {key: one[key] for key in ("image_id", "category_id", *arrays)} | {"score": 1.0} for one in truth.anns.values()
    ]
    results = truth.loadRes(found)
    precision = {}
    for kind, count in {"keypoints_body": 17, "keypoints_wholebody": 133}.items():
        evaluation = COCOeval(truth, results, kind, _sigmas(count), use_area=True)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        precision[kind] = float(evaluation.stats[0])
    return _coco_pictures(truth, arrays), precision


def fiftyone(folder: Path) -> tuple[Pictures, Any]:
    """Its importer, which needs no database."""
    from fiftyone.utils.coco import COCODetectionDatasetImporter

    file = folder / "annotations" / "person_keypoints_default.json"
    pictures: Pictures = {}
    with COCODetectionDatasetImporter(
        data_path=str(folder / "images"), labels_path=str(file), label_types=["detections", "keypoints"]
    ) as importer:
        for path, size, labels in importer:
            width, height = size.width, size.height
            people: list[Any] = []
            if labels:
                boxes, people_points = labels["detections"].detections, labels["keypoints"].keypoints
                for box, of_person in zip(boxes, people_points, strict=True):
                    left, top, w, h = box.bounding_box
                    xyxy = [left * width, top * height, (left + w) * width, (top + h) * height]
                    rows = [[0, 0, 0] if math.isnan(x) else [x * width, y * height, 2] for x, y in of_person.points]
                    people.append({"xyxy": xyxy, "rows": rows})
            pictures[Path(path).name] = {"size_wh": [width, height], "people": people}
        (category,) = importer.get_dataset_info()["categories"]
    return pictures, {"keypoints": category["keypoints"], "skeleton": category["skeleton"]}


def datumaro(folder: Path) -> tuple[Pictures, Any]:
    """Found by its names alone, as a folder and as an archive is found by CVAT, which has a Datumaro of its own."""
    from datumaro import AnnotationType, Dataset

    dataset = Dataset.import_from(str(folder), "coco")
    pictures: Pictures = {}
    for item in dataset:
        height, width = item.media.size
        by_group: dict[int, dict[str, Any]] = {}
        for one in item.annotations:
            person = by_group.setdefault(one.group, {})
            if one.type is AnnotationType.points:
                xy = zip(one.points[::2], one.points[1::2], strict=True)
                rows = zip(xy, one.visibility, strict=True)
                person["rows"] = [[float(x), float(y), seen.value] for (x, y), seen in rows]
            else:
                person["xyxy"] = [float(side) for side in one.points]
        name = Path(item.media.path).name
        pictures[name] = {"size_wh": [width, height], "people": [by_group[key] for key in sorted(by_group)]}
    (points,) = dataset.categories()[AnnotationType.points].items.values()
    return pictures, {"keypoints": points.labels, "skeleton": sorted(map(sorted, points.joints))}


def _coco_pictures(coco: Any, arrays: tuple[str, ...]) -> Pictures:
    pictures: Pictures = {}
    for image in coco.imgs.values():
        people = []
        for one in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]])):
            left, top, width, height = one["bbox"]
            flat = [number for array in arrays for number in one[array]]
            rows = [flat[start : start + 3] for start in range(0, len(flat), 3)]
            people.append({"xyxy": [left, top, left + width, top + height], "rows": rows})
        pictures[image["file_name"]] = {"size_wh": [image["width"], image["height"]], "people": people}
    return pictures


def _sigmas(count: int) -> Any:
    import numpy as np
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    described = parse_pose_metainfo({"from_file": "configs/_base_/datasets/coco_wholebody.py"})
    return np.array(described["sigmas"][:count])


LOADERS: dict[str, Callable[[Path], tuple[Pictures, Any]]] = {
    one.__name__: one for one in (ultralytics, mmpose, xtcocotools, fiftyone, datumaro)
}

if __name__ == "__main__":
    library, place = sys.argv[1:]
    seen, told = LOADERS[library](Path(place))
    print(json.dumps({"version": importlib.metadata.version(library), "pictures": seen, "described": told}))
