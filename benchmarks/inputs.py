"""What the benchmarks run on: the weights, photographs and ground truth of the test data."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from wholebody.images.decoding import BGR
from wholebody.poses import Floats
from wholebody.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
TRUTH_KEYS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
"""COCO-WholeBody's five lists, whose points together are in the order of `keypoints.NAMES`."""


@dataclass(frozen=True, slots=True)
class TruePerson:
    """One person of the ground truth.

    Attributes:
        bgr: `(h, w, 3)` uint8, the whole photograph.
        xyxy: `(4,)` float32 box in pixels.
        keypoints: `(133, 2)` float32 x, y in pixels.
        labelled: `(133,)` bool, which of them somebody has marked.
    """

    bgr: BGR
    xyxy: Floats
    keypoints: Floats
    labelled: np.ndarray


def testdata_folder() -> Path | None:
    """The folder of test data (WHOLEBODY_TESTDATA), or `None` where there is none."""
    folder = Path(os.environ.get("WHOLEBODY_TESTDATA") or ROOT.parent / "shared" / "testdata")
    return folder if (folder / "images").is_dir() else None


def testdata_settings() -> tuple[Settings, Path] | None:
    """Real weights and a folder of photographs, where the test data is."""
    folder = testdata_folder()
    if folder is None:
        return None
    models = folder / "models"
    settings = Settings(
        det_model=str(models / "rtmdet_nano_person.onnx"), pose_model=str(models / "wholebody133_256x192.onnx")
    )
    return settings, folder / "images"


def read_bgr(path: Path) -> BGR:
    """`(h, w, 3)` uint8, upright."""
    return np.asarray(cv2.imread(str(path)), np.uint8)


def true_people(folder: Path) -> Iterator[TruePerson]:
    """The people of the test data's ground truth with at least one marked keypoint."""
    truth = json.loads((folder / "coco_wholebody.json").read_text())
    for image in truth["images"]:
        bgr = read_bgr(folder / "images" / image["file_name"])
        for person in (one for one in truth["annotations"] if one["image_id"] == image["id"]):
            rows = np.concatenate([np.array(person[key], np.float32).reshape(-1, 3) for key in TRUTH_KEYS])
            x, y, width, height = person["bbox"]
            if (rows[:, 2] > 0).any():
                yield TruePerson(bgr, np.array((x, y, x + width, y + height), np.float32), rows[:, :2], rows[:, 2] > 0)
