"""One address -> one whole file: goes on where it was cut off, shows its progress. Does not look inside."""

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ProtocolError

from wholebody.errors import ModelError
from wholebody.http.failures import NO_ADDRESS, describe_transport
from wholebody.http.session import PlainSession

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 30.0
TRIES_WITHOUT_GAIN = 5
PAUSE_S = 1.0
CHUNK_BYTES = 1 << 20
MAX_BYTES = 2 << 30
"""No ONNX file is larger: it is one protobuf message."""
LOG_EVERY_S = 10.0


class _CutOffError(ModelError):
    """A try ended before the file was whole; the next one may go on from there."""


def shown(url: str) -> str:
    """An address as it may stand in a log: without user name, password and query."""
    return re.sub(r"(?<=//)[^/?#]*@|[?#].*", "", url)


def download(url: str, part: Path) -> None:
    """Fetch a whole file into `part`, going on from what an earlier call for the same address left there.

    Raises:
        ModelError: The reason alone, such as `HTTP 404`. What has arrived stays for the next call.
    """
    furthest, tries = _size(part), 0
    with PlainSession() as session:  # a session of its own: nothing that Label Studio's requests carry
        while True:
            try:
                return _fetch(session, url, part)
            except _CutOffError as error:
                tries = 0 if _size(part) > furthest else tries + 1
                furthest = max(furthest, _size(part))
                if tries == TRIES_WITHOUT_GAIN:
                    raise
                log.warning("%s: %s at %d bytes; trying again", shown(url), error, _size(part))
                time.sleep(PAUSE_S)


def discard(part: Path) -> None:
    """Remove what `download` keeps."""
    part.unlink(missing_ok=True)
    _etag_of(part).unlink(missing_ok=True)


def _fetch(session: requests.Session, url: str, part: Path) -> None:
    headers = {"Accept-Encoding": "identity"}  # lengths and ranges are those of the file
    etag_file, have = _etag_of(part), _size(part)
    if have and etag_file.is_file():
        # If-Range: the rest where the file is still the same one, else the new file from its beginning.
        headers |= {"Range": f"bytes={have}-", "If-Range": etag_file.read_text(encoding="latin-1")}
    try:
        with session.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)) as response:
            _check(response)
            start, total = _extent(response, have, part)
            if start == 0:
                # In this order: killed in between, no bytes of one file are left with the ETag of another.
                part.write_bytes(b"")
                _remember_etag(response, etag_file)
            _write(response, part, start, total)
    except (requests.Timeout, requests.ConnectionError, HTTPError) as error:
        raise _told(error, url) from None
    except requests.TooManyRedirects:
        raise ModelError("it redirects in circles") from None
    except (requests.RequestException, ValueError) as error:
        words = describe_transport(error, url)
        if words == NO_ADDRESS and isinstance(error, requests.exceptions.InvalidSchema):
            words = "it redirects to something that is not http(s)"
        raise ModelError(words) from None
    if total is not None and _size(part) != total:
        raise _CutOffError(f"the connection ended {total - _size(part)} bytes early")


def _check(response: requests.Response) -> None:
    status = response.status_code
    if status == 429 or status >= 500:
        raise _CutOffError(f"HTTP {status}")
    if status not in (200, 206, 416):
        raise ModelError(f"HTTP {status}")
    addresses = [answer.url for answer in (*response.history, response)]
    if addresses[0].startswith("https:") and any(address.startswith("http:") for address in addresses):
        raise ModelError("it redirects from https to http")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ModelError(f"it is sent as {response.headers['Content-Encoding']}")


def _extent(response: requests.Response, have: int, part: Path) -> tuple[int, int | None]:
    """At which byte of the file the answer begins, and how many there are in all, where that is said."""
    length = response.raw.length_remaining
    start, total = 0, length
    if response.status_code != 200:
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if not stated or int(stated[1]) != have:
            discard(part)
            raise _CutOffError(f"HTTP {response.status_code} with another range than asked for")
        start, total = have, int(stated[2])
    if total is None and not response.raw.chunked:
        raise ModelError("the answer has no Content-Length, so a whole file cannot be told from a part")
    if total is not None and total > MAX_BYTES:
        raise ModelError(f"it has {total} bytes, over the limit of {MAX_BYTES}")
    return start, total


def _write(response: requests.Response, part: Path, start: int, total: int | None) -> None:
    size = start
    with part.open("ab") as file, _Progress(part.name, start, total) as progress:
        for piece in _pieces(response):
            size += len(piece)
            if size > MAX_BYTES:
                raise ModelError(f"it has over {MAX_BYTES} bytes")
            file.write(piece)
            progress.add(len(piece))


def _pieces(response: requests.Response) -> Iterator[bytes]:
    # What has arrived, not a full chunk: of a connection that breaks nothing is lost.
    while piece := response.raw.read1(CHUNK_BYTES, decode_content=False):
        yield piece


def _remember_etag(response: requests.Response, etag_file: Path) -> None:
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):  # a weak one, W/"...", does not promise the same bytes
        etag_file.write_text(etag, encoding="latin-1")
    else:
        etag_file.unlink(missing_ok=True)


def _told(error: Exception, url: str) -> ModelError:
    """Cut off, which is worth another try, or never connected, which is not."""
    cut_off = isinstance(error, requests.ReadTimeout | HTTPError) or isinstance(error.args[0], ProtocolError)
    return (_CutOffError if cut_off else ModelError)(describe_transport(error, url))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _etag_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


class _Progress:
    """A bar on a terminal; elsewhere a log line every few seconds."""

    def __init__(self, name: str, start: int, total: int | None) -> None:
        self._name, self._bytes, self._total = name, start, total
        self._logged_at = time.monotonic()
        # disable=None: no bar where standard error is no terminal
        self._bar = tqdm(
            desc=name, initial=start, total=total, unit="B", unit_scale=True, unit_divisor=1024, disable=None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def add(self, count: int) -> None:
        self._bytes += count
        self._bar.update(count)
        if self._bar.disable and time.monotonic() - self._logged_at >= LOG_EVERY_S:
            self._logged_at = time.monotonic()
            of_total = f" of {self._total / 1e6:.0f}" if self._total else ""
            log.info("%s: %.0f%s MB", self._name, self._bytes / 1e6, of_total)
