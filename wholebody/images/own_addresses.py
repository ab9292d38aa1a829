"""The references that Label Studio serves itself, under whatever address they name it: all are asked for at one.

Tasks name Label Studio as a browser reaches it: `http://localhost:8080/data/local-files/?d=...` where it runs in a
container beside the backend, `/label-studio/data/upload/...` where a proxy adds a sub-path. What is known to be the
same server, by a setting or by proof, is asked for at LABEL_STUDIO_URL, so the token never goes anywhere else.
"""

import logging
import re
import threading
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import orjson
from cachetools import LRUCache
from pydantic import TypeAdapter, ValidationError

from wholebody.errors import ImageError
from wholebody.label_studio.credential import lies_under
from wholebody.settings import Settings, Url

log = logging.getLogger(__name__)

MOST_NAMES = 16
"""Addresses that are remembered of `/setup`, which anybody who reaches the backend can send."""

_OWN_PATH = re.compile(r"/data/|/(?:tasks|projects)/\d+/(?:resolve|presign)/\?")
_SURELY_OWN_PATH = re.compile(r"/data/(?:upload|local-files)/|/(?:tasks|projects)/\d+/(?:resolve|presign)/\?")
_URL = TypeAdapter(Url)


class OwnAddresses:
    """The addresses of one Label Studio. Thread-safe.

    Args:
        settings: LABEL_STUDIO_URL and LABEL_STUDIO_PUBLIC_URL.
        fetch: Gets what Label Studio answers at an address under LABEL_STUDIO_URL, with the token; may raise an
            ImageError.
    """

    def __init__(self, settings: Settings, fetch: Callable[[str], bytes]) -> None:
        self._base_url = settings.label_studio_url
        self._known = [url for url in (settings.label_studio_url, settings.label_studio_public_url) if url]
        self._fetch = fetch
        self._unproved: LRUCache[str, str] = LRUCache(MOST_NAMES)
        self._lock = threading.Lock()

    def hear(self, hostname: object, project: object) -> None:
        """Remember under which address a Label Studio knows itself; proved when a reference first names it.

        Args:
            hostname: Its address, as it tells backends in `/setup`.
            project: The project it speaks for, as it tells it: the id, and the second in which it was made.
        """
        try:
            url = _URL.validate_python(hostname)
        except ValidationError:
            return
        if isinstance(project, str) and re.fullmatch(r"\d{1,12}\.\d{1,12}", project) and len(url) <= 200:
            with self._lock:
                if url not in self._known:
                    self._unproved[url] = project

    def locate(self, reference: str) -> str | None:
        """The address under LABEL_STUDIO_URL of a reference that Label Studio serves; `None` for any other."""
        if self._base_url is None:
            return None
        for url in self._known:
            if path := _path_under(reference, url):
                return self._base_url + path
        with self._lock:
            unproved = list(self._unproved.items())
        for url, project in unproved:
            path = _path_under(reference, url)
            if path and self._is_proved(url, project):
                return self._base_url + path
        return None

    def hint(self, reference: str) -> str:
        """What may be wrong where one that looks like Label Studio's was not located and cannot be fetched; or `""`."""
        own = _SURELY_OWN_PATH.search(reference)
        prefix = reference[: own.start()] if own else ""
        if re.fullmatch(r"(/[\w.~-]+)+", prefix):
            return f"; if a proxy of Label Studio adds {prefix}, set LABEL_STUDIO_PUBLIC_URL to the address with it"
        if not re.match("https?://[^/?#]", prefix, re.IGNORECASE) or re.search("[?#@]", prefix):
            return ""
        if self._base_url is None:
            return "; if that is Label Studio, set LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN"
        return f"; if that is Label Studio, set LABEL_STUDIO_PUBLIC_URL={prefix}"

    def _is_proved(self, url: str, project: str) -> bool:
        """Whether Label Studio at LABEL_STUDIO_URL has the project that was spoken for, made in the same second."""
        project_id, made_at = project.split(".")
        try:
            answer = orjson.loads(self._fetch(f"{self._base_url}/api/projects/{project_id}/"))
            is_same = int(datetime.fromisoformat(answer["created_at"]).timestamp()) == int(made_at)
        except ImageError as error:
            log.warning("whether %s is the Label Studio at %s is not known: %s", url, self._base_url, error)
            return False
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            is_same = False
        with self._lock:
            if self._unproved.pop(url, None) is None:  # another thread was first
                return is_same
            if is_same:
                self._known.append(url)
        if is_same:
            log.info("Label Studio at %s calls itself %s", self._base_url, url)
        else:
            log.warning("%s connected this backend, but is not the Label Studio at %s", url, self._base_url)
        return is_same


def is_own_path(reference: str) -> bool:
    """Whether it is a path that Label Studio serves, without a host and a sub-path."""
    return _OWN_PATH.match(reference) is not None


def is_surely_own_path(reference: str) -> bool:
    """Whether it is such a path, and can hardly be one of a file system."""
    return _SURELY_OWN_PATH.match(reference) is not None


def _path_under(reference: str, url: str) -> str | None:
    """Path and query of a reference behind an address of Label Studio; `None` where it is not one of its own."""
    sub_path = urlsplit(url).path
    if reference.startswith("/"):
        paths = [reference.removeprefix(sub_path), reference]
    elif lies_under(reference, url):
        paths = [re.sub(r"^[^/]*//[^/?#\\]*", "", reference).removeprefix(sub_path)]
    else:
        paths = []
    return next((path for path in paths if _OWN_PATH.match(path)), None)
