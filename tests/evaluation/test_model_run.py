"""The loaded model over the ground truth of the test data, with real weights."""

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wholebody.dataset.coco_reader import read_coco
from wholebody.dataset.left_out import LeftOut
from wholebody.evaluation.coco_scores import person_score
from wholebody.evaluation.evaluating import Evaluation
from wholebody.evaluation.model_run import Model, ModelImage
from wholebody.evaluation.similarity import COCO_PARTS
from wholebody.keypoints import SIGMAS
from wholebody.settings import load_settings

OTHERS = ("foot", "face", "lefthand", "righthand")
ARRAYS = ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


@pytest.fixture(scope="module")
def model(testdata: Path) -> Model:
    weights = {"det_model": "rtmdet_nano_person", "pose_model": "wholebody133_256x192"}
    return Model(load_settings(**{key: str(testdata / "models" / f"{name}.onnx") for key, name in weights.items()}))


def look(model: Model, coco: Path, images: Path) -> list[ModelImage | LeftOut]:
    return [model.look_at(image, images) for image in read_coco(coco)[0]]


@pytest.fixture(scope="module")
def found(model: Model, testdata: Path) -> list[ModelImage | LeftOut]:
    """The people of the test data."""
    return look(model, testdata / "coco_wholebody.json", testdata / "images")


def evaluated(found: list[ModelImage | LeftOut]) -> dict[str, Any]:
    evaluation = Evaluation()
    for looked in found:
        assert isinstance(looked, ModelImage)
        evaluation.add_image(looked.paired, looked.truth, looked.found)
    ((_, version),) = evaluation.metrics({"coco": "truth.json"})["model_versions"].items()
    return dict(version)


def test_the_people_of_the_ground_truth_are_found(found: list[ModelImage | LeftOut]) -> None:
    version = evaluated(found)
    assert version["people"] == {"kept": 4, "missed": 0, "removed": 0}
    assert version["coco"]["body"]["AP50"] == 1
    assert version["coco"]["body"]["AP"] > 0.8
    assert version["points"]["parts"]["body"]["nme"] < 0.04
    assert version["points"]["all"]["deleted"] == 0, "what the ground truth does not have is not wrong"


@pytest.mark.parametrize(("part", "array"), [("body", "keypoints"), *zip(OTHERS, ARRAYS, strict=True)])
def test_the_table_is_as_pycocotools_has_it_from_the_file_itself(
    found: list[ModelImage | LeftOut], testdata: Path, part: str, array: str
) -> None:
    """Areas, boxes and flags are those of the file."""
    coco = pytest.importorskip("pycocotools.coco", reason="run `make install`")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    content = json.loads((testdata / "coco_wholebody.json").read_text())
    results: list[dict[str, Any]] = []
    span = COCO_PARTS[part]
    for one in content["annotations"]:
        one["keypoints"] = one[array]
        one["num_keypoints"] = sum(flag > 0 for flag in one[array][2::3])
    for image, looked in zip(content["images"], found, strict=True):
        assert isinstance(looked, ModelImage)
        for person in looked.found:
            rows = np.column_stack([person.keypoints, person.visibility])[span]
            common = {"id": len(results) + 1, "image_id": image["id"], "category_id": 1, "area": 1.0}
            results.append(common | {"keypoints": rows.ravel().tolist(), "score": person_score(person)})
    with contextlib.redirect_stdout(io.StringIO()):
        sides = [coco.COCO() for _ in range(2)]
        for side, annotations in zip(sides, (content["annotations"], results), strict=True):
            side.dataset = content | {"annotations": annotations}
            side.createIndex()
        evaluation = cocoeval.COCOeval(*sides, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(SIGMAS[span])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    ours = evaluated(found)["coco"][part]
    assert ours["AP"] == pytest.approx(evaluation.eval["precision"].mean(), abs=1e-6)
    assert ours["AR"] == pytest.approx(evaluation.eval["recall"].mean(), abs=1e-6)


def test_somebody_in_a_crowd_is_neither_missed_nor_too_many(model: Model, testdata: Path, tmp_path: Path) -> None:
    content = json.loads((testdata / "coco_wholebody.json").read_text())
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    coco = tmp_path / "crowd.json"
    coco.write_text(json.dumps(content))
    version = evaluated(look(model, coco, testdata / "images"))
    assert version["people"] == {"kept": 0, "missed": 0, "removed": 0}
    assert version["coco"]["body"]["AP"] is None


def test_pictures_that_cannot_be_compared_are_named(model: Model, testdata: Path, tmp_path: Path) -> None:
    content = json.loads((testdata / "coco_wholebody.json").read_text())
    first, second = (image["file_name"] for image in content["images"])
    with Image.open(testdata / "images" / first) as picture:
        picture.resize((100, 100)).save(tmp_path / first)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    shutil.copyfile(testdata / "images" / second, tmp_path.parent / second)
    names = (first, second, f"../{second}", "broken.jpg", "a\0b.jpg")
    images = [content["images"][0] | {"file_name": name, "id": number} for number, name in enumerate(names)]
    coco = tmp_path / "coco.json"
    coco.write_text(json.dumps(content | {"images": images}))
    found = look(model, coco, tmp_path)
    assert [type(one) for one in found] == [LeftOut] * 5
    reasons = [one.reason for one in found if isinstance(one, LeftOut)]
    assert "(100, 100) is not" in reasons[0]
    assert reasons[1] == "a picture that cannot be read: No such file or directory"
    assert reasons[2] == "a picture whose name leads out of the folder of --images"
    assert reasons[3].startswith("a picture that cannot be read: ")
    assert reasons[4].startswith("a picture that cannot be read: ")
