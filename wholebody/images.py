"""A task's image reference, of whatever kind -> upright BGR pixels. Decoding stands in `decoding.py`."""

import base64
import binascii
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from wholebody.credential import Credential, describe_transport, lies_under, unchanged
from wholebody.decoding import BGR, decode_image
from wholebody.errors import ImageError, LabelStudioError
from wholebody.settings import Settings

CLOUD_SCHEMES = ("s3", "gs", "azure-blob")
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
TRIES = 2
"""A server that does not answer is asked so often, each time for its share of IMAGE_TIMEOUT_SECONDS."""

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
        connect=TRIES - 1,
        read=TRIES - 1,
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
            kind = "blank" if isinstance(reference, str) else f"of type {type(reference).__name__}"
            raise ImageError(f"the task's image is {kind}, not an address")
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
        match = re.match(r"([a-z][a-z0-9+.-]*)://", reference, re.IGNORECASE)
        scheme = match[1].lower() if match else ""
        if scheme in ("http", "https"):
            return reference
        if scheme in CLOUD_SCHEMES:
            uri = base64.urlsafe_b64encode(reference.encode()).decode()
            return f"{self._label_studio()}/tasks/{task_id}/resolve/?fileuri={uri}"
        if scheme:
            raise ImageError(f"{scheme}:// addresses cannot be read; use http, s3, gs or azure-blob")
        sub_path = urlsplit(self._base_url or "").path
        path = reference.removeprefix(sub_path) if reference.startswith(f"{sub_path}/data/") else reference
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
            with self._get(url, deadline) as response:
                location = self._session.get_redirect_target(response)
                if location is None:
                    self._check_status(response, url)
                    return self._read_body(response, deadline)
                url = urljoin(url, location)
                if urlsplit(url).scheme not in ("http", "https"):
                    raise ImageError("is redirected to something that is not http(s)")
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    @contextmanager
    def _get(self, url: str, deadline: float) -> Iterator[requests.Response]:
        """One hop. Each hop decides anew whether it goes to Label Studio and may carry the token."""
        try:
            with self._send(url, deadline) as response:
                yield response
        except (requests.RequestException, HTTPError) as error:
            raise ImageError(f"{_host(url)}: {describe_transport(error)}") from None
        except LabelStudioError as error:
            raise ImageError(str(error)) from None
        except (ValueError, UnicodeError) as error:  # urllib3 and idna on impossible addresses
            raise ImageError(f"is not an address that can be fetched ({type(error).__name__})") from None

    def _send(self, url: str, deadline: float) -> requests.Response:
        credential = self._credential
        share = self._left(deadline) / TRIES
        timeout = (min(CONNECT_TIMEOUT_S, share), min(READ_TIMEOUT_S, share))

        def get(headers: dict[str, str]) -> requests.Response:
            return self._session.get(
                url, headers=headers, stream=True, allow_redirects=False, timeout=timeout, auth=unchanged
            )

        return credential.send(get) if credential and credential.covers(url) else get({})

    def _check_status(self, response: requests.Response, url: str) -> None:
        status = response.status_code
        if status == 200:
            return
        hint = _HINTS.get(status, "")
        if self._base_url and lies_under(url, self._base_url):
            hint = _LABEL_STUDIO_HINTS.get(status, hint)
            if status == 401 and self._credential is None:
                hint = "Label Studio asks for a token; set LABEL_STUDIO_API_TOKEN"
        raise ImageError(f"{_host(url)} answers HTTP {status}{hint and ': ' + hint}")

    def _read_body(self, response: requests.Response, deadline: float) -> bytes:
        limit = self._settings.image_max_bytes
        body = bytearray()
        # What has arrived, not a full chunk: a server that drips must not hold us past the deadline.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > limit:
                raise ImageError(f"is over the limit of {limit} bytes; raise IMAGE_MAX_BYTES or scale it")
            self._left(deadline)
        if not body:
            raise ImageError("is an empty file")
        if body[:200].lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
            raise ImageError(f"{_host(str(response.url))} sends a web page (a login?), not an image")
        return bytes(body)

    def _left(self, deadline: float) -> float:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise ImageError(f"took over {self._settings.image_timeout_seconds:g} s (IMAGE_TIMEOUT_SECONDS)")
        return seconds


def shown(reference: str) -> str:
    """A reference as it may stand in a log: no payload, no password, no signature, at most 200 characters."""
    if reference[:5].lower() == "data:":
        return f"{_shorten(reference.partition(',')[0], 40)},... ({len(reference)} characters)"
    address, mark, _ = reference.partition("#")[0].partition("?")
    if address.endswith("/data/local-files/") and "://" not in address:
        return _shorten(reference)  # its query is the file's path
    return _shorten(re.sub(r"(?<=//)[^/]*@", "", address) + (mark and "?..."))


def _read_data_uri(reference: str, max_bytes: int) -> bytes:
    head, comma, payload = reference.partition(",")
    if not comma:
        raise ImageError("is a data URI without a comma")
    content = unquote_to_bytes(payload)
    if head.lower().endswith(";base64"):
        content = b"".join(content.split())
        try:  # browsers do without the padding
            content = base64.b64decode(content + b"=" * (-len(content) % 4), validate=True)
        except binascii.Error:
            raise ImageError("is a data URI whose base64 is broken") from None
    if len(content) > max_bytes:
        raise ImageError(f"is over the limit of {max_bytes} bytes (IMAGE_MAX_BYTES)")
    return content


def _host(url: str) -> str:
    return re.split(r"[/\\?#]", url.partition("://")[2])[0].rpartition("@")[2]


def _shorten(text: str, length: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "..."
