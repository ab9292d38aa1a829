"""What became of keypoints: counted, measured, and said of any of them together."""

from typing import Any, Final

import numpy as np

from wholebody.evaluation.comparisons import Comparison
from wholebody.evaluation.distances import Distances
from wholebody.evaluation.pairing import Outcome
from wholebody.keypoints import NAMES, PART_SLICES, PARTS, Part

PCK_AT: Final = (0.05, 0.1, 0.2)
"""Shares of the longer side of the box."""

_COUNTED: Final = (Outcome.UNMOVED, Outcome.MOVED, Outcome.DELETED, Outcome.ADDED)
_PART_ROWS: Final = np.array([list(Part).index(part) for part in PARTS])

Json = dict[str, Any]


class PointCounts:
    """Numbers of each keypoint, over any number of pairs.

    Args:
        by_keypoint: Whether medians are wanted of each keypoint; else of each part.
        of_equals: Whether neither of two people was made out of the other: then the numbers say what both have, what
            is the same, and what one has alone.
    """

    def __init__(self, *, by_keypoint: bool = True, of_equals: bool = False) -> None:
        count = len(NAMES)
        self._of_equals = of_equals
        self._outcomes = {outcome: np.zeros(count, np.int64) for outcome in _COUNTED}
        self._hidden = np.zeros(count, np.int64)
        self._right = np.zeros((len(PCK_AT), count), np.int64)
        self._error = np.zeros(count)
        self._offset, self._squares = np.zeros((count, 2)), np.zeros(count)
        self._rows = np.arange(count) if by_keypoint else _PART_ROWS
        rows = int(self._rows.max()) + 1
        self._pixels, self._shares = Distances(rows), Distances(rows)

    def add(self, compared: Comparison) -> None:
        """Count the pairs of an image."""
        for outcome, counts in self._outcomes.items():
            counts += (compared.outcomes == outcome).sum(axis=0)
        self._hidden += compared.hidden.sum(axis=0)
        for at, right in zip(PCK_AT, self._right, strict=True):
            right += (compared.shares <= at).sum(axis=0)
        self._error += np.nansum(compared.errors, axis=0)
        self._offset += compared.offsets.sum(axis=0)
        self._squares += (compared.offsets**2).sum(axis=(0, 2))
        moved = compared.outcomes == Outcome.MOVED
        rows = self._rows[np.nonzero(moved)[1]]
        self._pixels.add(rows, compared.pixels[moved])
        self._shares.add(rows, compared.shares[moved])

    def all(self) -> Json:
        """Of all keypoints together."""
        return self._numbers(slice(None), slice(None))

    def parts(self) -> dict[str, Json]:
        """Of each body part."""
        is_by_part = len(self._rows) != self._rows.max() + 1
        spans = zip(PART_SLICES.items(), range(len(PART_SLICES)), strict=True)
        return {part.value: self._numbers(span, number if is_by_part else span) for (part, span), number in spans}

    def keypoints(self) -> dict[str, Json]:
        """Of each keypoint that was predicted or annotated."""
        seen = np.flatnonzero(sum(self._outcomes.values()))
        return {NAMES[k]: self._numbers(slice(k, k + 1), slice(k, k + 1)) for k in seen.tolist()}

    def _numbers(self, span: slice, rows: Any) -> Json:
        unmoved, moved, deleted, added = (int(self._outcomes[outcome][span].sum()) for outcome in _COUNTED)
        both = unmoved + moved
        right = [int(one) for one in self._right[:, span].sum(axis=1)]
        pixels, shares = _median(self._pixels, rows), _median(self._shares, rows)
        nme = float(self._error[span].sum()) / both if both else None
        if self._of_equals:
            counts = {"both": both, "same": unmoved, "one": deleted + added}
            return {**counts, "apart_px": pixels, "apart_share": shares, "pck": _pck(right, both), "nme": nme}
        return {
            "predicted": both + deleted,
            "unmoved": unmoved,
            "moved": moved,
            "deleted": deleted,
            "added": added,
            "hidden": int(self._hidden[span].sum()),
            "moved_px": pixels,
            "moved_share": shares,
            "pck": _pck(right, both + added),
            "nme": nme,
            "offset": offset_numbers(both, self._offset[span].sum(axis=0), float(self._squares[span].sum())),
        }


def offset_numbers(count: int, summed: Any, squares: float) -> Json:
    """Where points lie on average beside where they should, and how far they stray from there.

    Args:
        count: How many there were.
        summed: The sum of their offsets in x and y.
        squares: The sum of their squared lengths.
    """
    if not count:
        return {"x": None, "y": None, "noise": None}
    x, y = (float(one) / count for one in summed)
    return {"x": x, "y": y, "noise": max(squares / count - x * x - y * y, 0.0) ** 0.5}


def _pck(right: list[int], count: int) -> Json:
    return {f"{at}": number / count if count else None for at, number in zip(PCK_AT, right, strict=True)}


def _median(distances: Distances, rows: Any) -> Json:
    median, p95 = distances.quantiles(rows, (0.5, 0.95))
    return {"median": median, "p95": p95}
