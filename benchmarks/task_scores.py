"""Which score of a task leads a reviewer to the errors first: `python -m benchmarks.task_scores`.

The people are those of the test data (WHOLEBODY_TESTDATA), as they are and degraded in many ways. Tasks are made of
them: one to ten people each, most of them as they are. An error is a marked keypoint that an annotator would have to
correct: it is left out for its score, or too far from its true place (see `score_ranking`). The tasks are sorted by
each candidate, the lowest score first; what counts is the share of all errors that lies in the first tenth: of the
tasks, and of the people, since a task with many people is more work. Two ways to mix: each person is degraded or not
by itself, or all people of a task alike.

Some of the people get errors that scores cannot know of: the left and right of their legs are swapped, or a second
person lies on a first one. Candidates with calibrated scores take these from curves that were learned from other draws
of the same people: what a share of points is right, and what their OKS is.

Only four people of two pictures are behind it, and a small network: only large differences mean something.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import click
import numpy as np
from scipy.optimize import isotonic_regression

from benchmarks.degraded import shown_people
from benchmarks.inputs import testdata_folder, testdata_settings
from benchmarks.score_ranking import is_right
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.weights import find_weights
from wholebody.keypoints import MIRRORED, NAMES, PART_SLICES, SIGMAS, Part
from wholebody.poses import Floats

THRESHOLD = 0.3
FIRST = 0.1
LIMBS = [
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("shoulder", "hip"),
]
LONGEST_LIMB = 0.45
"""Of the longer side of the box; a longer one is impossible."""
LEGS = [NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
ON_ANOTHER, SWAPPED = 0.02, 0.02
"""Shares of the people with errors that no score knows of."""
PENALTY = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """A person as predicted.

    Attributes:
        scores: `(133,)` float32, 0..1.
        errors: How many of the marked points are wrong.
        marked: How many are marked.
        impossible: Share of the limbs that are too long.
        degraded: Whether the picture was made worse.
        crossed: Whether shoulders and hips point to different sides.
        shares: Whether the points are those of somebody else in the picture too.
        right: `(133,)` bool, which points are right.
        oks: `(133,)` what each point adds to the OKS, 0..1.
        crossed_if_swapped: What `crossed` would be with the legs swapped.
        legs: How many marked points of the legs are right, which a swap makes wrong.
        expected_right: `(133,)` calibrated scores; `expected_oks` likewise.
    """

    scores: Floats
    errors: int
    marked: int
    impossible: float
    degraded: bool
    crossed: bool = False
    shares: bool = False
    right: np.ndarray | None = None
    oks: np.ndarray | None = None
    crossed_if_swapped: bool = False
    legs: int = 0
    expected_right: np.ndarray | None = None
    expected_oks: np.ndarray | None = None


Task = list[Seen]


def look(estimator: Estimator, draws: int, tolerance: float, rng: np.random.Generator) -> list[Seen]:
    """Everybody of the test data, in all conditions."""
    folder = testdata_folder()
    if folder is None:
        raise click.ClickException("no test data: set WHOLEBODY_TESTDATA")
    seen = []
    for shown in shown_people(folder, draws, rng):
        poses = estimator.pose(shown.person.bgr, shown.xyxy[None], np.ones(1, np.float32))
        scores, keypoints = poses.scores[0], poses.keypoints[0]
        marked = shown.person.labelled
        right = is_right(shown, keypoints, tolerance) & (scores >= THRESHOLD)
        longer = float((shown.xyxy[2:] - shown.xyxy[:2]).max())
        errors = int((marked & ~right).sum())
        impossible = _impossible(keypoints, longer)
        swapped = keypoints.copy()
        swapped[LEGS] = keypoints[[MIRRORED[joint] for joint in LEGS]]
        area = 0.53 * float((shown.xyxy[2:] - shown.xyxy[:2]).prod())
        squared = ((keypoints - shown.person.keypoints) ** 2).sum(axis=1)
        oks = np.exp(-squared / (2 * (2 * np.array(SIGMAS)) ** 2 * area)) * (scores >= THRESHOLD)
        seen.append(
            Seen(
                scores,
                errors,
                int(marked.sum()),
                impossible,
                shown.kind not in ("clean", "other file"),
                crossed=_crossed(keypoints),
                right=np.where(marked, right, -1),
                oks=oks,
                crossed_if_swapped=_crossed(swapped),
                legs=int((marked & right)[LEGS].sum()),
            )
        )
    return seen


def _crossed(keypoints: Floats) -> bool:
    """Whether the shoulders run from left to right and the hips from right to left, or the other way round."""
    shoulders, hips = (
        keypoints[NAMES.index(f"left_{joint}")] - keypoints[NAMES.index(f"right_{joint}")]
        for joint in ("shoulder", "hip")
    )
    return float(shoulders @ hips) < 0


def with_expectations(people: list[Seen]) -> list[Seen]:
    """Every second person of a list, with what is expected of their scores by the others."""
    teachers, pupils = people[::2], people[1::2]
    curves = {
        part: tuple(
            _rising(
                np.concatenate([one.scores[span][one.right[span] >= 0] for one in teachers]),
                np.concatenate([truth(one)[span][one.right[span] >= 0] for one in teachers]),
            )
            for truth in (lambda one: one.right, lambda one: one.oks)
        )
        for part, span in PART_SLICES.items()
    }
    done = []
    for one in pupils:
        expected = np.zeros((2, len(NAMES)))
        for part, span in PART_SLICES.items():
            for row, curve in zip(expected, curves[part], strict=True):
                row[span] = curve(one.scores[span])
        done.append(replace(one, expected_right=expected[0], expected_oks=expected[1]))
    return done


def _rising(scores: np.ndarray, truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The rising curve from scores to the mean of what is true; scores below the threshold are nothing."""
    if not len(scores):
        return lambda given: given
    order = np.argsort(scores, kind="stable")
    fitted = isotonic_regression(truth[order].astype(float)).x
    return lambda given: np.interp(given, scores[order], fitted)


def _impossible(keypoints: Floats, longer: float) -> float:
    lengths = [
        np.linalg.norm(keypoints[NAMES.index(f"{side}_{one}")] - keypoints[NAMES.index(f"{side}_{other}")])
        for side in ("left", "right")
        for one, other in LIMBS
    ]
    return float((np.array(lengths) > LONGEST_LIMB * longer).mean())


def _means(task: Task) -> Floats:
    return np.array([person.scores.mean() for person in task])


def _expected(task: Task, what: str) -> np.ndarray:
    """Of each person the mean of all points."""
    return np.array([getattr(person, what).mean() for person in task])


def _penalties(task: Task) -> np.ndarray:
    """Factors: less where limbs are impossible, hips are crossed with shoulders, or points are another person's."""
    return np.array([(1 - one.impossible) * PENALTY ** (int(one.crossed) + int(one.shares)) for one in task])


def _worst_part(person: Seen) -> float:
    return min(float(person.scores[PART_SLICES[part]].mean()) for part in Part)


CANDIDATES: dict[str, Callable[[Task], float]] = {
    "mean of all": lambda task: float(_means(task).mean()),
    "worst person": lambda task: float(_means(task).min()),
    "mean of all and worst": lambda task: float((_means(task).mean() + _means(task).min()) / 2),
    "worst person, median point": lambda task: min(float(np.median(person.scores)) for person in task),
    "worst person, lowest quarter": lambda task: min(float(np.percentile(person.scores, 25)) for person in task),
    "worst person's worst part": lambda task: min(map(_worst_part, task)),
    "lowest tenth of all points": lambda task: float(np.percentile([p.scores for p in task], 10)),
    "worst person, points given": lambda task: min(float((p.scores >= THRESHOLD).mean()) for p in task),
    "worst person, impossible limbs": lambda task: min(float(p.scores.mean() * (1 - p.impossible)) for p in task),
    "share right expected": lambda task: _expected(task, "expected_right").mean(),
    "share right expected, worst person": lambda task: _expected(task, "expected_right").min(),
    "OKS expected": lambda task: _expected(task, "expected_oks").mean(),
    "OKS expected, worst person": lambda task: _expected(task, "expected_oks").min(),
    "OKS expected, mean and worst": lambda task: (
        _expected(task, "expected_oks").mean() + _expected(task, "expected_oks").min()
    ),
    "mean, penalties": lambda task: float((_means(task) * _penalties(task)).mean()),
    "OKS expected, penalties": lambda task: (_expected(task, "expected_oks") * _penalties(task)).mean(),
    "OKS expected, penalties, worst": lambda task: (_expected(task, "expected_oks") * _penalties(task)).min(),
    "sum of doubts of expected OKS": lambda task: -(1 - _expected(task, "expected_oks")).sum(),
    "sum of doubts": lambda task: -float((1 - _means(task)).sum()),
    "number of people": lambda task: -float(len(task)),
    "truth: errors": lambda task: -float(sum(person.errors for person in task)),
    "truth: errors a person": lambda task: -float(np.mean([person.errors for person in task])),
}
"""Name -> score of a task; the first is that of the product, the last two are what no score can surpass."""


def make_tasks(people: Sequence[Seen], count: int, share: float, alike: bool, rng: np.random.Generator) -> list[Task]:
    """Tasks of one to ten people, `share` of whom are degraded, each by itself or all of a task alike."""
    clean, worse = ([one for one in people if one.degraded is degraded] for degraded in (False, True))
    tasks = []
    for _ in range(count):
        size = int(rng.integers(1, 11))
        ruined = np.full(size, rng.random() < share) if alike else rng.random(size) < share
        task = [(worse if bad else clean)[int(rng.integers(len(worse if bad else clean)))] for bad in ruined]
        tasks.append([_unknown_to_scores(one, task, rng) for one in task])
    return tasks


def _unknown_to_scores(one: Seen, task: Task, rng: np.random.Generator) -> Seen:
    """Somebody, perhaps with errors that no score knows of."""
    if len(task) > 1 and rng.random() < ON_ANOTHER:
        other = task[int(rng.integers(len(task)))]
        return replace(other, errors=one.marked, marked=one.marked, shares=True)
    if one.legs and rng.random() < SWAPPED:
        return replace(one, errors=one.errors + one.legs, crossed=one.crossed_if_swapped)
    return one


def found(tasks: Sequence[Task], score: Callable[[Task], float]) -> tuple[float, float]:
    """Share of all errors in the tenth of the tasks, and of the people, that come first by a score."""
    order = np.argsort([score(task) for task in tasks], kind="stable")
    errors = np.array([sum(person.errors for person in tasks[number]) for number in order])
    people = np.array([len(tasks[number]) for number in order])
    share = np.append(0, errors.cumsum()) / errors.sum()
    by_people = np.interp(FIRST, np.append(0, people.cumsum()) / people.sum(), share)
    return float(share[round(FIRST * len(tasks))]), float(by_people)


@click.command(help=__doc__)
@click.option("--draws", default=16, show_default=True, help="Of each degradation of each person.")
@click.option("--tasks", "count", default=500, show_default=True, help="Tasks in a set.")
@click.option("--sets", default=20, show_default=True, help="Sets of tasks, each drawn anew.")
@click.option("--share", default=0.15, show_default=True, help="Of the people that are degraded.")
@click.option("--tolerance", default=2.0, show_default=True, help="Times the tolerance of `score_ranking`.")
def main(draws: int, count: int, sets: int, share: float, tolerance: float) -> None:
    """Measure and print the table."""
    given = testdata_settings()
    if given is None:
        raise click.ClickException("no test data: set WHOLEBODY_TESTDATA")
    estimator = load_estimator(given[0], find_weights(given[0]), threads=0, concurrency=1)
    people = with_expectations(look(estimator, draws, tolerance, np.random.default_rng(7)))
    for degraded in (False, True):
        some = [one for one in people if one.degraded is degraded]
        wrong = sum(one.errors for one in some) / sum(one.marked for one in some)
        click.echo(f"{len(some)} people {'degraded' if degraded else 'as they are'}: {wrong:.1%} of the points wrong")
    rng = np.random.default_rng(11)
    mixes = {
        name: [make_tasks(people, count, share, alike, rng) for _ in range(sets)]
        for name, alike in (("mixed", False), ("alike", True))
    }
    heads = "".join(f"{f'of {what}, {mix}':>24}" for mix in mixes for what in ("tasks", "people"))
    click.echo(f"\n{'errors in the first tenth':32}{heads}   (mean and range of {sets} sets)")
    for name, score in CANDIDATES.items():
        shares = [
            column for drawn in mixes.values() for column in zip(*(found(one, score) for one in drawn), strict=True)
        ]
        cells = [f"{np.mean(column):.2f} ({min(column):.2f} to {max(column):.2f})" for column in shares]
        click.echo(f"{name:32}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
