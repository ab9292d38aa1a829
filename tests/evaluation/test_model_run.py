"""The loaded model over the ground truth of the test data, with real weights."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from wholebody.dataset.coco_reader import read_coco
from wholebody.dataset.left_out import LeftOut
from wholebody.evaluation.evaluating import Evaluation
from wholebody.evaluation.model_run import Model, ModelImage
from wholebody.settings import load_settings


@pytest.fixture(scope="module")
def model(testdata: Path) -> Model:
    weights = {"det_model": "rtmdet_nano_person", "pose_model": "wholebody133_256x192"}
    return Model(load_settings(**{key: str(testdata / "models" / f"{name}.onnx") for key, name in weights.items()}))


def look(model: Model, coco: Path, images: Path) -> list[ModelImage | LeftOut]:
    return [model.look_at(image, images) for image in read_coco(coco)[0]]


def evaluated(model: Model, coco: Path, images: Path) -> dict[str, Any]:
    evaluation = Evaluation()
    for looked in look(model, coco, images):
        assert isinstance(looked, ModelImage)
        evaluation.add_image(looked.paired, looked.truth, looked.found)
    return dict(evaluation.metrics({"coco": coco.name})["model_versions"][model.version])


def test_the_people_of_the_ground_truth_are_found(model: Model, testdata: Path) -> None:
    found = evaluated(model, testdata / "coco_wholebody.json", testdata / "images")
    assert found["people"] == {"kept": 4, "missed": 0, "removed": 0}
    assert found["coco"]["body"]["AP50"] == 1
    assert found["coco"]["body"]["AP"] > 0.8
    assert found["points"]["parts"]["body"]["nme"] < 0.04
    assert found["points"]["all"]["deleted"] == 0, "what the ground truth does not have is not wrong"


def test_somebody_in_a_crowd_is_neither_missed_nor_too_many(model: Model, testdata: Path, tmp_path: Path) -> None:
    content = json.loads((testdata / "coco_wholebody.json").read_text())
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    coco = tmp_path / "crowd.json"
    coco.write_text(json.dumps(content))
    found = evaluated(model, coco, testdata / "images")
    assert found["people"] == {"kept": 0, "missed": 0, "removed": 0}
    assert found["coco"]["body"]["AP"] is None


def test_pictures_that_cannot_be_compared_are_named(model: Model, testdata: Path, tmp_path: Path) -> None:
    content = json.loads((testdata / "coco_wholebody.json").read_text())
    first, second = (image["file_name"] for image in content["images"])
    with Image.open(testdata / "images" / first) as picture:
        picture.resize((100, 100)).save(tmp_path / first)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    shutil.copyfile(testdata / "images" / second, tmp_path.parent / second)
    names = (first, second, f"../{second}", "broken.jpg")
    images = [content["images"][0] | {"file_name": name, "id": number} for number, name in enumerate(names)]
    coco = tmp_path / "coco.json"
    coco.write_text(json.dumps(content | {"images": images}))
    found = look(model, coco, tmp_path)
    assert [type(one) for one in found] == [LeftOut] * 4
    reasons = [one.reason for one in found if isinstance(one, LeftOut)]
    assert "(100, 100) is not" in reasons[0]
    assert reasons[1] == "a picture that cannot be read: No such file or directory"
    assert reasons[2] == "a picture whose name leads out of the folder of --images"
    assert reasons[3].startswith("a picture that cannot be read: ")
