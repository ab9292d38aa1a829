"""One export: tasks -> a folder with a dataset. Knows no options and prints only progress."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from wholebody.dataset.coco_files import CocoWriter
from wholebody.dataset.coco_format import kept_of_image
from wholebody.dataset.file_names import FileNames
from wholebody.dataset.images_of_tasks import UNKNOWN_IMAGE, ImagePeople, TaskPeople, TaskReader
from wholebody.dataset.left_out import LeftOut, LeftOutTally
from wholebody.dataset.people import Person
from wholebody.dataset.pictures import PictureFile, PictureStore, place
from wholebody.dataset.records import DatasetWriter, ImageRecord
from wholebody.dataset.shapes import OTHER_LABEL, UNKNOWN_CONTROL
from wholebody.dataset.splits import Splits
from wholebody.dataset.staging import FETCHED, staged_folder
from wholebody.dataset.yolo_files import YoloWriter
from wholebody.errors import DatasetError, ImageError
from wholebody.images.loader import ImageLoader
from wholebody.keypoints import Part

FORMATS = ("coco-wholebody", "coco", "yolo-pose")

GONE = "a picture that cannot be had: "
UNKNOWN_SIZE = "an image whose size nothing tells, for nothing was drawn on it; --images looks at it"
OTHER_SIZE = "an image whose regions were drawn on a picture of another size"

FETCHING = 8
"""Pictures fetched at a time."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written.

    Attributes:
        out: The folder.
        format: One of `FORMATS`.
        parts: The body parts.
        splits: The parts of the dataset.
        loader: Fetches the pictures, or `None` where they are not wanted.
    """

    out: Path
    format: str
    parts: tuple[Part, ...]
    splits: Splits
    loader: ImageLoader | None = None


@dataclass(slots=True)
class Exported:
    """What came of an export: how many images, people and labelled points, for each part of the dataset as well."""

    images: int = 0
    people: int = 0
    points: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    left_out: LeftOutTally = field(default_factory=LeftOutTally)


def export(tasks: Iterable[dict[str, Any]], reader: TaskReader, plan: Plan, total: int | None = None) -> Exported:
    """Write a dataset; its folder is there whole or not at all.

    Args:
        tasks: As Label Studio exports them.
        reader: What is read of them.
        plan: What is written.
        total: How many tasks there are, where that is known.

    Raises:
        WholebodyError: It cannot be written, or there is nothing to write.
    """
    exported = Exported()
    with staged_folder(plan.out) as folder, ExitStack() as stack:
        writer = _writer(plan, folder)
        stack.callback(writer.close)
        store = PictureStore(plan.loader, folder / FETCHED) if plan.loader else None
        run = _Run(folder, writer, plan.splits, store, exported)
        stack.callback(run.close)
        executor = stack.enter_context(ThreadPoolExecutor(FETCHING, "fetch")) if store else None
        stack.enter_context(logging_redirect_tqdm())
        progress = stack.enter_context(tqdm(total=total, unit="task", disable=None))
        for done in _ahead(executor, partial(_prepare, reader, store), tasks):
            run.write(done)
            progress.update()
        _check(exported, reader)
    return exported


def _writer(plan: Plan, folder: Path) -> DatasetWriter:
    if plan.format == "yolo-pose":
        return YoloWriter(folder, plan.parts, [*plan.splits.shares])
    return CocoWriter(folder, plan.parts, five_arrays=plan.format == "coco-wholebody")


def _check(exported: Exported, reader: TaskReader) -> None:
    lines = "; ".join(line.strip() for line in exported.left_out.lines())[:1000]
    if not exported.images:
        raise DatasetError(f"there is no image to export{lines and ': ' + lines}")
    if not exported.people and exported.left_out.has(UNKNOWN_CONTROL, UNKNOWN_IMAGE, OTHER_LABEL):
        cure = "is it the project's own labeling config?" if reader.config else "give the labeling config with --config"
        raise DatasetError(f"none of the regions is a person's; {cure} {lines}")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A task that was read, with the pictures of its images or what is wrong with them."""

    task_id: object
    people: TaskPeople
    pictures: list[PictureFile | ImageError | None]


def _prepare(reader: TaskReader, store: PictureStore | None, task: dict[str, Any]) -> _Prepared:
    """Read a task and fetch its pictures. In any thread."""
    people = reader.read(task)
    return _Prepared(task["id"], people, [_fetch(store, image, task["id"]) for image in people.images])


def _fetch(store: PictureStore | None, image: ImagePeople, task_id: object) -> PictureFile | ImageError | None:
    if store is None:
        return None
    try:
        return store.get(image.reference, task_id)
    except ImageError as error:
        return error


class _Run:
    """The state of one export."""

    def __init__(
        self, folder: Path, writer: DatasetWriter, splits: Splits, store: PictureStore | None, exported: Exported
    ) -> None:
        self._folder, self._writer, self._splits, self._exported = folder, writer, splits, exported
        self._names = FileNames()
        self._left_out = (folder / "left-out.jsonl").open("wb")
        self._images_file = (folder / "images.csv").open("w", newline="", encoding="utf-8")
        self._images = csv.writer(self._images_file)
        self._images.writerow(["file_name", "part", "task_id", "reference"])

    def close(self) -> None:
        self._left_out.close()
        self._images_file.close()

    def write(self, done: _Prepared) -> None:
        """Write a task's images, in the order of the tasks."""
        for one in done.people.left_out:
            self._leave_out(done.task_id, one)
        several = len(done.people.images) > 1
        for number, (image, picture) in enumerate(zip(done.people.images, done.pictures, strict=True), 1):
            try:
                self._write_image(done.task_id, image, picture, str(number) if several else "")
            except ImageError as error:
                self._leave_out(done.task_id, LeftOut(GONE + error.reason, what=error.reference or image.reference))

    def _write_image(
        self, task_id: object, image: ImagePeople, picture: PictureFile | ImageError | None, number: str
    ) -> None:
        if isinstance(picture, ImageError):
            raise picture
        kept = kept_of_image(image.task.get("meta"))
        size_wh, people = image.size_wh, image.people
        if picture and size_wh and picture.size_wh != size_wh:
            self._leave_out(
                task_id, LeftOut(f"{OTHER_SIZE} ({size_wh} is not {picture.size_wh})", what=image.reference)
            )
            return
        if size_wh is None:
            size_wh = picture.size_wh if picture else _kept_size(kept)
            people = tuple(_scaled(person, size_wh or (1, 1)) for person in people)
        if size_wh is None and (people or self._writer.needs_size):
            self._leave_out(task_id, LeftOut(UNKNOWN_SIZE, what=image.reference))
            return
        name = self._names.name(task_id, image.reference, number, kept.get("file_name"))
        name = name if picture is None else str(Path(name).with_suffix(picture.path.suffix))
        part = self._splits.part_of(image.reference)
        written = self._writer.add(
            ImageRecord(task_id, name, image.reference, part, size_wh, people, image.task.get("meta"))
        )
        for one in written.left_out:
            self._leave_out(task_id, one)
        if picture:
            place(picture.path, self._folder / self._writer.picture_folder(part) / name)
        self._images.writerow([name, part, task_id, image.reference[:500]])
        self._exported.images += 1
        self._exported.people += written.people
        self._exported.points += written.points
        self._exported.parts[part] = self._exported.parts.get(part, 0) + 1

    def _leave_out(self, task_id: object, one: LeftOut) -> None:
        self._exported.left_out.add(task_id, one)
        line = {"task": task_id, "reason": one.reason, "count": one.count, "is_loss": one.is_loss, "what": one.what}
        self._left_out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _kept_size(kept: dict[str, Any]) -> tuple[int, int] | None:
    width, height = kept.get("width"), kept.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0 else None


def _scaled(person: Person, size_wh: tuple[int, int]) -> Person:
    """Somebody whose coordinates were fractions of a picture that is now known."""
    width, height = size_wh
    left, top, right, bottom = person.xyxy
    xyxy = (left * width, top * height, right * width, bottom * height)
    return replace(person, xyxy=xyxy, keypoints=person.keypoints * size_wh)


def _ahead(
    executor: Executor | None, do: Callable[[dict[str, Any]], T], tasks: Iterable[dict[str, Any]]
) -> Iterator[T]:
    """What is done with each task, in their order, a few at a time."""
    if executor is None:
        yield from map(do, tasks)
        return
    rest, waiting = iter(tasks), deque[Future[T]]()
    try:
        while True:
            waiting.extend(executor.submit(do, task) for task in islice(rest, 2 * FETCHING - len(waiting)))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
