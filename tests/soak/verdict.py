"""One scenario played and counted: the figures, and what of it breaks a promise."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.soak.count import Tally, Traffic, count_ledger, count_traffic
from tests.soak.runs import Played, play
from tests.soak.scenario import Scenario

FEWEST_FAULTS = 0.15
"""Of the requests; a run with fewer shows nothing."""

NAMED = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """A scenario's figures.

    Attributes:
        others: What other people did -> how often.
    """

    played: Played
    traffic: Traffic
    tally: Tally
    others: Counter[str]

    @property
    def broken(self) -> list[str]:
        """Every promise that was not kept, in words; none where all is well."""
        scenario, traffic = self.played.scenario, self.traffic
        found = [f"{len(ids)} tasks {name}: {_some(ids)}" for name, ids in self.tally.wrong.items()]
        if traffic.least_gap_s < scenario.delay_s:
            found.append(
                f"two writes {traffic.least_gap_s * 1000:.1f} ms apart, not {scenario.delay_s * 1000:g}: "
                f"request {traffic.least_gap_at}"
            )
        if traffic.hasty:
            found.append(f"{len(traffic.hasty)} requests before the end of Retry-After: {_some(traffic.hasty)}")
        if self.played.kills != scenario.kills:
            found.append(f"killed {self.played.kills} times, not {scenario.kills}")
        if traffic.faulty < FEWEST_FAULTS * traffic.requests * (scenario.fault_rate > 0):
            found.append(f"only {traffic.faulty} of {traffic.requests} requests met a fault")
        return found


def _some(items: Iterable[object]) -> str:
    shown = [str(item) for item in items]
    return ", ".join(shown[:NAMED]) + (" ..." if len(shown) > NAMED else "")


def judge(scenario: Scenario, folder: Path) -> Verdict:
    """Play a scenario on the fault server, and count."""
    played = play(scenario, folder)
    done = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))["others"]
    return Verdict(played, count_traffic(played), count_ledger(played), Counter(event for _, event, _ in done))
