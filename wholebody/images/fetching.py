"""An http(s) address -> the bytes behind it, within limits of time and size; Label Studio gets its token."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from wholebody.errors import Cause, ImageError, LabelStudioError
from wholebody.http.connections import PatientRetry
from wholebody.http.deadlines import Deadline, OutOfTimeError
from wholebody.http.failures import NO_ADDRESS, TIMED_OUT, describe_transport
from wholebody.http.session import Session
from wholebody.images.addresses import Gate
from wholebody.images.connections import GatedAdapter
from wholebody.label_studio.credential import Credential, lies_under
from wholebody.process.calls import AHEAD
from wholebody.settings import Settings

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


def open_session(settings: Settings) -> Session:
    """A session that goes where images may come from, repeats GETs that failed for now, and never takes cookies."""
    retry = PatientRetry(
        total=2,
        connect=TRIES - 1,
        read=TRIES - 1,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=("GET",),
        backoff_factor=0.3,
        retry_after_max=3,
        raise_on_status=False,
    )
    session = Session()
    gate = Gate(settings)
    for scheme in ("http://", "https://"):
        session.mount(scheme, GatedAdapter(gate, pool_size=settings.threads * AHEAD, retry=retry))
    return session


class Fetcher:
    """Fetches addresses. Thread-safe.

    Args:
        settings: Label Studio's address and token, and the limits on where and what is read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = open_session(settings)
        self._base_url = settings.label_studio_url
        self._credential = None
        if settings.label_studio_url and settings.label_studio_api_token:
            self._credential = Credential(settings.label_studio_url, settings.label_studio_api_token, self._session)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    def fetch(self, url: str) -> bytes:
        """The body that the server behind `url` sends, or the one that it redirects to.

        Raises:
            ImageError: In one line: what is wrong, and the cure; without the address.
        """
        deadline = Deadline(self._settings.image_timeout_seconds)
        with deadline.running():
            for _ in range(MAX_REDIRECTS):
                with self._get(url, deadline) as response:
                    location = self._session.get_redirect_target(response)
                    if location is None:
                        self._check_status(response, url)
                        return self._read_body(response, deadline)
                    url = urljoin(url, location)
                    if urlsplit(url).scheme not in ("http", "https"):
                        raise ImageError("is redirected to something that is not http(s)", cause="image_refused")
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    @contextmanager
    def _get(self, url: str, deadline: Deadline) -> Iterator[requests.Response]:
        """One hop. Each hop decides anew whether it goes to Label Studio and may carry the token."""
        try:
            with self._send(url, deadline) as response:
                yield response
        except OutOfTimeError:
            raise self._late(url) from None
        except (requests.RequestException, HTTPError) as error:
            words = describe_transport(error, url)
            if deadline.passed() or words == TIMED_OUT:
                raise self._late(url) from None
            raise ImageError(words if words == NO_ADDRESS else f"{host_of(url)}: {words}") from None
        except LabelStudioError as error:
            raise (self._late(url) if deadline.passed() else ImageError(str(error), cause="label_studio")) from None
        except (ValueError, UnicodeError) as error:  # urllib3 and idna on impossible addresses
            raise ImageError(describe_transport(error)) from None

    def _late(self, url: str) -> ImageError:
        return ImageError(f"{host_of(url)}: timed out (IMAGE_TIMEOUT_SECONDS={self._settings.image_timeout_seconds:g})")

    def _send(self, url: str, deadline: Deadline) -> requests.Response:
        credential = self._credential
        share = deadline.left() / TRIES
        timeout = (min(CONNECT_TIMEOUT_S, share), min(READ_TIMEOUT_S, share))

        def get(headers: dict[str, str]) -> requests.Response:
            return self._session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)

        return credential.send(get) if credential and credential.covers(url) else get({})

    def _check_status(self, response: requests.Response, url: str) -> None:
        status = response.status_code
        if status == 200:
            return
        hint = _HINTS.get(status, "")
        cause: Cause = "image_unreachable"
        if self._base_url and lies_under(url, self._base_url):
            hint = _LABEL_STUDIO_HINTS.get(status, hint)
            cause = "label_studio" if status == 401 else "image_unreachable"
            if status == 401 and self._credential is None:
                hint = "Label Studio asks for a token; set LABEL_STUDIO_API_TOKEN"
        raise ImageError(f"{host_of(url)} answers HTTP {status}{hint and ': ' + hint}", cause=cause)

    def _read_body(self, response: requests.Response, deadline: Deadline) -> bytes:
        limit = self._settings.image_max_bytes
        body = io.BytesIO()  # whose bytes are handed on without a copy
        # What has arrived, not a full chunk: a server that drips must not hold us past the deadline.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body.write(chunk)
            if body.tell() > limit:
                raise ImageError(
                    f"is over the limit of {limit} bytes; raise IMAGE_MAX_BYTES or scale it", cause="image_too_large"
                )
            deadline.left()
        deadline.left()  # a connection that was cut looks like the end of a body without a length
        start = body.getbuffer()[:200].tobytes().lstrip()
        if not body.tell():
            raise ImageError("is an empty file", cause="image_unreadable")
        if start[:9].lower().startswith((b"<!doctype", b"<html")):
            raise ImageError(
                f"{host_of(str(response.url))} sends a web page (a login?), not an image", cause="image_unreadable"
            )
        return body.getvalue()


def host_of(url: str) -> str:
    """Host and port of an address, whether or not it can be parsed."""
    return re.split(r"[/\\?#]", url.partition("://")[2])[0].rpartition("@")[2]
