"""The keypoints from worst to best, a column for each model version."""

from dataclasses import dataclass
from typing import Any

from wholebody.evaluation.report.measure import Measure
from wholebody.evaluation.report.words import within
from wholebody.keypoints import NAMES, PARTS

ENOUGH = 10
"""Keypoints with fewer points than this come behind the others, unless all have so few."""


@dataclass(frozen=True, slots=True)
class KeypointRow:
    """A row: the keypoint, its good share by version, and its entry for the version that it is sorted by."""

    name: str
    part: str
    good: dict[str, float | None]
    points: dict[str, Any]
    is_rare: bool


def keypoint_rows(versions: dict[str, Any], newest: str, measure: Measure) -> list[KeypointRow]:
    """All keypoints that any version has, by the good share of the newest, then by how far they were moved."""
    entries = {name: within(version, "points", "keypoints") or {} for name, version in versions.items()}
    counts = {name: _count(entries[newest].get(name)) for name in NAMES}
    are_all_rare = max(counts.values()) < ENOUGH
    rows = [
        KeypointRow(
            name=name,
            part=PARTS[number].value,
            good={version: measure.of(entries[version].get(name)) for version in versions},
            points=entries[newest].get(name) or {},
            is_rare=counts[name] < ENOUGH and not are_all_rare,
        )
        for number, name in enumerate(NAMES)
        if any(_count(entries[version].get(name)) for version in versions)
    ]
    return sorted(rows, key=lambda row: _badness(row, measure))


def _count(points: Any) -> int:
    """Points that were predicted or only annotated."""
    return (within(points, "predicted") or 0) + (within(points, "added") or 0)


def _badness(row: KeypointRow, measure: Measure) -> tuple[bool, bool, float, float]:
    """Smaller for what comes first."""
    good = measure.of(row.points)
    return row.is_rare, good is None, 0.0 if good is None else good, -(within(row.points, "moved_share", "p95") or 0.0)
