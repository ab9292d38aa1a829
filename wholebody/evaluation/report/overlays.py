"""Somebody as predicted and as annotated -> lines to lay over their picture. Paths of SVG, no colors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wholebody.dataset.people import Doubles
from wholebody.evaluation.pairing import Outcome
from wholebody.evaluation.worst import WorstPerson
from wholebody.keypoints import SKELETON
from wholebody.poses import XYXY

LONGER_SIDE = 400.0
"""Of the drawing, in units of it: lines are as thick on every picture."""

CROSS = 3.5
"""Half the width of the cross on a point that was deleted or added."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is drawn over a picture: attributes `d` of paths, empty where there is nothing.

    A point is a line without length, which a round cap makes a dot.

    Attributes:
        width: Of the drawing, in its units.
        height: Of the drawing.
        predicted_bones: The predicted skeleton.
        annotated_bones: The annotated skeleton.
        predicted_points: Where moved points were.
        annotated_points: Where moved points are.
        still_points: Where points are that were not moved.
        moves: From where a moved point was to where it is.
        deleted: Crosses.
        added: Crosses, upright.
    """

    width: float
    height: float
    predicted_bones: str
    annotated_bones: str
    predicted_points: str
    annotated_points: str
    still_points: str
    moves: str
    deleted: str
    added: str


def overlay(person: WorstPerson, xyxy: XYXY) -> Overlay:
    """The drawing for the piece `xyxy` of the image, in pixels."""
    left, top, right, bottom = xyxy
    scale = LONGER_SIDE / max(right - left, bottom - top)
    before, after = ((xy - (left, top)) * scale for xy in (person.predicted, person.corrected))
    outcomes = person.outcomes
    kept = np.isin(outcomes, (Outcome.UNMOVED, Outcome.MOVED))
    moved, deleted, added = (outcomes == one for one in (Outcome.MOVED, Outcome.DELETED, Outcome.ADDED))
    return Overlay(
        width=round((right - left) * scale, 1),
        height=round((bottom - top) * scale, 1),
        predicted_bones=_bones(before, kept | deleted),
        annotated_bones=_bones(after, kept | added),
        predicted_points=_dots(before, moved),
        annotated_points=_dots(after, moved),
        still_points=_dots(after, outcomes == Outcome.UNMOVED),
        moves="".join(_line(before[one], after[one]) for one in np.flatnonzero(moved)),
        deleted="".join(_cross(before[one], turned=True) for one in np.flatnonzero(deleted)),
        added="".join(_cross(after[one], turned=False) for one in np.flatnonzero(added)),
    )


def _bones(xy: Doubles, is_there: Flags) -> str:
    edges = [edge for edges in SKELETON.values() for edge in edges]
    return "".join(_line(xy[a], xy[b]) for a, b in edges if is_there[a] and is_there[b])


def _dots(xy: Doubles, chosen: Flags) -> str:
    return "".join(f"M{_place(one)}h0" for one in xy[chosen])


def _line(start: Doubles, end: Doubles) -> str:
    return f"M{_place(start)}L{_place(end)}"


def _cross(xy: Doubles, *, turned: bool) -> str:
    arms = [(CROSS, CROSS), (CROSS, -CROSS)] if turned else [(CROSS, 0.0), (0.0, CROSS)]
    return "".join(_line(xy - arm, xy + arm) for arm in np.array(arms))


def _place(xy: Doubles) -> str:
    return f"{xy[0]:.1f},{xy[1]:.1f}"
