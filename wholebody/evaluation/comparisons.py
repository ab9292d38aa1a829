"""The pairs of an image as arrays, so that each measure takes all of them at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wholebody.dataset.people import TOLERANCE, Doubles, Person
from wholebody.evaluation.pairing import Outcome, PairedPerson, longer_side
from wholebody.keypoints import MIRRORED, NAMES, SIDES, Side

Masks = npt.NDArray[np.bool_]

SWAPPED = 0.5
"""Two points are swapped if they come nearer than this share of their way by changing places."""

LEAST_SWAP = 0.02
"""Shares of the box's longer side that they must have moved together."""

RIGHT_WITHIN = 0.02
"""A predicted point is right if it was left, or moved by no more than this share of the box's longer side."""

_LEFT = np.array([k for k, side in enumerate(SIDES) if side is Side.LEFT])
_RIGHT = np.array([MIRRORED[k] for k in _LEFT])

_FACE_CORNERS = (NAMES.index("face-36"), NAMES.index("face-45"))
_FACE = slice(NAMES.index("face-0"), NAMES.index("face-67") + 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`n` pairs of an image.

    Attributes:
        outcomes: `(n, 133)` an `Outcome` each.
        hidden: `(n, 133)` whether the annotator marked it as hidden.
        scores: `(n, 133)` as `own_scores` of the prediction.
        pixels: `(n, 133)` how far it was moved; NaN where it is not in both.
        shares: `(n, 133)` the same, over the longer side of the annotated box.
        errors: `(n, 133)` the same for NME: in the face over the distance of the outer corners of the eyes, where both
            are annotated.
        offsets: `(n, 133, 2)` x and y from the annotation to the prediction, over the longer side of the box.
        swaps: `(n,)` how many pairs of left and right points changed places.
    """

    outcomes: npt.NDArray[np.uint8]
    hidden: Masks
    scores: Doubles
    pixels: Doubles
    shares: Doubles
    errors: Doubles
    offsets: Doubles
    swaps: npt.NDArray[np.int64]

    @property
    def right(self) -> Masks:
        """`(n, 133)` whether a keypoint was predicted, and right."""
        return np.asarray((self.shares <= RIGHT_WITHIN) | (self.outcomes == Outcome.UNMOVED))

    @property
    def corrections(self) -> int:
        """How many points were moved, deleted, added or marked as hidden."""
        changed = np.isin(self.outcomes, (Outcome.MOVED, Outcome.DELETED, Outcome.ADDED))
        return int((changed | self.hidden).sum())


def compare(pairs: Sequence[PairedPerson]) -> Comparison:
    """Compare the pairs of an image."""
    count, points = len(pairs), len(NAMES)
    if not pairs:
        empty = np.zeros((0, points))
        offsets, swaps = np.zeros((0, points, 2)), np.zeros(0, np.int64)
        masks = empty.astype(bool)
        return Comparison(empty.astype(np.uint8), masks, empty, empty, empty, empty, offsets, swaps)
    before, after = (np.stack([one.keypoints for one in people]) for people in _sides(pairs))
    sides = np.array([pair.side for pair in pairs])[:, None]
    pixels = np.stack([pair.distances for pair in pairs])
    shares = pixels / sides
    errors = shares.copy()
    between = np.linalg.norm(after[:, _FACE_CORNERS[0]] - after[:, _FACE_CORNERS[1]], axis=1)
    seen = np.stack([pair.corrected.visibility > 0 for pair in pairs])
    has_eyes = seen[:, _FACE_CORNERS].all(axis=1) & (between > 0)
    errors[has_eyes, _FACE] = pixels[has_eyes, _FACE] / between[has_eyes, None]
    both = np.isfinite(pixels)
    offsets = np.where(both[..., None], (before - after) / sides[..., None], 0)
    outcomes = np.stack([pair.outcomes for pair in pairs])
    hidden = np.stack([pair.hidden for pair in pairs])
    scores = np.stack([own_scores(pair.predicted) for pair in pairs])
    swaps = _swaps(before, after, both, sides).reshape(count)
    return Comparison(outcomes, hidden, scores, pixels, shares, errors, offsets, swaps)


def own_scores(person: Person) -> Doubles:
    """`(133,)` the score of each keypoint; NaN where it has none, or shares it with the other joints of a skeleton."""
    shared = {region for region, count in Counter(person.region_ids).items() if count > 1 and region}
    if not shared:
        return person.scores
    return np.where([region in shared for region in person.region_ids], np.nan, person.scores)


def outside_box(person: Person) -> int:
    """How many points of somebody lie outside their drawn box, by more than a little."""
    if person.box is None:
        return 0
    left, top, right, bottom = person.box.xyxy
    low, high = np.minimum((left, top), (right, bottom)), np.maximum((left, top), (right, bottom))
    beyond = np.maximum(low - person.keypoints, person.keypoints - high).max(axis=1)
    return int(((person.visibility > 0) & (beyond > TOLERANCE * longer_side(person.xyxy))).sum())


def _sides(pairs: Sequence[PairedPerson]) -> tuple[list[Person], list[Person]]:
    return [pair.predicted for pair in pairs], [pair.corrected for pair in pairs]


def _swaps(before: Doubles, after: Doubles, both: Masks, sides: Doubles) -> npt.NDArray[np.int64]:
    def way(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> Doubles:
        return np.asarray(np.linalg.norm(before[:, a] - after[:, b], axis=2))

    straight = way(_LEFT, _LEFT) + way(_RIGHT, _RIGHT)
    crossed = way(_LEFT, _RIGHT) + way(_RIGHT, _LEFT)
    there = both[:, _LEFT] & both[:, _RIGHT]
    swapped = there & (crossed < SWAPPED * straight) & (straight > LEAST_SWAP * sides)
    return np.asarray(swapped.sum(axis=1), np.int64)
