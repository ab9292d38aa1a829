"""What the files of a dataset are called: names that no two pictures share, with or without their suffix."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from wholebody.dataset.splits import identity

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""Of pictures that training code reads."""

MOST_CHARS = 80
_UNSAFE = re.compile(r"[^\w.-]+", re.ASCII)
_PLAIN = re.compile(r"\w[\w.-]{0,120}", re.ASCII)


@dataclass(slots=True)
class FileNames:
    """Gives each picture a name. Labels are named after the stem, so stems differ, even where case is not told."""

    _taken: set[str] = field(default_factory=set)

    def name(self, task: object, reference: str, place: str, kept: Any = None) -> str:
        """The name of a picture's file.

        Args:
            task: The task's id.
            reference: What the task's data says of the picture.
            place: Which of several pictures of the task it is; `""` for the only one.
            kept: What the picture was called in the dataset that it was imported from.
        """
        if isinstance(kept, str) and _is_picture_name(kept) and self._take(kept):
            return kept
        named = PurePosixPath("image.jpg" if reference[:5].lower() == "data:" else identity(reference) or "image.jpg")
        suffix = named.suffix if named.suffix.lower() in SUFFIXES else ".jpg"
        stem = _UNSAFE.sub("_", named.stem)[:MOST_CHARS] or "image"
        number = _UNSAFE.sub("_", "-".join(filter(None, (str(task), place))))
        name, count = f"{number}-{stem}{suffix}", 1
        while not self._take(name):
            count += 1
            name = f"{number}-{stem}-{count}{suffix}"
        return name

    def _take(self, name: str) -> bool:
        stem = PurePosixPath(name).stem.lower()
        if stem in self._taken:
            return False
        self._taken.add(stem)
        return True


def _is_picture_name(name: str) -> bool:
    return bool(_PLAIN.fullmatch(name)) and PurePosixPath(name).suffix.lower() in SUFFIXES
