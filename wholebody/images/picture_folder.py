"""Images that tasks name as Label Studio serves them, and that lie in a folder of this machine as well."""

import errno
import os
from pathlib import Path
from urllib.parse import quote, unquote

from wholebody.errors import ImageError
from wholebody.process.memory_budget import Share

_UNQUOTED = ("s3://", "gs://")
"""In these addresses a percent sign is part of a name."""


def reference_of(prefix: str, name: str) -> str:
    """How a task names a picture.

    Args:
        prefix: What comes before the names of pictures, so that Label Studio finds them.
        name: The path of the picture from there on, with slashes.
    """
    return prefix + (name if prefix.startswith(_UNQUOTED) else quote(name))


class PictureFolder:
    """A folder that has the pictures whose references begin in one way. Reads nothing outside of it.

    Args:
        prefix: How they begin.
        folder: Where what follows is a path.
        max_bytes: The largest file that is read.
    """

    def __init__(self, prefix: str, folder: Path, max_bytes: int) -> None:
        self._prefix = prefix
        self._folder = folder
        self._max_bytes = max_bytes

    def has(self, reference: str) -> bool:
        """Whether a reference is one of those."""
        return reference.startswith(self._prefix)

    def read(self, reference: str, share: Share) -> bytes:
        """The file of a reference.

        Raises:
            ImageError: It is not there, not in the folder, or too large; without the reference.
        """
        name = reference.removeprefix(self._prefix)
        name = name if self._prefix.startswith(_UNQUOTED) else unquote(name)
        try:
            return read_inside(self._folder, name, self._max_bytes, share)
        except FileNotFoundError:
            raise ImageError(f"there is no such file in {self._folder}") from None
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_inside(folder: Path, name: str, max_bytes: int, share: Share) -> bytes:
    """A file of a folder; nothing outside of it is read, whatever the name and the links in it.

    Args:
        folder: The folder.
        name: Its path from there on.
        max_bytes: The largest that is read (IMAGE_MAX_BYTES).
        share: Counts its bytes.

    Raises:
        ImageError: It is not in the folder, or too large; without the name.
        OSError: It is not there, or is no file that can be read.
        ValueError: The name has a NUL.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ImageError(f"lies outside of {folder}, and is not read", cause="image_refused")
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ImageError(f"is over the limit of {max_bytes} bytes (IMAGE_MAX_BYTES)", cause="image_too_large")
    share.grow(len(content))
    return content
