"""The pictures of a dataset: fetched with the product's own loader, kept as training code reads them."""

import hashlib
import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
from PIL import Image

from wholebody.errors import ImageError
from wholebody.images.decoding import Picture
from wholebody.images.loader import ImageLoader
from wholebody.images.orientation import UPRIGHT, read_orientation

_SUFFIX_OF = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}
"""Formats that training code reads; a picture in another one becomes a PNG."""

_ORIENTATION = 0x0112
JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture on this machine: its file, and width and height as it is shown, upright."""

    path: Path
    size_wh: tuple[int, int]


class PictureStore:
    """Fetches pictures into a folder, each once. Thread-safe.

    A picture is kept as it is, unless training code would show it otherwise than annotators saw it: one that is to
    be turned by its EXIF is turned, and one in a rare format becomes a PNG.

    Args:
        loader: Fetches and decodes.
        folder: Where they are kept; those that are there already are not fetched again.
    """

    def __init__(self, loader: ImageLoader, folder: Path) -> None:
        self._loader = loader
        self._folder = folder
        self._there = {path.stem: path for path in folder.iterdir() if path.suffix in _SUFFIX_OF.values()}

    def get(self, reference: str, task_id: object) -> PictureFile:
        """The file of a picture.

        Raises:
            ImageError: It cannot be had, or is too large to be turned.
        """
        key = hashlib.sha256(reference.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        path = self._there.get(key)
        if path is not None and path.exists():
            with Image.open(path) as image:
                return PictureFile(path, image.size)
        file = self._loader.fetch(reference, task_id)
        content = file.content
        picture = self._loader.decode(file, reference)
        try:
            suffix, content = _as_shown(content, picture)
        finally:
            picture.share.release()
        path = self._folder / (key + suffix)
        temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        temporary.write_bytes(content)
        temporary.rename(path)
        self._there[key] = path
        return PictureFile(path, picture.size_wh)


def _as_shown(content: bytes, picture: Picture) -> tuple[str, bytes]:
    """Suffix and content of a file that whoever reads it shows as annotators saw it."""
    with Image.open(io.BytesIO(content)) as image:
        suffix = _SUFFIX_OF.get(str(image.format), "")
        # Not everybody obeys the same orientation: a file that names one is written anew, without.
        is_plain = image.getexif().get(_ORIENTATION, UPRIGHT) in (0, UPRIGHT)
        is_plain = is_plain and read_orientation(image, content) == UPRIGHT
    if is_plain and suffix:
        return suffix, content
    height, width = picture.bgr.shape[:2]
    if (width, height) != picture.size_wh:
        raise ImageError("is too large to be turned upright here; turn it before the import", cause="image_too_large")
    suffix = ".jpg" if suffix == ".jpg" else ".png"
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    return suffix, cv2.imencode(suffix, picture.bgr, options)[1].tobytes()


def place(file: Path, target: Path) -> None:
    """Put a fetched picture into the dataset; twice the same takes its space once, where the file system can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)
