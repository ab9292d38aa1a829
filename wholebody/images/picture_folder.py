"""Images that tasks name as Label Studio serves them, and that lie in a folder of this machine as well."""

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
        path = self._folder / (name if self._prefix.startswith(_UNQUOTED) else unquote(name))
        try:
            path = path.resolve()
            if not path.is_relative_to(self._folder.resolve()):
                raise ImageError(f"lies outside of {self._folder}, and is not read", cause="image_refused")
            if not path.is_file():
                raise ImageError(f"there is no such file in {self._folder}")
            with path.open("rb") as file:
                content = file.read(self._max_bytes + 1)
        except (OSError, ValueError) as error:  # a NUL in it
            raise ImageError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if len(content) > self._max_bytes:
            raise ImageError(f"is over the limit of {self._max_bytes} bytes (IMAGE_MAX_BYTES)", cause="image_too_large")
        share.grow(len(content))
        return content
