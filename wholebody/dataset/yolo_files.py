"""Writes a dataset for Ultralytics' pose training: so that it keeps every picture and every person."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wholebody.dataset.coco_format import indices_of
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.people import Person
from wholebody.dataset.records import ImageRecord, Written
from wholebody.errors import SettingsError
from wholebody.keypoints import MIRRORED, NAMES, SIGMAS, Part

TRAIN, VAL = "train", "val"
KNOWN_PARTS = (TRAIN, VAL, "test")
DIGITS = 6

BORDER = 0.01
"""A point that lies so far outside, as a share of the picture, is put on its border. Further out it would make
Ultralytics leave the whole picture out."""

OUTSIDE = "a point outside the picture, which YOLO cannot have"
NO_PIXEL = "a person whose box has no pixel in the picture"
SAME_ROW = "a person whose box and points are those of another: YOLO would drop them"


class YoloWriter:
    """A `DatasetWriter` of YOLO pose.

    Args:
        folder: Where `labels/`, `images/` and `data.yaml` are.
        parts: The body parts to write.
        splits: The parts of the dataset; `[""]` where nothing is split, and all is for training.

    Raises:
        SettingsError: A part is called what Ultralytics does not know.
    """

    needs_size = False

    def __init__(self, folder: Path, parts: Sequence[Part], splits: Sequence[str]) -> None:
        named = [split or TRAIN for split in splits]
        if not set(named) <= set(KNOWN_PARTS) or TRAIN not in named:
            raise SettingsError(f"--split: YOLO knows {', '.join(KNOWN_PARTS)} alone and needs train, not {named}")
        self._folder = folder
        self._keypoints = indices_of(parts)
        for split in named:
            (folder / "labels" / split).mkdir(parents=True)
            (folder / "images" / split).mkdir(parents=True, exist_ok=True)
        self._splits = named

    def add(self, record: ImageRecord) -> Written:
        """See `DatasetWriter`. A picture with nobody gets an empty file."""
        rows: list[str] = []
        written = Written()
        for person in record.people:
            row, labelled, outside = self._row(person, record.size_wh or (1, 1))
            if outside:
                written.left_out.append(LeftOut(OUTSIDE, outside))
            if not row or row in rows:
                written.left_out.append(LeftOut(SAME_ROW if row else NO_PIXEL))
            else:
                rows.append(row)
                written.points += labelled
        path = self._folder / "labels" / (record.part or TRAIN) / f"{Path(record.file_name).stem}.txt"
        path.write_text("".join(f"{row}\n" for row in rows), encoding="ascii")
        written.people = len(rows)
        return written

    def close(self) -> None:
        """See `DatasetWriter`."""
        place = {keypoint: number for number, keypoint in enumerate(self._keypoints)}
        mirrored = [place.get(MIRRORED[keypoint]) for keypoint in self._keypoints]
        lines = [f"{split}: images/{split}" for split in self._splits]
        if VAL not in self._splits:
            lines.append(f"{VAL}: images/{TRAIN}  # nothing was split")
        lines += ["names:", "  0: person", f"kpt_shape: [{len(self._keypoints)}, 3]"]
        if None not in mirrored:  # without both hands pictures cannot be mirrored
            lines.append(f"flip_idx: {json.dumps(mirrored)}")
        lines += ["kpt_names:", f"  0: {json.dumps([NAMES[keypoint] for keypoint in self._keypoints])}"]
        lines.append(f"kpt_oks_sigmas: {json.dumps([SIGMAS[keypoint] for keypoint in self._keypoints])}")
        (self._folder / "data.yaml").write_text("\n".join(lines) + "\n", encoding="ascii")

    def picture_folder(self, part: str) -> str:
        """See `DatasetWriter`."""
        return f"images/{part or TRAIN}"

    def _row(self, person: Person, size_wh: tuple[int, int]) -> tuple[str, int, int]:
        """The line of a person, `""` if nothing of the box is in the picture; how many points it has, and lacks."""
        size = np.array(size_wh, float)
        low, high = (np.clip(np.array(corner) / size, 0, 1) for corner in (person.xyxy[:2], person.xyxy[2:]))
        if not (high > low).all():
            return "", 0, 0
        points = person.keypoints[self._keypoints] / size
        seen = person.visibility[self._keypoints] > 0
        outside = seen & ((points < -BORDER) | (points > 1 + BORDER)).any(axis=1)
        flags = np.where(seen & ~outside, person.visibility[self._keypoints], 0)
        rows = np.where(flags[:, None] > 0, points.clip(0, 1), 0)
        numbers = [*((low + high) / 2), *(high - low)]
        text = [f"{number:.{DIGITS}f}" for number in numbers]
        for (x, y), flag in zip(rows.tolist(), flags.tolist(), strict=True):
            text += ["0", "0", "0"] if not flag else [f"{x:.{DIGITS}f}", f"{y:.{DIGITS}f}", str(flag)]
        return " ".join(["0", *text]), int((flags > 0).sum()), int(outside.sum())
