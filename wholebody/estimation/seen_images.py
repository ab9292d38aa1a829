"""Images that were just looked at, with what was found in them, so that a second prompt costs only the pose."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from cachetools import TTLCache

from wholebody.estimation.detections import Detections
from wholebody.images.decoding import BGR, Picture
from wholebody.process.observing import image_looked_up

OWN_BYTES = 4096
"""What an image takes beside its pixels, at most: without it, pictures of one pixel would never fill the cache."""


class SeenImage:
    """One decoded image, and the people detected in it once somebody asks. Thread-safe.

    Attributes:
        bgr: `(h, w, 3)` uint8, BGR.
        size_wh: Width and height of the image in its file; see `Picture`.
    """

    def __init__(self, picture: Picture) -> None:
        self.bgr = picture.bgr
        self.size_wh = picture.size_wh
        self._detections: Detections | None = None
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What keeping it takes."""
        return self.bgr.nbytes + OWN_BYTES

    def detections(self, detect: Callable[[BGR], Detections]) -> Detections:
        """The people in the image; `detect` runs the first time only."""
        with self._lock:
            if self._detections is None:
                self._detections = detect(self.bgr)
            return self._detections


class ImageCache:
    """Bounded in bytes and seconds. What two threads ask for at the same time is loaded once. Thread-safe.

    Args:
        max_bytes: What all that is kept may take; 0 keeps nothing.
        ttl_s: How long an image is kept: it may change where it came from.
    """

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._seen: TTLCache[Hashable, SeenImage] = TTLCache(max_bytes, ttl_s, getsizeof=lambda seen: seen.size_bytes)
        self._loading: dict[Hashable, Future[SeenImage]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], Picture]) -> SeenImage:
        """The image of `key`, by `load` where it is not kept; what `load` raises is passed on.

        Whoever asks while it is loaded gets the same, image or error: trying one after the other would take each of
        them longer than the one before.
        """
        with self._lock:
            seen = self._seen.get(key)
            if seen is not None:
                image_looked_up(kept=True)
                return seen
            other = self._loading.get(key)
            if other is None:
                mine = self._loading[key] = Future()
        image_looked_up(kept=other is not None)
        if other is not None:
            return other.result()
        return self._load(key, load, mine)

    def _load(self, key: Hashable, load: Callable[[], Picture], mine: Future[SeenImage]) -> SeenImage:
        try:
            seen = SeenImage(load())
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._loading[key]
            if seen.size_bytes <= self._seen.maxsize:
                self._seen[key] = seen
        mine.set_result(seen)
        return seen
