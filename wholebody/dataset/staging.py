"""A folder that is there whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wholebody.errors import DatasetError

FETCHED = "fetched"
"""Pictures that an interrupted export has fetched: the next one takes them from here."""


@contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out`, which becomes `out` at the end; after an error only fetched pictures stay in it.

    Raises:
        DatasetError: `out` is there already, or cannot be written.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DatasetError(f"{out} is there already; delete it, or choose another folder with --out")
    partial = out.with_name(f"{out.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        _clear(partial)
        (partial / FETCHED).mkdir(exist_ok=True)
        try:
            yield partial
        except BaseException:
            _clear(partial)
            if not any((partial / FETCHED).iterdir()):
                shutil.rmtree(partial)
            raise
        shutil.rmtree(partial / FETCHED)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except OSError as error:
        raise DatasetError(f"{out} cannot be written: {error.strerror or error}") from None


def _clear(partial: Path) -> None:
    for path in partial.iterdir():
        if path.is_dir() and path.name != FETCHED and not path.is_symlink():
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink()
