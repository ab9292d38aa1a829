"""Counted scores -> a calibration: a rising curve a part, judged on tasks that it does not know."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wholebody.dataset.people import Doubles
from wholebody.estimation.calibration import Curve, PartRecord
from wholebody.evaluation.packages import needed
from wholebody.evaluation.score_tally import FOLDS, RIGHT, STEPS, Counts, ScoreTally
from wholebody.keypoints import Part

FEWEST_POINTS: Final = 300
FEWEST_TASKS: Final = 40
FEWEST_OF_A_KIND: Final = 25
"""Of the points that were left, and of those that were not: without any of them a curve says nothing."""

GROUP: Final = 50
MOST_GROUPS: Final = 50
"""Neighbouring scores are put together until there are about so many points: the share of a few says little."""

IDENTITY_SHARE: Final = 0.02
"""So much of a curve is the straight line from 0 to 1: then it rises everywhere, keeps the order of all scores, and can
be undone from scores of four digits."""

LEAST_STEP: Final = 1 / STEPS
"""Between two points of a curve."""

BINS: Final = 10
DIGITS: Final = 8

_SCORES: Final = np.arange(STEPS + 1) / STEPS


@dataclass(frozen=True, slots=True)
class PartResult:
    """What came of a part.

    Attributes:
        record: For the file.
        missing: What more it needs for a curve, in words; `""` where it has enough.
    """

    record: PartRecord
    missing: str


def calibrate_parts(tally: ScoreTally) -> dict[Part, PartResult]:
    """Learn a curve for each part that has enough points, and whose curve tells more truth on tasks unknown to it.

    Raises:
        SettingsError: scipy is not installed.
    """
    return {part: _calibrate(tally.counts[:, number], int(tally.tasks[number])) for number, part in enumerate(Part)}


def fit(counts: Counts) -> Curve:
    """The rising curve that is nearest to the share of points that were left, by isotonic regression.

    It is straight between groups of scores. Of scores below the least that was seen nothing is known: there it is
    straight from 0.

    Args:
        counts: `(STEPS + 1, 2)` of points by score, wrong and right; at least one.

    Raises:
        SettingsError: scipy is not installed.
    """
    of_group, scores, shares = _groups(counts)
    found = needed("scipy.optimize").isotonic_regression(shares, weights=of_group).x
    least, most = _SCORES[np.flatnonzero(counts.sum(axis=1))[[0, -1]]]
    score, right = np.concatenate([[least], scores, [most]]), np.concatenate([found[:1], found, found[-1:]])
    apart = np.diff(score, append=1) >= LEAST_STEP
    inside = apart & (score >= LEAST_STEP)
    score = np.concatenate([[0], score[inside], [1]])
    right = np.concatenate([[0], right[inside], found[-1:]])
    right = (1 - IDENTITY_SHARE) * right + IDENTITY_SHARE * score
    return Curve(score=tuple(score.round(DIGITS).tolist()), right=tuple(right.round(DIGITS).tolist()))


def calibration_error(counts: Counts, scores: Doubles) -> float:
    """The expected calibration error: how far scores are from the share of right points, over ten equal bins.

    Args:
        counts: `(STEPS + 1, 2)`.
        scores: `(STEPS + 1,)` what the score of each step is taken for.
    """
    total = counts.sum(axis=1)
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    said = np.bincount(bins, total * scores, BINS)
    right = np.bincount(bins, counts[:, RIGHT], BINS)
    return float(np.abs(said - right).sum() / total.sum())


def _calibrate(counts: Counts, tasks: int) -> PartResult:
    whole = counts.sum(axis=0)
    points, right = int(whole.sum()), int(whole[:, RIGHT].sum())
    share = right / points if points else None
    before = _error_by_folds(counts, [_SCORES] * FOLDS) if points else None
    empty_folds = int((counts.sum(axis=(1, 2)) == 0).sum())
    if missing := _missing(points, right, tasks, empty_folds):
        return PartResult(_record(None, points, tasks, share, before, None), missing)
    after = _error_by_folds(counts, [_learned(whole - fold) for fold in counts])
    curve = fit(whole) if before is not None and after < before else None
    return PartResult(_record(curve, points, tasks, share, before, after), "")


def _learned(counts: Counts) -> Doubles:
    """What scores become by what these points say."""
    return fit(counts).apply(_SCORES) if counts.any() else _SCORES


def _error_by_folds(counts: Counts, scores: Sequence[Doubles]) -> float:
    """The calibration errors of the folds, by their points. Of all folds together it would be too small: what one is
    above what was learned from the others, these are below what was learned with it."""
    points = counts.sum(axis=(1, 2))
    errors = [calibration_error(*fold) if fold[0].any() else 0.0 for fold in zip(counts, scores, strict=True)]
    return float(np.average(errors, weights=points))


def _missing(points: int, right: int, tasks: int, empty_folds: int) -> str:
    """What more a part needs, in words."""
    wanted = (
        (FEWEST_POINTS - points, "points"),
        (FEWEST_TASKS - tasks, "tasks"),
        (FEWEST_OF_A_KIND - right, "points that annotators left"),
        (FEWEST_OF_A_KIND - (points - right), "points that annotators corrected"),
        (empty_folds if tasks >= FEWEST_TASKS else 0, "different pictures"),
    )
    return " and ".join(f"{count} more {what}" for count, what in wanted if count > 0)


def _groups(counts: Counts) -> tuple[Doubles, Doubles, Doubles]:
    """Points in groups of neighbouring scores: how many, their mean score, the share of right ones."""
    total = counts.sum(axis=1)
    groups = min(max(int(total.sum()) // GROUP, 1), MOST_GROUPS)
    group = (np.cumsum(total) - 1).clip(0) * groups // total.sum()
    used = total > 0
    _, group = np.unique(group[used], return_inverse=True)
    of_group = np.bincount(group, total[used]).astype(np.float64)
    return (
        of_group,
        np.bincount(group, (total * _SCORES)[used]) / of_group,
        np.bincount(group, counts[used, RIGHT]) / of_group,
    )


def _record(
    curve: Curve | None, points: int, tasks: int, share: float | None, before: float | None, after: float | None
) -> PartRecord:
    return PartRecord(curve=curve, points=points, tasks=tasks, right=share, error_before=before, error_after=after)
