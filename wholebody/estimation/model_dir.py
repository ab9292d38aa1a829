"""MODEL_DIR: which file an address is kept as there, and how it gets there whole, once. Knows no settings."""

import hashlib
import logging
import os
import shutil
import zipfile
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from wholebody.errors import ModelError
from wholebody.estimation.checksums import record_of, recorded_sha256, sha256_of, write_record
from wholebody.estimation.downloads import MAX_BYTES, discard, download, shown

log = logging.getLogger(__name__)

IN_ARCHIVE = "end2end.onnx"
"""The network's name in the archives of OpenMMLab, below a folder."""

_BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def kept_as(url: str, model_dir: Path) -> tuple[Path, Path]:
    """Where the file of an address is: the ONNX file, or what is downloaded, an archive that it is in.

    Raises:
        ModelError: The address ends in no file name.
    """
    filename = urlsplit(url).path.rpartition("/")[2]
    stem = filename.split(".")[0]
    if not stem:
        raise ModelError(f"{shown(url)}: the address must end in the name of a file, such as pose.onnx or pose.zip")
    onnx = f"{stem}.onnx" if filename.lower().endswith(".zip") else filename
    return model_dir / onnx, model_dir / filename


def obtain(url: str, alternative: str | None, model_dir: Path) -> Path:
    """The ONNX file of an address, downloaded and unpacked if it is not there yet.

    Args:
        url: Of an ONNX file, or of a zip with one.
        alternative: Another address of the same file, tried where the first fails; or `None`.
        model_dir: Made where it is not there. One process at a time downloads to it; others wait.

    Raises:
        ModelError: The reason alone.
    """
    onnx, archive = kept_as(url, model_dir)
    if onnx.is_file():
        return onnx
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        with _lock(model_dir):
            if onnx.is_file():  # another process was first
                return onnx
            if archive.is_file():  # put there by hand
                _unpack(archive, onnx)
                archive.unlink()
            else:
                _download_from(url, alternative, onnx)
    except OSError as error:
        raise ModelError(f"{error.filename or model_dir}: {error.strerror or error}") from None
    return onnx


def _lock(model_dir: Path) -> AbstractContextManager[object]:
    """Held until its process leaves the `with`, or dies, whichever way."""
    lock = FileLock(model_dir / ".download.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another process that downloads to %s", model_dir)
        return lock.acquire()


def _download_from(url: str, alternative: str | None, onnx: Path) -> None:
    try:
        _download(url, onnx)
    except ModelError as error:
        if alternative is None:
            raise
        log.warning("%s: %s; trying %s", shown(url), error, shown(alternative))
        try:
            _download(alternative, onnx)
        except ModelError as second:
            raise ModelError(f"{error}; from {urlsplit(alternative).hostname}: {second}") from None


def _download(url: str, onnx: Path) -> None:
    _, archive = kept_as(url, onnx.parent)
    address = hashlib.sha256(url.encode()).hexdigest()[:8]  # what one address has sent is not gone on with from another
    part = archive.with_name(f"{archive.name}.{address}.part")
    log.info("downloading %s to %s", shown(url), onnx)
    download(url, part)
    try:
        if archive == onnx:
            _put(part, onnx)
        else:
            _unpack(part, onnx)
    finally:
        discard(part)
    for left_over in onnx.parent.glob(f"{archive.name}.*.part*"):  # of other addresses
        left_over.unlink(missing_ok=True)


def _unpack(archive: Path, onnx: Path) -> None:
    """Take the network alone out of an archive; no name in the archive becomes a name on the disk."""
    part = onnx.with_name(f"{onnx.name}.part")
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [entry for entry in opened.infolist() if entry.filename.rpartition("/")[2] == IN_ARCHIVE]
            if not found:
                raise ModelError(f"{archive.name} has no {IN_ARCHIVE} in it")
            if found[0].file_size > MAX_BYTES:
                raise ModelError(f"{IN_ARCHIVE} in {archive.name} has {found[0].file_size} bytes, over {MAX_BYTES}")
            with opened.open(found[0]) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        _put(part, onnx)
    except _BROKEN_ARCHIVE as error:
        raise ModelError(f"{archive.name} is no zip archive, or a damaged one ({error})") from None
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, onnx: Path) -> None:
    """Give a complete file its name, in one step and with its digest recorded.

    Raises:
        ModelError: It is not the file whose digest was recorded earlier, or by hand.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    sha256, recorded = sha256_of(part), recorded_sha256(onnx)
    if recorded not in (None, sha256):
        raise ModelError(
            f"what it sends is another file than before: its sha256 begins with {sha256[:12]}, recorded is "
            f"{str(recorded)[:12]}...; if that is right, delete {record_of(onnx)}"
        )
    write_record(onnx, sha256)
    part.replace(onnx)
