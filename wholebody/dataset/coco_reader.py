"""COCO-WholeBody and COCO keypoints -> the images of the file, with the people on each. Knows no Label Studio."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from wholebody.dataset.coco_format import ARRAYS, kept_of
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.people import Doubles
from wholebody.errors import DatasetError
from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling.label_names import keypoints_of
from wholebody.poses import XYXY

UNKNOWN_NAME = "a keypoint with a name that COCO-WholeBody does not have: "
NO_PERSON = "an annotation of another category"
NO_PLACE = "somebody with neither a box nor a point"
MALFORMED = "an annotation whose numbers cannot be read"
NO_IMAGE = "an annotation of an image that the file does not list"

CURE = "give a file of COCO-WholeBody or COCO keypoints"


@dataclass(frozen=True, slots=True)
class CocoPerson:
    """Somebody in a COCO file.

    Attributes:
        xyxy: Left, top, right, bottom of their box in pixels.
        rows: `(133, 3)` float64 x, y and visibility 0, 1 or 2.
        kept: What of the annotation has no place in Label Studio.
    """

    xyxy: XYXY
    rows: Doubles
    kept: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image of a COCO file.

    Attributes:
        entry: As it stands in the file.
        file_name: What it is called there.
        size_wh: Width and height in pixels.
        people: Everybody on it.
        left_out: What of its annotations was left out.
    """

    entry: dict[str, Any]
    file_name: str
    size_wh: tuple[int, int]
    people: list[CocoPerson] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_coco(path: Path) -> tuple[list[CocoImage], list[LeftOut]]:
    """Read a file whole.

    Returns:
        Its images, and what is of none of them.

    Raises:
        DatasetError: It cannot be read, or is something else; names the key.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise DatasetError(f"{path}, line {error.lineno}: is not JSON ({error.msg}); {CURE}") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path} begins with a list, as a result file does, not with images and annotations; {CURE}")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list) or not all(isinstance(one, dict) for one in content[key]):
            raise DatasetError(f"{path} has no list of {key!r}; {CURE}")
    names = _Names(content["categories"])
    if not names.of_category:
        raise DatasetError(f"{path} has no category with 'keypoints', nor one called person; {CURE}")
    images = {entry.get("id"): _image(entry, path) for entry in content["images"]}
    homeless: list[LeftOut] = []
    for annotation in content["annotations"]:
        image = images.get(annotation.get("image_id"))
        if image is None:
            homeless.append(LeftOut(NO_IMAGE, what=str(annotation.get("id"))))
        else:
            image.people.extend(_people(annotation, names, image.left_out))
    return list(images.values()), homeless


class _Names:
    """Which keypoints the places of an annotation's `keypoints` are, by its category."""

    def __init__(self, categories: list[dict[str, Any]]) -> None:
        self.of_category: dict[object, list[int | None]] = {}
        self.unknown: dict[object, list[str]] = defaultdict(list)
        for category in categories:
            given, number = category.get("keypoints"), category.get("id")
            if isinstance(given, list) and given:
                found = [keypoints_of({"value": str(name)}) for name in given]
                self.of_category[number] = [one[0] if one else None for one in found]
                self.unknown[number] = [str(name) for name, one in zip(given, found, strict=True) if not one]
            elif category.get("name") == "person":
                self.of_category[number] = [*range(PART_SLICES[Part.BODY].stop)]


def _image(entry: dict[str, Any], path: Path) -> CocoImage:
    name, width, height = (entry.get(key) for key in ("file_name", "width", "height"))
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{path}: its image {entry.get('id')} has no 'file_name'; {CURE}")
    if not _is_side(width) or not _is_side(height):
        raise DatasetError(f"{path}: its image {name!r} has no 'width' and 'height'; {CURE}")
    return CocoImage(entry, name, (int(width or 0), int(height or 0)))


def _people(annotation: dict[str, Any], names: _Names, left_out: list[LeftOut]) -> Iterator[CocoPerson]:
    category = annotation.get("category_id")
    if category not in names.of_category:
        left_out.append(LeftOut(NO_PERSON, is_loss=False, what=str(annotation.get("id"))))
        return
    try:
        rows = _rows(annotation, names.of_category[category])
        xyxy = _box(annotation, rows)
    except (TypeError, ValueError):
        left_out.append(LeftOut(MALFORMED, what=str(annotation.get("id"))))
        return
    for name in names.unknown[category]:
        left_out.append(LeftOut(UNKNOWN_NAME + name, what=str(annotation.get("id"))))
    if xyxy is None:
        left_out.append(LeftOut(NO_PLACE, what=str(annotation.get("id"))))
        return
    yield CocoPerson(xyxy, rows, kept_of(annotation, rows))


def _rows(annotation: dict[str, Any], body: list[int | None]) -> Doubles:
    """The points of all arrays. What a file has of the body tells whether that is all: it may be all 133 there."""
    rows = np.zeros((len(NAMES), 3))
    for part, key in ARRAYS.items():
        given = annotation.get(key)
        if given is None:
            continue
        found = np.array(given, np.float64).reshape(-1, 3)
        span = PART_SLICES[part]
        places = body if part is Part.BODY else [*range(span.start, span.stop)]
        if len(found) != len(places) or not np.isfinite(found).all():
            raise ValueError
        known = [number for number, place in enumerate(places) if place is not None]
        rows[[place for place in places if place is not None]] = found[known]
    seen = rows[:, 2] > 0
    # Original files have visibilities of 1.0, and in some releases other numbers: whatever is above 0 is usable.
    rows[:, 2] = np.where(seen, np.clip(np.round(rows[:, 2]), 1, 2), 0)
    rows[~seen, :2] = 0
    return rows


def _box(annotation: dict[str, Any], rows: Doubles) -> XYXY | None:
    """The box; without one, the bounds of the points."""
    given = annotation.get("bbox")
    if given is not None:
        left, top, width, height = (float(side) for side in given)
        if not np.isfinite((left, top, width, height)).all():
            raise ValueError
        if width > 0 and height > 0:
            return left, top, left + width, top + height
    seen = rows[rows[:, 2] > 0, :2]
    if not len(seen):
        return None
    (left, top), (right, bottom) = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    return left, top, right, bottom


def _is_side(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 1 <= given <= 1e6
