"""What the report says in ten seconds: a headline and a few numbers. `notices.py` has the sentences below them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wholebody.evaluation.report import words
from wholebody.evaluation.report.measure import Measure
from wholebody.evaluation.report.words import share, within


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with what it says, and by how much it differs from that of the version before."""

    value: str
    label: str
    note: str = ""
    trend: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The top of the page."""

    headline: str
    tiles: tuple[Tile, ...] = ()


def summarize(version: dict[str, Any], before: dict[str, Any], agreement: Any, measure: Measure) -> Summary:
    """The top of the page.

    Args:
        version: The numbers of the version that the page is about; empty where there is none.
        before: Those of the one before it.
        agreement: Those of annotators with each other, which may be all that there is.
        measure: What a good point is.
    """
    good = measure.of(within(version, "points", "all"))
    if good is not None:
        return Summary(f"{words.percent(good)} of the points {measure.verb}", tuple(_tiles(version, before, measure)))
    if (ap := within(version, "coco", "wholebody", "AP")) is not None:
        return Summary(f"An AP of {words.decimals(ap)}, and no annotation that came from a prediction")
    if (oks := within(agreement, "oks", "wholebody")) is not None:
        return Summary(
            f"Annotators agree with an OKS of {words.decimals(oks)}; no prediction lies beside what they did"
        )
    return Summary("There is nothing to compare yet")


def _tiles(version: dict[str, Any], before: dict[str, Any], measure: Measure) -> Iterator[Tile]:
    every = within(version, "points", "all")
    good, good_before = measure.of(every), measure.of(within(before, "points", "all"))
    yield Tile(words.percent(good), f"of points {measure.short}", trend=_difference(good, good_before))
    missed, removed = (words.count(within(version, "people", key)) for key in ("missed", "removed"))
    found = _found(version)
    note = f"{missed} missed; {removed} found where nobody is"
    yield Tile(words.percent(found), "of people found", note, _difference(found, _found(before)))
    if (ap := within(version, "coco", "wholebody", "AP")) is not None and not measure.corrects:
        yield Tile(words.decimals(ap), "AP of COCO-WholeBody", "1 is perfect")
    median, p95 = (within(every, "moved_share", key) for key in ("median", "p95"))
    if median is not None:
        note = f"the median; one in twenty by more than {words.percent(p95)}"
        yield Tile(words.percent(median), f"of the box: how far points were {measure.off}", note)
    if (seconds := within(version, "lead_time", "median")) is not None:
        yield Tile(words.seconds(seconds), "a task", "the median that Label Studio counted")
    if (first := within(version, "scores", "first_tenth")) is not None:
        best = within(version, "scores", "first_tenth_best")
        note = "by chance 10 %" + (f", at best {words.percent(best)}" if best is not None else "")
        yield Tile(words.percent(first), f"of {measure.changes} in the least certain tenth", note)


def _difference(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then


def _found(version: dict[str, Any]) -> float | None:
    kept, missed = (within(version, "people", key) for key in ("kept", "missed"))
    return None if kept is None or missed is None else share(kept, kept + missed)
