"""Medians of any number of distances, in little memory."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wholebody.dataset.people import Doubles

LEAST, DECADES, STEPS = 1e-5, 10, 80
"""From a hundred-thousandth on, ten powers of ten, each in so many steps: what is told is within 3 %."""

_BINS: Final = DECADES * STEPS


class Distances:
    """Distances, counted in bins that grow with them, in several rows.

    Args:
        rows: How many rows there are.
    """

    def __init__(self, rows: int) -> None:
        self._counts = np.zeros((rows, _BINS), np.uint32)

    def add(self, rows: npt.NDArray[Any], distances: Doubles) -> None:
        """Count distances, each in its row."""
        bins = np.log10(np.maximum(distances, LEAST) / LEAST) * STEPS
        np.add.at(self._counts, (rows, bins.astype(np.int64).clip(0, _BINS - 1)), 1)

    def quantiles(self, rows: Any, shares: tuple[float, ...]) -> list[float | None]:
        """The distances below which these shares of some rows lie; `None` where there are none."""
        counts = self._counts[rows].reshape(-1, _BINS).sum(axis=0, dtype=np.int64)
        total = int(counts.sum())
        if not total:
            return [None for _ in shares]
        below = np.cumsum(counts)
        found: list[float | None] = []
        for share in shares:
            place = int(np.searchsorted(below, share * total))
            into = (share * total - (below[place] - counts[place])) / counts[place]
            found.append(float(LEAST * 10 ** ((place + into) / STEPS)))
        return found
