"""What one run under faults consists of: all that must be known to play it again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run.

    Attributes:
        tasks: Tasks at the start; others may add to them.
        kills: How often the prefill is killed, among the first `2 * tasks` requests.
        fault_rate: Which part of the requests fails.
        others_rate: Before which part of the first `tasks` requests somebody else does something.
        delay_s: REQUEST_DELAY_SECONDS.
        read_timeout_s: The client's, shortened.
        latest_commit_s: The longest from an answer, or from the client's time-out, to a late commit.
        spare_s: What a busy machine may add to that.
        replace: Begins with all tasks predicted by another model, and replaces these predictions.
        bulk: Predictions stored in one call, or 0 for one by one.
        revokes: The token is revoked in the middle.
        upstream: Address of a real Label Studio; `""` for the server's own ledger.
        token: The token for that.
        project: The project to fill.
    """

    name: str
    seed: int
    tasks: int
    kills: int = 5
    fault_rate: float = 0.2
    others_rate: float = 0.02
    delay_s: float = 0.005
    read_timeout_s: float = 0.3
    latest_commit_s: float = 0.6
    spare_s: float = 1.5
    replace: bool = False
    revokes: bool = False
    bulk: int = 0
    upstream: str = ""
    token: str = ""
    project: int = 1

    @property
    def settles_after_s(self) -> float:
        """When no late commit is to come any more, from the start of a call."""
        return self.read_timeout_s + self.latest_commit_s + self.spare_s

    @classmethod
    def read(cls, path: Path) -> Self:
        """The scenario in a file."""
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Keep it, for the server process and for whoever plays it again."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))
