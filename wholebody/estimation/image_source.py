"""Where the annotator has its images from: kept for the next prompt, or passing by once. Fetches nothing itself."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from wholebody.errors import ImageUnavailableError, StoppedError
from wholebody.estimation.seen_images import ImageCache, SeenImage
from wholebody.images.loader import ImageFile, ImageLoader
from wholebody.label_studio.patience import Patience


class ImageSource(Protocol):
    """Has the images of tasks. Thread-safe."""

    def open(self, reference: object, task_id: object) -> AbstractContextManager[SeenImage]:
        """An image, for as long as it is looked at.

        Args:
            reference: The value in the task's data, whatever it is.
            task_id: Id of the task.

        Raises:
            ImageError: It cannot be had.
            DeadlineError: There was no memory for it until the deadline of the call.
            StoppedError: The source is closed.
        """

    def close(self) -> None:
        """Let nobody wait for an image any more."""


class KeptImages:
    """Images for annotators, who ask about one again and again: kept for a while.

    Args:
        loader: Fetches and decodes.
        cache: Keeps.
    """

    def __init__(self, loader: ImageLoader, cache: ImageCache) -> None:
        self._loader = loader
        self._cache = cache
        loader.memory.when_short(cache.drop_oldest)

    @contextmanager
    def open(self, reference: object, task_id: object) -> Iterator[SeenImage]:
        """An image; see `ImageSource.open`."""
        if isinstance(reference, str):
            # A digest: a data URI may be larger than its picture.
            key = (str(task_id), hashlib.sha256(reference.encode("utf-8", "surrogatepass")).digest())
            seen = self._cache.get(key, lambda: self._loader.load(reference, task_id))
        else:  # which the loader refuses, and which need not even be hashable
            seen = SeenImage(self._loader.load(reference, task_id))
        try:
            yield seen
        finally:
            seen.share.release()

    def close(self) -> None:
        """Who waits for memory gets an error."""
        self._loader.memory.close()


class PassingImages:
    """Images for bulk work, which looks at each once.

    Whoever asks fetches at once. From its decoding on an image has one of a few places: more threads at work than
    there are cores would take the caches from each other.

    Args:
        loader: Fetches and decodes.
        places: Images decoded and looked at at a time.
        patience: For images that Label Studio serves, and cannot serve for now.
    """

    def __init__(self, loader: ImageLoader, places: int, patience: Patience) -> None:
        self._loader = loader
        self._patience = patience
        self._places = threading.Semaphore(places)
        self._is_closed = False

    @contextmanager
    def open(self, reference: object, task_id: object) -> Iterator[SeenImage]:
        """An image; see `ImageSource.open`."""
        file = self._fetch(reference, task_id)
        with self._places:
            if self._is_closed:
                file.share.release()
                raise StoppedError("stopped before it was done; run again to go on")
            seen = SeenImage(self._loader.decode(file, reference))
            del file
            try:
                yield seen
            finally:
                seen.share.release()

    def _fetch(self, reference: object, task_id: object) -> ImageFile:
        try:
            return self._patience.repeated(lambda: self._loader.fetch(reference, task_id))
        except ImageUnavailableError as error:
            if self._loader.reaches_label_studio():  # as where only the storage behind it is broken
                raise error.lasting() from None
            raise

    def close(self) -> None:
        """Who waits for Label Studio, for memory or for a place gets an error, the last when it would be its turn."""
        self._is_closed = True
        self._patience.close()
        self._loader.memory.close()
