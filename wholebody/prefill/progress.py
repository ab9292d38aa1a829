"""What a run shows while it works: progress bars on standard error, where that is a terminal."""

import sys
from typing import Any

from tqdm import tqdm


def show_progress(**options: Any) -> "tqdm[Any]":
    """A tqdm; one that shows nothing where standard error is no terminal, or was closed before the start."""
    return tqdm(**options, disable=True if sys.stderr is None else None)
