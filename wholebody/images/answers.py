"""An answer to the request for an image: what its status means, and its body, within limits of time and size."""

import io
import re
from urllib.parse import urlsplit

import requests

from wholebody.errors import ImageError, ImageUnavailableError
from wholebody.http.deadlines import Deadline
from wholebody.label_studio.pacing import parse_retry_after
from wholebody.label_studio.transport import BUSY, NOT_NOW
from wholebody.process.memory_budget import Share

TAKEN = frozenset({200, 201, 202, 203})
"""Browsers show an image that comes with any of these; 204 to 206 have none, or a part."""

_CHUNK_BYTES = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_HINTS = {
    401: "needs a credential this backend does not have",
    403: "access denied",
    404: "not found",
}
_LABEL_STUDIO_HINTS = {
    401: "Label Studio does not accept the token; check LABEL_STUDIO_API_TOKEN",
    403: "Label Studio denies access; for local files it must run with LOCAL_FILES_SERVING_ENABLED=true",
    404: "Label Studio does not serve it; is it inside a storage of a project that the token's user may see?",
    424: "Label Studio cannot read the storage that it is in; check the storage's credentials and bucket there",
    500: "Label Studio failed; it answers so for an upload that it does not know",
}
_UNSIGNED_HINT = (
    "up to 1.17, Label Studio hands out cloud images by signed addresses alone; "
    "switch on pre-signed URLs in the storage's settings, or upgrade"
)
_NO_TOKEN_HINT = "Label Studio asks for a token; set LABEL_STUDIO_API_TOKEN"  # noqa: S105


def check_label_studio_status(response: requests.Response, url: str, *, has_token: bool) -> None:
    """See that Label Studio sends a body.

    Raises:
        ImageError: It does not; where it may later, an ImageUnavailableError.
    """
    status = response.status_code
    if status in TAKEN:
        return
    hint = _LABEL_STUDIO_HINTS.get(status, "") if has_token or status != 401 else _NO_TOKEN_HINT
    if status == 500 and urlsplit(url).path.endswith("/presign/"):
        hint = _UNSIGNED_HINT
    text = f"{host_of(url)} answers HTTP {status}{hint and ': ' + hint}"
    if status in NOT_NOW and status != 500:
        asked_s = parse_retry_after(response.headers.get("Retry-After", ""))
        raise ImageUnavailableError(text, retry_after_s=asked_s, busy=status in BUSY)
    raise ImageError(text, cause="label_studio" if status == 401 else "image_unreachable")


def check_status(response: requests.Response, url: str, hint: str = "") -> None:
    """See that another server sends a body.

    Args:
        response: Its answer.
        url: What was asked for.
        hint: What to say of an answer that it does not, where more is known than its status.

    Raises:
        ImageError: It does not.
    """
    status = response.status_code
    if status not in TAKEN:
        hint = (status in _HINTS and hint) or _HINTS.get(status, "")
        raise ImageError(f"{host_of(url)} answers HTTP {status}{hint and ': ' + hint}")


def read_body(response: requests.Response, limit: int, deadline: Deadline, share: Share) -> bytes:
    """The body, unpacked.

    Args:
        response: The answer, its body not read yet.
        limit: The most bytes that are read.
        deadline: Of the whole fetch.
        share: Grows by what is read; by all of it at once, where the server says how much that is.

    Raises:
        ImageError: It has more than `limit` bytes, or none, or is a web page.
        OutOfTimeError: The time was over before its end.
        HTTPError: urllib3's: the connection broke.
    """
    told = response.headers.get("Content-Length", "")
    share.grow(min(int(told), limit) if told.isascii() and told.isdecimal() else 0)
    body = io.BytesIO()  # whose bytes are handed on without a copy
    # What has arrived, not a full chunk: a server that drips must not hold us past the deadline.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        body.write(chunk)
        share.grow(body.tell())
        if body.tell() > limit:
            raise ImageError(
                f"is over the limit of {limit} bytes; raise IMAGE_MAX_BYTES or scale it", cause="image_too_large"
            )
        deadline.left()
    deadline.left()  # a connection that was cut looks like the end of a body without a length
    if not body.tell():
        raise ImageError("is an empty file", cause="image_unreadable")
    start = body.getbuffer()[:200].tobytes().removeprefix(_BYTE_ORDER_MARK).lstrip()
    if start[:9].lower().startswith((b"<!doctype", b"<html")):
        raise ImageError(
            f"{host_of(str(response.url))} sends a web page (a login?), not an image", cause="image_unreadable"
        )
    return body.getvalue()


def host_of(url: str) -> str:
    """Host and port of an address, whether or not it can be parsed."""
    return re.split(r"[/\\?#]", url.partition("://")[2])[0].rpartition("@")[2]
