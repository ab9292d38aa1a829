"""What a run shows while it works: progress bars on standard error, where that is a terminal."""

from typing import Any

from tqdm import tqdm


def show_progress(**options: Any) -> "tqdm[Any]":
    """A tqdm; one that shows nothing where standard error is no terminal."""
    return tqdm(**options, disable=None)
