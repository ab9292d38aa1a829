"""Exported datasets in the libraries that people train and look with: every picture, person, point and visibility."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.backend import ROOT
from tests.formats.hard_project import Doubles, Picture, Someone
from wholebody.keypoints import MIRRORED, NAMES, SIGMAS, SKELETON

pytestmark = pytest.mark.thorough

NEAR_PX = 0.01
BORDER = 0.01
"""As a share of the picture: a point that lies further out is none in YOLO."""

LIMIT_S = 300

Load = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def load(python: Path, datasets: Path, tmp_path_factory: pytest.TempPathFactory) -> Load:
    """What a library sees of the dataset in the format that its users take."""
    home = tmp_path_factory.mktemp("home")
    variables = {"HOME": str(home), "YOLO_CONFIG_DIR": str(home), "YOLO_OFFLINE": "1", "FIFTYONE_DO_NOT_TRACK": "true"}
    forms = {"ultralytics": "yolo-pose", "mmpose": "coco-wholebody", "xtcocotools": "coco-wholebody"}

    def loaded(library: str) -> dict[str, Any]:
        done = subprocess.run(
            [python, ROOT / "tests" / "formats" / "loaders.py", library, datasets / forms.get(library, "coco")],
            cwd=home,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return loaded


def check(seen: dict[str, Any], expected: dict[str, tuple[Picture, list[Someone]]]) -> None:
    """Compare pictures, people and points, number by number."""
    assert sorted(seen["pictures"]) == sorted(expected)
    for name, (picture, people) in expected.items():
        there = seen["pictures"][name]
        assert tuple(there["size_wh"]) == picture.size_wh, name
        assert len(there["people"]) == len(people), name
        for one, other in zip(there["people"], people, strict=True):
            np.testing.assert_allclose(one["xyxy"], other.xyxy, atol=NEAR_PX, rtol=0, err_msg=name)
            np.testing.assert_allclose(one["rows"], other.rows, atol=NEAR_PX, rtol=0, err_msg=name)


def named(hard: Iterable[Picture]) -> dict[str, tuple[Picture, list[Someone]]]:
    """The pictures by the names of their files in the dataset."""
    return {f"{number}-{Path(picture.path).name}": (picture, picture.people) for number, picture in enumerate(hard, 1)}


def inside(one: Someone, size_wh: tuple[int, int], margin: int = 0) -> tuple[float, float, float, float]:
    """A person's box, as far as it is in the picture."""
    low = np.clip(one.xyxy[:2], 0, np.array(size_wh) - margin)
    high = np.clip(one.xyxy[2:], 0, np.array(size_wh) - margin)
    return (*low.tolist(), *high.tolist())


def with_flags(rows: Doubles, flag: int) -> Doubles:
    """Whatever is labelled has one visibility: the library does not tell hidden from visible."""
    return np.column_stack([rows[:, :2], np.where(rows[:, 2] > 0, flag, 0)])


def test_ultralytics(load: Load, hard: list[Picture]) -> None:
    """Its check of labels keeps every picture, those with nobody too; it takes all keys of `data.yaml`."""

    def as_yolo(one: Someone, size_wh: tuple[int, int]) -> Someone:
        rows, size = one.rows.copy(), np.array(size_wh)
        share = rows[:, :2] / size
        rows[((share < -BORDER) | (share > 1 + BORDER)).any(axis=1)] = 0
        rows[:, :2] = rows[:, :2].clip(0, size)
        return Someone(inside(one, size_wh), rows)

    expected = {}
    for name, (picture, people) in named(hard).items():
        different = people[:1] if picture.path == "c/twins.jpg" else people
        expected[name] = (picture, [as_yolo(one, picture.size_wh) for one in different])
    seen = load("ultralytics")
    check(seen, expected)
    described = seen["described"]
    assert (described["kpt_shape"], described["names"]) == ([len(NAMES), 3], {"0": "person"})
    assert described["flip_idx"] == [*MIRRORED]
    assert described["kpt_names"] == {"0": [*NAMES]}
    assert described["kpt_oks_sigmas"] == [*SIGMAS]


def test_mmpose(load: Load, hard: list[Picture]) -> None:
    """Whoever has a point is kept for training; pictures with nobody have no entry there."""
    expected = {
        name: (
            picture,
            [
                Someone(inside(one, picture.size_wh, margin=1), with_flags(one.rows, 1))
                for one in people
                if one.rows[:, 2].any()
            ],
        )
        for name, (picture, people) in named(hard).items()
        if people
    }
    check(load("mmpose"), expected)


def test_xtcocotools(load: Load, hard: list[Picture]) -> None:
    seen = load("xtcocotools")
    check(seen, named(hard))
    assert seen["described"] == {"keypoints_body": 1, "keypoints_wholebody": 1}, "each person is found again"


def test_fiftyone(load: Load, hard: list[Picture]) -> None:
    expected = {
        name: (picture, [Someone(one.xyxy, with_flags(one.rows, 2)) for one in people])
        for name, (picture, people) in named(hard).items()
    }
    seen = load("fiftyone")
    check(seen, expected)
    assert seen["described"]["keypoints"] == [*NAMES]


def test_datumaro(load: Load, hard: list[Picture]) -> None:
    """It finds the dataset by the names of its files, as CVAT does."""
    seen = load("datumaro")
    check(seen, named(hard))
    assert seen["described"]["keypoints"] == [*NAMES]
    edges = [edge for of_part in SKELETON.values() for edge in of_part]
    assert seen["described"]["skeleton"] == sorted(sorted((one + 1, other + 1)) for one, other in edges)
