"""People <-> annotations of COCO-WholeBody and of COCO keypoints: the names and rules of the two forms. Knows no files.

What Label Studio has no place for (a person's area, outline and number) is kept in a task's `meta` under `coco` by the
import, and comes back as long as what it tells of is unchanged.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from wholebody.dataset.people import Doubles, Person
from wholebody.keypoints import NAMES, PART_SLICES, SIGMAS, SKELETON, Part

Json = dict[str, Any]

PERSON_CATEGORY: Final = 1

ARRAYS: Final = {
    Part.BODY: "keypoints",
    Part.FEET: "foot_kpts",
    Part.FACE: "face_kpts",
    Part.LEFT_HAND: "lefthand_kpts",
    Part.RIGHT_HAND: "righthand_kpts",
}
"""The five arrays of COCO-WholeBody."""

VALID: Final = {
    Part.FEET: "foot_valid",
    Part.FACE: "face_valid",
    Part.LEFT_HAND: "lefthand_valid",
    Part.RIGHT_HAND: "righthand_valid",
}
BOXES: Final = {Part.FACE: "face_box", Part.LEFT_HAND: "lefthand_box", Part.RIGHT_HAND: "righthand_box"}

KEPT: Final = "coco"
"""The key of a task's `meta` that keeps what the task came from."""

AREA_OF_BOX: Final = 0.53
"""A person's share of their box, as COCO-WholeBody's evaluation takes it where no outline is known."""

SAME_PX: Final = 0.01
DIGITS: Final = 4


def category(parts: Sequence[Part]) -> Json:
    """The only category, with names, bones (pairs counted from 1) and sigmas of the parts' keypoints."""
    indices = indices_of(parts)
    place = {keypoint: number for number, keypoint in enumerate(indices, 1)}
    bones = [[place[a], place[b]] for part in parts for a, b in SKELETON[part] if a in place and b in place]
    return {
        "supercategory": "person",
        "id": PERSON_CATEGORY,
        "name": "person",
        "keypoints": [NAMES[keypoint] for keypoint in indices],
        "skeleton": bones,
        "sigmas": [SIGMAS[keypoint] for keypoint in indices],
    }


def indices_of(parts: Iterable[Part]) -> list[int]:
    """The keypoints of some parts, in COCO-WholeBody order."""
    chosen = set(parts)
    return [k for part, span in PART_SLICES.items() if part in chosen for k in range(span.start, span.stop)]


def wholebody_annotation(person: Person, parts: Sequence[Part], kept: Json) -> Json:
    """A person in five arrays; the ids are missing.

    `num_keypoints` counts the body alone, as COCO-WholeBody has it, but all points of somebody without body points:
    training code drops people with 0.
    """
    rows = _rows(person, parts)
    annotation = _annotation(person, kept)
    counts = {part: int(np.count_nonzero(rows[span, 2])) for part, span in PART_SLICES.items()}
    annotation["num_keypoints"] = counts[Part.BODY] or sum(counts.values())
    same_parts = _object(kept.get("parts"))
    for part, array in ARRAYS.items():
        points = rows[PART_SLICES[part]]
        annotation[array] = _flat(points)
        told = same_parts.get(part.value)
        same = told if isinstance(told, dict) and _is_same(told.get("at"), _fingerprint(points)) else {}
        if part in VALID:
            annotation[VALID[part]] = bool(same.get("valid", counts[part] > 0))
        if part in BOXES:
            annotation[BOXES[part]] = same.get("box") or _bounds(points)
    return annotation


def keypoints_annotation(person: Person, parts: Sequence[Part], kept: Json) -> Json:
    """A person in one array of the parts' keypoints; the ids are missing."""
    rows = _rows(person, parts)[indices_of(parts)]
    annotation = _annotation(person, kept)
    annotation["num_keypoints"] = int(np.count_nonzero(rows[:, 2]))
    annotation["keypoints"] = _flat(rows)
    return annotation


def kept_of(annotation: Json, points: Doubles) -> Json:
    """What of an annotation Label Studio has no place for, with what shows later whether it still holds.

    Args:
        annotation: As it stands in the file.
        points: `(133, 3)` x, y and visibility.
    """
    arrays = {*ARRAYS.values(), *VALID.values(), *BOXES.values(), "num_keypoints", "image_id", "category_id"}
    kept = {key: value for key, value in annotation.items() if key not in arrays}
    parts = {
        part.value: {"at": _fingerprint(points[PART_SLICES[part]])}
        | ({"valid": annotation[valid]} if valid in annotation else {})
        | ({"box": annotation[BOXES[part]]} if BOXES.get(part, "") in annotation else {})
        for part, valid in VALID.items()
    }
    return kept | ({"parts": parts} if VALID.keys() and any(len(one) > 1 for one in parts.values()) else {})


def kept_of_person(person: Person, meta: object) -> Json:
    """What a task keeps of a person: by the ids of their regions."""
    people = _object(_object(_object(meta).get(KEPT)).get("people"))
    for region_id in (person.box.region_id if person.box else "", *person.region_ids):
        if region_id and isinstance(people.get(region_id), dict):
            return dict(people[region_id])
    return {}


def area_of(person: Person, kept: Json) -> tuple[float, bool]:
    """A person's area in square pixels, and whether they stand for a crowd; by their box where nothing is kept."""
    annotation = _annotation(person, kept)
    area = annotation["area"]
    is_number = isinstance(area, int | float) and not isinstance(area, bool) and area > 0
    return float(area) if is_number else _annotation(person, {})["area"], bool(annotation["iscrowd"])


def kept_of_image(meta: object) -> Json:
    """What a task keeps of the image that it was imported with."""
    return _object(_object(_object(meta).get(KEPT)).get("image"))


def _annotation(person: Person, kept: Json) -> Json:
    left, top, right, bottom = person.xyxy
    bbox = [round(side, DIGITS) for side in (left, top, right - left, bottom - top)]
    area = round(AREA_OF_BOX * bbox[2] * bbox[3], DIGITS)
    fresh = {"bbox": bbox, "area": area, "iscrowd": 0, "segmentation": []}
    if _is_same(kept.get("bbox"), bbox):
        fresh |= {key: value for key, value in kept.items() if key not in ("id", "bbox", "parts")}
    return {"category_id": PERSON_CATEGORY, **fresh}


def _rows(person: Person, parts: Sequence[Part]) -> Doubles:
    """`(133, 3)` x, y, visibility; zeros where not labelled or not chosen."""
    rows = np.zeros((len(NAMES), 3))
    chosen = [k for k in indices_of(parts) if person.visibility[k]]
    rows[chosen, :2] = person.keypoints[chosen]
    rows[chosen, 2] = person.visibility[chosen]
    return rows


def _flat(rows: Doubles) -> list[float]:
    """x, y, v of each keypoint; v whole numbers."""
    flat: list[float] = []
    for x, y, v in rows.round(DIGITS).tolist():
        flat += (x, y, int(v))
    return flat


def _bounds(points: Doubles) -> list[float]:
    """x, y, width and height of the least box around labelled points."""
    seen = points[points[:, 2] > 0, :2]
    if not len(seen):
        return [0.0, 0.0, 0.0, 0.0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    return [round(float(side), DIGITS) for side in (*low, *(high - low))]


def _fingerprint(points: Doubles) -> list[float]:
    """How many points of a part there are, and where in the middle."""
    seen = points[points[:, 2] > 0, :2]
    middle = seen.mean(axis=0).tolist() if len(seen) else [0.0, 0.0]
    return [float(len(seen)), *middle]


def _is_same(kept: object, now: list[float]) -> bool:
    return (
        isinstance(kept, list)
        and len(kept) == len(now)
        and all(isinstance(one, int | float) for one in kept)
        and bool(np.allclose(kept, now, rtol=0, atol=SAME_PX))
    )


def _object(given: object) -> Json:
    return given if isinstance(given, dict) else {}
