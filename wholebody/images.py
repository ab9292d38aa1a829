"""A task's image reference, of whatever kind -> upright BGR pixels. Decoding stands in `decoding.py`."""

import base64
import binascii
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import unquote_to_bytes, urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from wholebody.credential import Credential, describe_transport, unchanged
from wholebody.decoding import BGR, decode_image
from wholebody.errors import ImageError, LabelStudioError
from wholebody.settings import Settings

CLOUD_SCHEMES = ("s3", "gs", "azure-blob")
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
MAX_REDIRECTS = 10
_CHUNK_BYTES = 1 << 16

_HINTS = {
    401: "needs a credential this backend does not have",
    403: "access denied",
    404: "not found",
}
_LABEL_STUDIO_HINTS = {
    401: "Label Studio does not accept the token; check LABEL_STUDIO_API_TOKEN",
    403: "Label Studio denies access; for local files it must run with LOCAL_FILES_SERVING_ENABLED=true",
    404: "Label Studio does not serve it; is it inside a storage of a project that the token's user may see?",
    500: "Label Studio failed; it answers so for an upload that it does not know",
}


def open_session(pool_size: int) -> requests.Session:
    """A session that keeps connections, repeats GETs that failed for now, and never takes cookies."""
    retry = Retry(
        total=2,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=("GET",),
        backoff_factor=0.3,
        retry_after_max=3,
        raise_on_status=False,
    )
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=pool_size, max_retries=retry))
    return session


class ImageLoader:
    """Fetches and decodes the image of a task. Thread-safe.

    Args:
        settings: Label Studio's address and token, and the limits on what is read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = open_session(pool_size=settings.threads)
        self._base_url = settings.label_studio_url
        self._credential = None
        if settings.label_studio_url and settings.label_studio_api_token:
            self._credential = Credential(settings.label_studio_url, settings.label_studio_api_token, self._session)

    def load(self, reference: object, task_id: object) -> BGR:
        """Fetch and decode an image.

        Args:
            reference: The value in the task's data: `/data/upload/...`, `/data/local-files/?d=...`, an
                http(s) address, `s3://`, `gs://`, `azure-blob://` or a data URI.
            task_id: Id of the task, by which Label Studio resolves cloud references.

        Returns:
            `(height, width, 3)` uint8, BGR, upright.

        Raises:
            ImageError: In one line: the reference, what is wrong, and the cure.
        """
        if not isinstance(reference, str) or not reference.strip():
            raise ImageError(f"the task's image is {_shorten(repr(reference))}, not an address")
        reference = reference.strip()
        try:
            content = self._read(reference, task_id)
            return decode_image(content, self._settings.image_max_pixels)
        except ImageError as error:
            raise ImageError(error.reason, shown(reference)) from None

    def _read(self, reference: str, task_id: object) -> bytes:
        if reference[:5].lower() == "data:":
            return _read_data_uri(reference, self._settings.image_max_bytes)
        return self._fetch(self._address(reference, task_id))

    def _address(self, reference: str, task_id: object) -> str:
        scheme = reference.partition("://")[0].lower() if "://" in reference else ""
        if scheme in ("http", "https"):
            return reference
        if scheme in CLOUD_SCHEMES:
            uri = base64.urlsafe_b64encode(reference.encode()).decode()
            return f"{self._label_studio()}/tasks/{task_id}/resolve/?fileuri={uri}"
        if scheme:
            raise ImageError(f"{scheme}:// addresses cannot be read; use http, s3, gs or azure-blob")
        base = self._base_url or ""
        path = reference.removeprefix(urlsplit(base).path) if base else reference
        if not path.startswith("/data/"):
            raise ImageError(
                "is neither an address nor one of Label Studio's own references (/data/upload/..., "
                "/data/local-files/?d=...); files of this machine are never read"
            )
        return self._label_studio() + path

    def _label_studio(self) -> str:
        if not self._base_url:
            raise ImageError("is served by Label Studio; set LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN")
        return self._base_url

    def _fetch(self, url: str) -> bytes:
        deadline = time.monotonic() + self._settings.image_timeout_seconds
        for _ in range(MAX_REDIRECTS):
            with self._get(url) as response:
                location = response.headers.get("Location") if response.is_redirect else None
                if location is None:
                    self._check_status(response, url)
                    return self._read_body(response, deadline)
                url = urljoin(url, location)
                if urlsplit(url).scheme not in ("http", "https"):
                    raise ImageError("is redirected to something that is not http(s)")
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    @contextmanager
    def _get(self, url: str) -> Iterator[requests.Response]:
        """One hop. Each hop decides anew whether it goes to Label Studio and may carry the token."""
        try:
            with self._send(url) as response:
                yield response
        except requests.RequestException as error:
            raise ImageError(f"{_host(url)}: {describe_transport(error)}") from None
        except LabelStudioError as error:
            raise ImageError(str(error)) from None
        except (ValueError, UnicodeError) as error:  # urllib3 and idna on impossible addresses
            raise ImageError(f"is not an address that can be fetched ({type(error).__name__})") from None

    def _send(self, url: str) -> requests.Response:
        credential = self._credential
        timeout = (CONNECT_TIMEOUT_S, min(READ_TIMEOUT_S, self._settings.image_timeout_seconds))
        if credential is None or not credential.covers(url):
            return self._session.get(url, stream=True, allow_redirects=False, timeout=timeout, auth=unchanged)
        for attempt in range(2):
            authorization = credential.authorization()
            response = self._session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=timeout,
                auth=unchanged,
                headers={"Authorization": authorization},
            )
            if response.status_code != 401 or attempt or not credential.renew(authorization):
                break
            response.close()
        return response

    def _check_status(self, response: requests.Response, url: str) -> None:
        status = response.status_code
        if status == 200:
            return
        hint = _HINTS.get(status, "")
        if self._base_url and url.startswith(self._base_url):
            hint = _LABEL_STUDIO_HINTS.get(status, hint)
            if status == 401 and self._credential is None:
                hint = "Label Studio asks for a token; set LABEL_STUDIO_API_TOKEN"
        raise ImageError(f"{_host(url)} answers HTTP {status}{hint and ': ' + hint}")

    def _read_body(self, response: requests.Response, deadline: float) -> bytes:
        limit = self._settings.image_max_bytes
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > limit:
                raise ImageError(f"is over the limit of {limit} bytes; raise IMAGE_MAX_BYTES or scale it")
            if time.monotonic() > deadline:
                raise ImageError(f"took over {self._settings.image_timeout_seconds:g} s (IMAGE_TIMEOUT_SECONDS)")
        if not body:
            raise ImageError("is an empty file")
        if body[:200].lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
            raise ImageError(f"{_host(str(response.url))} sends a web page (a login?), not an image")
        return bytes(body)


def shown(reference: str) -> str:
    """A reference as it may stand in a log: no payload, no password, no signature, at most 200 characters."""
    if reference[:5].lower() == "data:":
        return f"{_shorten(reference.partition(',')[0], 40)},... ({len(reference)} characters)"
    if "://" in reference:
        try:
            parts = urlsplit(reference)
        except ValueError:
            return _shorten(reference.partition("?")[0])
        host = parts.netloc.rpartition("@")[2]
        reference = (
            urlunsplit((parts.scheme, host, parts.path, "...", ""))
            if parts.query
            else (urlunsplit((parts.scheme, host, parts.path, "", "")))
        )
    return _shorten(reference)


def _read_data_uri(reference: str, max_bytes: int) -> bytes:
    head, comma, payload = reference.partition(",")
    if not comma:
        raise ImageError("is a data URI without a comma")
    if len(payload) > max_bytes * 4 // 3 + 4:
        raise ImageError(f"is over the limit of {max_bytes} bytes (IMAGE_MAX_BYTES)")
    raw = unquote_to_bytes(payload)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        raise ImageError("is a data URI whose base64 is broken") from None


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _shorten(text: str, length: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "..."
