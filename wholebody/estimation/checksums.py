"""The sha256 of a file and its record beside it, as `sha256sum` writes and checks it. Knows nothing of networks."""

import hashlib
import logging
import os
import re
from pathlib import Path

from wholebody.errors import ModelError

log = logging.getLogger(__name__)


def record_of(path: Path) -> Path:
    """Where the sha256 of a file is recorded: `name.onnx.sha256` beside it."""
    return path.with_name(f"{path.name}.sha256")


def sha256_of(path: Path) -> str:
    """The digest of a file in hexadecimal.

    Raises:
        ModelError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); give it to the backend's user") from None


def recorded_sha256(path: Path) -> str | None:
    """What is recorded for a file, which need not exist; `None` where there is no record.

    Raises:
        ModelError: The record is no line of `sha256sum`.
    """
    record = record_of(path)
    try:
        text = record.read_bytes()[:4096].decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{record} cannot be read ({error.strerror}); give it to the backend's user") from None
    line = re.match(r"\\?([0-9a-fA-F]{64})(\s|$)", text)
    if not line:
        raise ModelError(f"{record} holds no sha256; delete it if you trust {path.name}, and it is written anew")
    return line[1].lower()


def write_record(path: Path, sha256: str) -> None:
    """Record the digest of a file in one step: a start that is killed leaves a whole record or none."""
    record = record_of(path)
    part = record.with_name(f"{record.name}.{os.getpid()}.part")
    part.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    part.replace(record)


def verify(path: Path, *, keep_record: bool) -> str:
    """The digest of a file, which must be the recorded one.

    Args:
        path: The file.
        keep_record: Record the digest where none is yet. A folder that cannot be written to is no failure.

    Raises:
        ModelError: The file is not what it was when its digest was recorded.
    """
    sha256, recorded = sha256_of(path), recorded_sha256(path)
    if recorded is None and keep_record:
        try:
            write_record(path, sha256)
        except OSError as error:
            log.warning("%s: its sha256 cannot be recorded, so a change will not be seen: %s", path, error.strerror)
    if recorded not in (None, sha256):
        raise ModelError(
            f"{path} is changed or cut off: its sha256 begins with {sha256[:12]}, recorded is {str(recorded)[:12]}...; "
            f"delete it and start again, or restore it; if the change is yours, delete {record_of(path).name} beside it"
        )
    return sha256
