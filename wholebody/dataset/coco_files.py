"""Writes COCO files, one for each part of the dataset, as people come: memory holds a line for each image alone."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import BinaryIO

import orjson

from wholebody.dataset.coco_format import (
    category,
    indices_of,
    kept_of_image,
    kept_of_person,
    keypoints_annotation,
    wholebody_annotation,
)
from wholebody.dataset.records import ImageRecord, Written
from wholebody.keypoints import Part

ANNOTATIONS = "annotations"
UNSPLIT = "default"
"""What CVAT and Datumaro call the part where nothing is split. They find files by the names that COCO gives its own."""


class CocoWriter:
    """A `DatasetWriter` of COCO-WholeBody, or of COCO keypoints in one array.

    Args:
        folder: Where `annotations/` is, with a file for each part of the dataset, named as COCO names its own.
        parts: The body parts to write.
        five_arrays: Whether each part of the body has an array of its own, as COCO-WholeBody has it.
    """

    needs_size = True

    def __init__(self, folder: Path, parts: Sequence[Part], *, five_arrays: bool) -> None:
        self._folder = folder / ANNOTATIONS
        self._folder.mkdir()
        self._kind = "coco_wholebody" if five_arrays else "person_keypoints"
        self._parts = parts
        self._keypoints = indices_of(parts)
        self._annotation = wholebody_annotation if five_arrays else keypoints_annotation
        shown = category([Part.BODY] if five_arrays else parts)
        if five_arrays:
            shown.pop("sigmas")
        self._category = shown
        self._files: dict[str, _CocoFile] = {}
        self._image_ids = _Ids()
        self._annotation_ids = _Ids()

    def add(self, record: ImageRecord) -> Written:
        """See `DatasetWriter`. COCO takes everybody."""
        if record.part not in self._files:
            self._files[record.part] = _CocoFile(self._folder / f"{self._kind}_{record.part or UNSPLIT}.json")
        file, kept = self._files[record.part], kept_of_image(record.meta)
        image_id = self._image_ids.take(kept.get("id"), record.task_id)
        width, height = record.size_wh or (0, 0)
        file.add_image(
            {
                **kept,
                "id": image_id,
                "file_name": record.file_name,
                "width": width,
                "height": height,
                "task_id": record.task_id,
            }
        )
        for person in record.people:
            of_person = kept_of_person(person, record.meta)
            annotation = self._annotation(person, self._parts, of_person)
            number = self._annotation_ids.take(of_person.get("id"))
            file.add_annotation({"id": number, "image_id": image_id, **annotation})
        points = sum(int((person.visibility[self._keypoints] > 0).sum()) for person in record.people)
        return Written(len(record.people), points)

    def close(self) -> None:
        """See `DatasetWriter`."""
        for file in self._files.values():
            file.close(self._category)

    def picture_folder(self, part: str) -> str:
        """See `DatasetWriter`."""
        return f"images/{part}" if part else "images"


class _Ids:
    """Numbers that are given out once; wished-for ones while they are free."""

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._next = count(1)

    def take(self, *wished: object) -> int:
        for wish in wished:
            if isinstance(wish, int) and not isinstance(wish, bool) and wish >= 0 and wish not in self._taken:
                self._taken.add(wish)
                return wish
        number = next(number for number in self._next if number not in self._taken)
        self._taken.add(number)
        return number


class _CocoFile:
    """One file: annotations as they come, then the images and the rest."""

    def __init__(self, path: Path) -> None:
        self._images = bytearray()  # not the lines one by one: orjson's answers take 4 kB each, however short
        self._stream: BinaryIO = path.open("wb")
        self._stream.write(b'{"annotations":[')
        self._is_first = True

    def add_image(self, image: object) -> None:
        self._images += (b",\n" if self._images else b"\n") + orjson.dumps(image)

    def add_annotation(self, annotation: object) -> None:
        self._stream.write(b"\n" if self._is_first else b",\n")
        self._stream.write(orjson.dumps(annotation))
        self._is_first = False

    def close(self, of_all: object) -> None:
        with self._stream as stream:
            stream.write(b'],\n"images":[')
            stream.write(self._images)
            stream.write(b'],\n"licenses":[],"info":{"description":"Exported by wholebody"},\n"categories":[')
            stream.write(orjson.dumps(of_all) + b"]}\n")
