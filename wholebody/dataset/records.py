"""What a writer of a dataset gets, and what one is."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.people import Person


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of a dataset.

    Attributes:
        task_id: The task that it is of.
        file_name: What its file is called; no two are called alike, with or without their suffix.
        reference: What the task's data says of it.
        part: The part of the dataset that it is in; `""` where nothing is split.
        size_wh: Width and height in pixels; `None` where nothing tells, and then there is nobody.
        people: Everybody on it, in its pixels.
        meta: The task's.
    """

    task_id: Any
    file_name: str
    reference: str
    part: str
    size_wh: tuple[int, int] | None
    people: tuple[Person, ...]
    meta: Any = field(default_factory=dict)


@dataclass(slots=True)
class Written:
    """What a writer took of an image.

    Attributes:
        people: How many.
        points: How many labelled keypoints they have in the file.
        left_out: What the format cannot take.
    """

    people: int = 0
    points: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


class DatasetWriter(Protocol):
    """Writes a dataset of some format.

    Attributes:
        needs_size: Whether an image with nobody needs its size.
    """

    needs_size: bool

    def add(self, record: ImageRecord) -> Written:
        """Write an image with its people."""

    def close(self) -> None:
        """Write what is still to be written."""

    def picture_folder(self, part: str) -> str:
        """Where the format wants the pictures of a part, below its folder."""
