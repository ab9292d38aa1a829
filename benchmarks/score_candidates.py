"""Numbers computed from the two rows of a keypoint that may say whether it is right. More is better in each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wholebody.poses import Floats

CROP_WH = (192, 256)
APART = 24
"""Bins from a row's peak, from which on another one counts as a second peak: 12 pixels of the crop."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The two rows of each keypoint of a person.

    Attributes:
        x: `(k, 384)` float32 in units of the network; `y`: `(k, 512)`.
        size: Longer side of the person's box in crop pixels.
    """

    x: Floats
    y: Floats
    size: float

    @property
    def both(self) -> tuple[Floats, Floats]:
        """The rows of each axis."""
        return self.x, self.y


Score = Callable[[Rows], Floats]


def peaks(rows: Rows) -> Floats:
    """`(2, k)` highest value of each row."""
    return np.stack([row.max(axis=1) for row in rows.both])


def softmax(row: Floats, beta: float) -> Floats:
    """`(k, bins)` probabilities."""
    raised = np.exp(np.float32(beta) * (row - row.max(axis=1, keepdims=True)))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def sharpness(beta: float, join: Callable[..., Floats] = np.min) -> Score:
    """The highest probability, 0..1."""
    return lambda rows: join([softmax(row, beta).max(axis=1) for row in rows.both], axis=0)


def certainty(beta: float) -> Score:
    """1 less the entropy over the most that it can be, 0..1."""

    def score(rows: Rows) -> Floats:
        parts = []
        for row in rows.both:
            p = softmax(row, beta)
            parts.append(1 + (p * np.log(p + np.float32(1e-12))).sum(axis=1) / np.log(row.shape[1]))
        return np.mean(parts, axis=0)

    return score


def spread(rows: Rows, beta: float) -> Floats:
    """`(k,)` standard deviation of both axes' probabilities together, in crop pixels."""
    variance = np.zeros(len(rows.x), np.float32)
    for row in rows.both:
        p, bins = softmax(row, beta), np.arange(row.shape[1], dtype=np.float32) / 2
        mean = p @ bins
        variance += (p @ bins**2 - mean**2).clip(0)
    return np.sqrt(variance)


def narrow_in_crop(beta: float) -> Score:
    """1 less the spread over the crop's longer side, 0..1."""
    return lambda rows: (1 - spread(rows, beta) / max(CROP_WH)).clip(0, 1)


def narrow_on_person(beta: float) -> Score:
    """1 less the spread over the person's longer side, 0..1."""
    return lambda rows: (1 - spread(rows, beta) / np.float32(rows.size)).clip(0, 1)


def lead(rows: Rows) -> Floats:
    """`(k,)` by how much the peak passes the highest value elsewhere, on the worse axis."""
    parts = []
    for row in rows.both:
        elsewhere = np.abs(np.arange(row.shape[1]) - row.argmax(axis=1)[:, None]) > APART
        parts.append(row.max(axis=1) - row.max(axis=1, where=elsewhere, initial=-np.inf))
    return np.min(parts, axis=0)


def single(rows: Rows) -> Floats:
    """`(k,)` the lead as a share of the peak, 0..1: says nothing of its height."""
    return np.asarray((lead(rows) / peaks(rows).min(axis=0).clip(1e-6)).clip(0, 1), np.float32)


def slim(rows: Rows) -> Floats:
    """`(k,)` 1 less the share of the row that is over half its peak, mean of the axes."""
    return np.mean([1 - (row > row.max(axis=1, keepdims=True) / 2).mean(axis=1) for row in rows.both], axis=0)


def above_floor(rows: Rows) -> Floats:
    """`(k,)` how far the peaks stand above the mean of their rows."""
    return np.mean([row.max(axis=1) - row.mean(axis=1) for row in rows.both], axis=0)


CANDIDATES: dict[str, Score] = {
    "mean peak (rtmlib)": lambda rows: peaks(rows).mean(axis=0),
    "smaller peak (mmpose)": lambda rows: peaks(rows).min(axis=0),
    "product of peaks": lambda rows: peaks(rows).clip(0).prod(axis=0),
    "peak above mean of row": above_floor,
    **{f"softmax peak, beta {beta}": sharpness(beta) for beta in (1, 3, 6, 10, 20, 50, 150)},
    "softmax peak 10, mean": sharpness(10, np.mean),
    **{f"entropy, beta {beta}": certainty(beta) for beta in (3, 6, 10, 20)},
    **{f"spread in crop, beta {beta}": narrow_in_crop(beta) for beta in (1, 3, 6, 10, 20)},
    **{f"spread on person, beta {beta}": narrow_on_person(beta) for beta in (1, 3, 6, 10, 20)},
    "lead": lead,
    "lead over peak": single,
    "half-width": slim,
    "mean peak x lead over peak": lambda rows: peaks(rows).mean(axis=0) * single(rows),
    "mean peak x half-width": lambda rows: peaks(rows).mean(axis=0) * slim(rows),
    "mean peak x spread in crop 6": lambda rows: peaks(rows).mean(axis=0) * narrow_in_crop(6)(rows),
    "mean peak x entropy 10": lambda rows: peaks(rows).mean(axis=0) * certainty(10)(rows),
    "smaller peak x softmax peak 10": lambda rows: peaks(rows).min(axis=0) * sharpness(10)(rows),
}
BASE = next(iter(CANDIDATES))
