"""A task's image reference, of whatever kind -> upright BGR pixels. Decoding stands in `decoding.py`."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wholebody.errors import ImageError, ImageUnavailableError
from wholebody.images.data_uris import read_data_uri
from wholebody.images.decoding import Picture, decode_image
from wholebody.images.fetching import Fetcher
from wholebody.images.own_addresses import OwnAddresses, is_own_path
from wholebody.images.picture_folder import PictureFolder
from wholebody.process.memory_budget import MemoryBudget, Share
from wholebody.process.observing import stage
from wholebody.settings import Settings

CLOUD_SCHEMES = ("s3", "gs", "azure-blob", "azure_spi")
"""`azure_spi` is Label Studio's name for Azure where it signs in as a service principal."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that was fetched.

    Attributes:
        content: All of it.
        share: The memory that it counts for. `ImageLoader.decode` lets go of it; so must who does not decode it.
    """

    content: bytes
    share: Share


class ImageLoader:
    """Fetches and decodes the image of a task. Thread-safe.

    Args:
        settings: Label Studio's address and token, and the limits on what is read.

    Attributes:
        memory: What its pictures count for while they are decoded, and as long as their `share` is held then.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fetcher = Fetcher(settings)
        self._base_url = settings.label_studio_url
        self.memory = MemoryBudget(settings.image_memory_bytes)
        self._own = OwnAddresses(settings, lambda url: self._fetcher.fetch(url, Share()))
        self._folder: PictureFolder | None = None
        if settings.image_files_prefix is not None and settings.image_files_dir is not None:
            self._folder = PictureFolder(
                settings.image_files_prefix, settings.image_files_dir, settings.image_max_bytes
            )
        seen_by_browsers = settings.label_studio_public_url or settings.label_studio_url or "https://"
        self._page_scheme = seen_by_browsers.partition(":")[0]

    def hear_address(self, hostname: object, project: object) -> None:
        """Remember under which address a Label Studio knows itself; see `OwnAddresses.hear`."""
        self._own.hear(hostname, project)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._fetcher.close()

    def reaches_label_studio(self) -> bool:
        """Whether Label Studio answers at all, whatever becomes of its images."""
        try:
            self._fetcher.fetch(f"{self._label_studio()}/health", Share())
        except ImageUnavailableError:
            return False
        except ImageError:  # an answer all the same
            pass
        return True

    def load(self, reference: object, task_id: object) -> Picture:
        """Fetch and decode an image; see `fetch` and `decode`."""
        return self.decode(self.fetch(reference, task_id), reference)

    def fetch(self, reference: object, task_id: object) -> ImageFile:
        """An image's file.

        Args:
            reference: The value in the task's data: `/data/upload/...`, `/data/local-files/?d=...`,
                `/tasks/1/resolve/?fileuri=...` and the like, an http(s) address, with or without its scheme, `s3://`,
                `gs://`, `azure-blob://`, `azure_spi://` or a data URI.
            task_id: Id of the task, by which Label Studio resolves cloud references.

        Raises:
            ImageError: In one line: the reference, what is wrong, and the cure. Where Label Studio may serve it later,
                an ImageUnavailableError.
        """
        if not isinstance(reference, str) or not reference.strip():
            kind = "blank" if isinstance(reference, str) else f"of type {type(reference).__name__}"
            raise ImageError(f"the task's image is {kind}, not an address", cause="image_refused")
        share = self.memory.count()
        try:
            with stage("fetch"), _named(reference):
                return ImageFile(self._read(reference.strip(), task_id, share), share)
        except BaseException:
            share.release()
            raise

    def decode(self, file: ImageFile, reference: object) -> Picture:
        """The pixels of an image's file. The caller lets go of the picture's `share` in the end.

        Args:
            file: The file, which counts no more then.
            reference: Where it came from, for the error.

        Raises:
            ImageError: In one line: the reference, what is wrong, and the cure.
            DeadlineError: There was no memory for it until the deadline of the call.
            StoppedError: Nobody is to wait for memory any more.
        """
        try:
            with stage("decode"), _named(reference):
                return decode_image(file.content, self.memory, file.share)
        finally:
            file.share.release()

    def _read(self, reference: str, task_id: object, share: Share) -> bytes:
        if reference[:5].lower() == "data:":
            content = read_data_uri(reference, self._settings.image_max_bytes)
            share.grow(len(content))
            return content
        if self._folder and self._folder.has(reference):
            return self._folder.read(reference, share)
        if reference.startswith("//"):  # a page takes its own scheme
            reference = f"{self._page_scheme}:{reference}"
        if own := self._own.locate(reference):
            return self._fetcher.fetch(own, share)
        try:
            return self._fetcher.fetch(self._address(reference, task_id), share)
        except ImageUnavailableError:
            raise
        except ImageError as error:
            if error.cause not in ("image_unreachable", "image_refused") or not (hint := self._own.hint(reference)):
                raise
            raise ImageError(error.reason + hint, cause=error.cause) from None

    def _address(self, reference: str, task_id: object) -> str:
        match = re.match(r"([a-z][a-z0-9+._-]*)://", reference, re.IGNORECASE)
        scheme = match[1].lower() if match else ""
        if scheme in ("http", "https"):
            return reference
        if scheme in CLOUD_SCHEMES:
            if not isinstance(task_id, int):
                raise ImageError(
                    f"{scheme}:// addresses are fetched through Label Studio, by the id of a task that it has; give "
                    "pre-signed https addresses, tasks exported from the project, or --project",
                    cause="image_refused",
                )
            uri = base64.urlsafe_b64encode(reference.encode()).decode()
            # In releases since 1.18 another name of /resolve/, and all that those before have.
            return f"{self._label_studio()}/tasks/{task_id}/presign/?fileuri={uri}"
        if scheme:
            raise ImageError(
                f"{scheme}:// addresses cannot be read; use http, s3, gs or azure-blob", cause="image_refused"
            )
        if not is_own_path(reference):
            raise ImageError(
                "is neither an address nor one of Label Studio's own references (/data/upload/..., "
                "/data/local-files/?d=...); files of this machine are read from IMAGE_FILES_DIR alone",
                cause="image_refused",
            )
        return self._label_studio() + reference

    def _label_studio(self) -> str:
        if not self._base_url:
            raise ImageError(
                "is served by Label Studio; set LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN", cause="label_studio"
            )
        return self._base_url


@contextmanager
def _named(reference: object) -> Iterator[None]:
    """Errors name the image."""
    try:
        yield
    except ImageError as error:
        raise error.about(shown(str(reference).strip())) from None


def shown(reference: str) -> str:
    """A reference as it may stand in a log: no payload, no password, no signature, at most 200 characters."""
    if reference[:5].lower() == "data:":
        return f"{_shorten(reference[:100].partition(',')[0], 40)},... ({len(reference)} characters)"
    if reference.partition("://")[0].lower() in CLOUD_SCHEMES:
        return _shorten(re.sub(r"(?<=//)[^/]*@", "", reference))  # signs of a key, all of them
    address, mark, _ = reference.partition("#")[0].partition("?")
    if address.endswith("/data/local-files/") and "://" not in address:
        return _shorten(reference)  # its query is the file's path
    return _shorten(re.sub(r"(?<=//)[^/]*@", "", address) + (mark and "?..."))


def _shorten(text: str, length: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "..."
