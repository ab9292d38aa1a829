"""The one share that the report sorts and colors by, and what it is called."""

from dataclasses import dataclass
from typing import Any

from wholebody.evaluation.report.words import share, within

NEAR = "0.05"
"""Of the PCK that counts where nobody corrected: within 5 % of the box."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Which share of points is good.

    Attributes:
        corrects: Whether annotators corrected predictions; else these are compared with a ground truth.
        good: What a good point is, for the head of a column.
        short: The same after "of points".
        off: What a point is that is somewhere else.
        verb: What became of good points, for a sentence.
        changes: What is counted where points are not good.
        truth: What predictions lie beside.
        unit: What is looked at at a time.
        outcomes: What points are called that were moved, deleted and added.
    """

    corrects: bool
    good: str
    short: str
    off: str
    verb: str
    changes: str
    truth: str
    unit: str
    outcomes: tuple[str, str, str]

    def of(self, points: Any) -> float | None:
        """The share of good points in an entry of `points`, or `None` where there are none."""
        if self.corrects:
            return share(within(points, "unmoved"), within(points, "predicted"))
        near: float | None = within(points, "pck", NEAR)
        return near


CORRECTED = Measure(
    corrects=True,
    good="unmoved",
    short="left where predicted",
    off="moved",
    verb="were left where they were predicted",
    changes="corrections",
    truth="annotated",
    unit="task",
    outcomes=("moved", "deleted", "added"),
)
COMPARED = Measure(
    corrects=False,
    good="within 5 %",
    short="within 5 % of the box",
    off="off",
    verb="lie within 5 % of the box of where they should be",
    changes="errors",
    truth="ground truth",
    unit="picture",
    outcomes=("off", "predicted alone", "not predicted"),
)
