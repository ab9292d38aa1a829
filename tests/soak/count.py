"""The count after a run: from the server's own journal and ledger, never from what the client says of itself."""

import json
from collections import Counter
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from tests.soak.ledger import OLD_VERSION, PREFILL
from tests.soak.runs import Played
from tests.soak.stub_model import VERSION, is_result_of

WRITES = ("POST", "PATCH", "DELETE")


@dataclass(slots=True)
class Traffic:
    """What the journal says.

    Attributes:
        faults: Name -> how often.
        least_gap_s: The shortest time between the arrivals of two writes.
        abandoned: Requests that the server took up only after the client had given them up.
        hasty: Requests that came before the time that a `Retry-After` asked to wait for: request and seconds.
    """

    requests: int = 0
    faulty: int = 0
    writes: int = 0
    abandoned: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    least_gap_s: float = float("inf")
    least_gap_at: int = 0
    hasty: list[tuple[int, float]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What the ledger says: task ids, by what is wrong with them.

    Attributes:
        tasks: Tasks that must have exactly one prediction.
        predictions: Predictions that these have.
        lost: Tasks without one.
        doubled: Tasks with more than one.
        spoilt: Tasks whose prediction from the prefill is not what the model found.
        left: Tasks that still have a prediction that was to be replaced.
        uncounted: Tasks with predictions that Label Studio's counters do not know.
        bared: Tasks that were without any while theirs was replaced.
    """

    tasks: int = 0
    predictions: int = 0
    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    spoilt: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    uncounted: list[int] = field(default_factory=list)
    bared: list[int] = field(default_factory=list)

    @property
    def wrong(self) -> dict[str, list[int]]:
        """What is wrong -> task ids; nothing where all is well."""
        found = {name: getattr(self, name) for name in ("lost", "doubled", "spoilt", "left", "uncounted", "bared")}
        return {name: ids for name, ids in found.items() if ids}


def count_traffic(played: Played) -> Traffic:
    """Read the journal of a run."""
    lines = (played.folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    entries = sorted((e for e in map(json.loads, lines) if "late" not in e), key=lambda entry: entry["number"])
    traffic = Traffic(requests=len(entries))
    last_write, quiet_until, client = float("-inf"), 0.0, None
    for entry in entries:
        traffic.faulty += "fault" in entry
        if "fault" in entry:
            traffic.faults[entry["fault"]] += 1
        at, writes = entry["at_s"], entry["method"] in WRITES and not entry["path"].startswith("/api/token/")
        traffic.writes += writes
        if "abandoned" in entry:  # it came some time before: nobody knows when
            traffic.abandoned += 1
            continue
        if writes:
            if at - last_write < traffic.least_gap_s:
                traffic.least_gap_s, traffic.least_gap_at = at - last_write, entry["number"]
            last_write = at
        if at < quiet_until and entry["client"] == client:  # the next process cannot know
            traffic.hasty.append((entry["number"], round(quiet_until - at, 3)))
        quiet_until, client = _quiet_until(entry, at), entry["client"]
    return traffic


def _quiet_until(entry: dict[str, Any], at: float) -> float:
    """When the next request may come after one that was answered so."""
    asked = entry.get("retry_after")
    if not asked:
        return 0.0
    if asked.isdecimal():
        return at + float(asked)
    return at + parsedate_to_datetime(asked).timestamp() - float(entry["clock_s"])


def count_ledger(played: Played) -> Tally:
    """Read the ledger of the fault server."""
    snapshot = json.loads((played.folder / "ledger.json").read_text(encoding="utf-8"))
    tally = Tally(bared=snapshot["bared"])
    for task in snapshot["tasks"]:
        if not task["deleted"]:
            _count_task(task, tally)
    return tally


def _count_task(task: dict[str, Any], tally: Tally) -> None:
    """One prediction is right; none is right too where somebody annotated the task meanwhile."""
    present, number = task["predictions"], task["id"]
    annotated = bool(task["annotations"] or task["cancelled"])
    if not annotated or present:
        tally.tasks += 1
    tally.predictions += len(present)
    if not present and not annotated:
        tally.lost.append(number)
    if len(present) > 1:
        tally.doubled.append(number)
    if not task["counted"]:
        tally.uncounted.append(number)
    ours = [one for one in present if one["origin"] == PREFILL]
    if any(one["model_version"] != VERSION or not is_result_of(number, one["result"]) for one in ours):
        tally.spoilt.append(number)
    if any(one["model_version"] == OLD_VERSION for one in present):
        tally.left.append(number)
