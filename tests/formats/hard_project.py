"""A project as Label Studio exports it, with what loaders of datasets have lost. No test of its own."""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from wholebody.keypoints import NAMES, PART_SLICES, PARTS, Part

Doubles = npt.NDArray[np.float64]

EVERY_HIDDEN = 5
"""Of every so many keypoints one is hidden."""

TURNED = 6
"""The EXIF orientation of a picture that was taken on its side."""


@dataclass(frozen=True)
class Someone:
    """A person as annotated.

    Attributes:
        xyxy: The box in pixels.
        rows: `(133, 3)`: x, y in pixels, and 2 visible, 1 hidden, 0 not labelled.
    """

    xyxy: tuple[float, float, float, float]
    rows: Doubles


@dataclass(frozen=True)
class Picture:
    """A picture with its people, who may be none."""

    path: str
    size_wh: tuple[int, int]
    people: list[Someone] = field(default_factory=list)
    orientation: int = 1

    def content(self) -> bytes:
        """The file."""
        width, height = self.size_wh if self.orientation == 1 else self.size_wh[::-1]
        stream, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = self.orientation
        kind = "PNG" if self.path.endswith(".png") else "JPEG"
        Image.new("RGB", (width, height), "gray").save(stream, kind, exif=exif)
        return stream.getvalue()

    def task(self, number: int, host: str) -> dict[str, Any]:
        """The task, in Label Studio's JSON export."""
        result = [region for index, one in enumerate(self.people) for region in self._regions(f"p{index}", one)]
        annotation = {"id": number, "was_cancelled": False, "result": result, "updated_at": "2026-01-01T00:00:00Z"}
        return {"id": number, "data": {"image": f"{host}/{self.path}"}, "annotations": [annotation]}

    def _regions(self, name: str, one: Someone) -> list[dict[str, Any]]:
        width, height = self.size_wh
        common = {"to_name": "img", "original_width": width, "original_height": height, "image_rotation": 0}
        left, top, right, bottom = one.xyxy
        value: dict[str, Any] = {"x": left * 100 / width, "y": top * 100 / height, "rotation": 0}
        value |= {"width": (right - left) * 100 / width, "height": (bottom - top) * 100 / height}
        value["rectanglelabels"] = ["person"]
        box = common | {"id": name, "from_name": "box", "type": "rectanglelabels", "value": value}
        regions = [box]
        for keypoint, (x, y, visibility) in enumerate(one.rows.tolist()):
            if visibility:
                value = {"x": x * 100 / width, "y": y * 100 / height, "width": 0.4, "keypointlabels": [NAMES[keypoint]]}
                point = common | {"id": f"{name}-{keypoint}", "from_name": PARTS[keypoint], "parentID": name}
                regions.append(point | {"type": "keypointlabels", "value": value})
            if visibility == 1:
                hidden = {"id": f"{name}-{keypoint}", "from_name": "visibility", "to_name": "img", "type": "choices"}
                regions.append(hidden | {"value": {"choices": ["hidden"]}})
        return regions


def pictures() -> list[Picture]:
    """What each of them is: the comments say."""
    rng = np.random.default_rng(0)
    return [
        # several people with all their points
        Picture("a/photo.jpg", (640, 480), [_someone(rng, (left, 50, left + 150, 450)) for left in (10, 200, 420)]),
        # the same name in another folder; somebody of whom there are hands alone, and somebody without hands
        Picture(
            "b/photo.jpg",
            (200, 300),
            [
                _someone(rng, (10, 10, 90, 290), (Part.LEFT_HAND, Part.RIGHT_HAND)),
                _someone(rng, (100, 10, 190, 290), (Part.BODY, Part.FEET, Part.FACE)),
            ],
        ),
        # the same name with another suffix; nobody
        Picture("b/photo.png", (320, 240)),
        # points and a box beyond the border; somebody without points
        Picture("c/outside.jpg", (300, 200), [_reaching_out(rng), Someone((200, 20, 280, 180), np.zeros((133, 3)))]),
        # points in the corners
        Picture("c/corners.jpg", (300, 200), [_in_the_corners()]),
        # two that are alike in every number
        Picture("c/twins.jpg", (300, 200), [_someone(rng, (20, 20, 150, 180))] * 2),
        # on its side; its people are those of the picture as it is shown
        Picture("c/turned.jpg", (200, 300), [_someone(rng, (20, 20, 150, 280), (Part.BODY,))], TURNED),
    ]


def _someone(rng: np.random.Generator, xyxy: tuple[float, ...], parts: tuple[Part, ...] = (*Part,)) -> Someone:
    left, top, right, bottom = xyxy
    rows = np.zeros((len(NAMES), 3))
    for part in parts:
        of_part = rows[PART_SLICES[part]]
        of_part[:, :2] = rng.uniform((left, top), (right, bottom), (len(of_part), 2))
        of_part[:, 2] = 2
        of_part[::EVERY_HIDDEN, 2] = 1
    return Someone((left, top, right, bottom), rows)


def _reaching_out(rng: np.random.Generator) -> Someone:
    """Its left ankle a little below the picture, its right one far below."""
    one = _someone(rng, (-20, 20, 150, 260), (Part.BODY,))
    labelled = one.rows[:, 2] > 0
    one.rows[labelled, :2] = one.rows[labelled, :2].clip((1, 21), (149, 199))
    one.rows[NAMES.index("left_ankle")] = (60, 201, 2)
    one.rows[NAMES.index("right_ankle")] = (90, 250, 2)
    return one


def _in_the_corners() -> Someone:
    rows = np.zeros((len(NAMES), 3))
    rows[:4] = [(0, 0, 2), (300, 0, 2), (0, 200, 1), (300, 200, 2)]
    return Someone((0, 0, 300, 200), rows)
