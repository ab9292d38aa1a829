"""Images that were just looked at, with what was found in them, so that a second prompt costs only the pose."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from cachetools import TTLCache

from wholebody.errors import DeadlineError
from wholebody.estimation.detections import Detections
from wholebody.images.decoding import BGR, Picture
from wholebody.process.calls import current_call
from wholebody.process.observing import image_looked_up

OWN_BYTES = 4096
"""What an image takes beside its pixels, at most: without it, pictures of one pixel would never fill the cache."""


class SeenImage:
    """One decoded image, and the people detected in it once somebody asks. Thread-safe.

    Attributes:
        bgr: `(h, w, 3)` uint8, BGR.
        size_wh: Width and height of the image in its file; see `Picture`.
        share: The memory that it counts for. Who gets one from `ImageCache.get` holds it, and lets go of it in the end.
    """

    def __init__(self, picture: Picture) -> None:
        self.bgr = picture.bgr
        self.size_wh = picture.size_wh
        self.share = picture.share
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
        self._kept = _Kept(max_bytes, ttl_s, getsizeof=_size_bytes)
        self._loading: dict[Hashable, _Loading] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], Picture]) -> SeenImage:
        """The image of `key`, by `load` where it is not kept; what `load` raises is passed on.

        Whoever asks while it is loaded gets the same, image or error: trying one after the other would take each of
        them longer than the one before. Only where the time of the loading call is over, the next one tries.
        """
        while True:
            with self._lock:
                seen = self._kept.get(key)
                if seen is not None:
                    seen.share.hold()
                    image_looked_up(kept=True)
                    return seen
                other = self._loading.get(key)
                if other is None:
                    self._loading[key] = _Loading()
                else:
                    other.others += 1
            image_looked_up(kept=other is not None)
            if other is None:
                return self._load(key, load)
            try:
                return other.image.result()
            except DeadlineError:
                if current_call().remaining_s <= 0:
                    raise
            finally:
                del other  # its error holds what stands here, and must not hold itself

    def drop_oldest(self) -> bool:
        """Keep one image less, so that its memory is free once nobody looks at it; whether there was one."""
        with self._lock:
            try:
                self._kept.popitem()
            except KeyError:
                return False
            return True

    def _load(self, key: Hashable, load: Callable[[], Picture]) -> SeenImage:
        try:
            seen = SeenImage(load())
        except BaseException as error:
            self._loaded(key).image.set_exception(error)
            raise
        with self._lock:
            mine = self._loading.pop(key)
            for _ in range(mine.others):
                seen.share.hold()
            if seen.size_bytes <= self._kept.maxsize:
                seen.share.hold()
                self._kept[key] = seen
        mine.image.set_result(seen)
        return seen

    def _loaded(self, key: Hashable) -> "_Loading":
        with self._lock:
            return self._loading.pop(key)


def _size_bytes(seen: SeenImage) -> int:
    return seen.size_bytes


class _Loading:
    """An image that is being loaded, and how many wait for it beside the one who loads it."""

    def __init__(self) -> None:
        self.image: Future[SeenImage] = Future()
        self.others = 0


class _Kept(TTLCache[Hashable, SeenImage]):
    """Lets go of the memory of what it drops."""

    def expire(self, time: float | None = None) -> list[tuple[Hashable, SeenImage]]:
        """Drop what was kept long enough."""
        expired = super().expire(time)
        for _, seen in expired:
            seen.share.release()
        return expired

    def popitem(self) -> tuple[Hashable, SeenImage]:
        """Drop what was asked for least recently."""
        key, seen = super().popitem()
        seen.share.release()
        return key, seen
