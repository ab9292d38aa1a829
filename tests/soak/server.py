"""`python -m tests.soak.server SCENARIO.json`: the fault server as a process of its own, until its input is closed.

Prints its address; then, once its input is closed and late commits are in, leaves the ledger in `ledger.json`.
With an `upstream` it is a proxy before a real Label Studio instead, and keeps no ledger.
"""

import json
import sys
from pathlib import Path
from typing import Any

import requests

from tests.http_server import Answer, Received
from tests.soak.faults import FaultPlan, KillPlan
from tests.soak.front import FaultFront, Journal, Timing
from tests.soak.ledger import Ledger
from tests.soak.others import Others
from tests.soak.project_api import ProjectApi
from tests.soak.scenario import Scenario

FORWARD_TIMEOUT_S = 150.0
NOT_FORWARDED = {"host", "connection", "content-length", "accept-encoding"}


class Upstream:
    """Forwards requests to a real Label Studio."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, request: Received) -> Answer:
        """Carry out a request there."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_FORWARDED}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                request.method,
                f"{self._url}{request.path}?{request.query}".rstrip("?"),
                data=request.body,
                headers=headers,
                timeout=FORWARD_TIMEOUT_S,
                allow_redirects=False,
            )
        kept = {name: answer.headers[name] for name in ("Content-Type", "Location") if name in answer.headers}
        return Answer(answer.status_code, answer.content, headers=kept)


class Site:
    """The ledger, its API and other people: what stands behind the front where there is no real Label Studio."""

    def __init__(self, scenario: Scenario) -> None:
        self.ledger = Ledger(scenario.tasks, old=scenario.replace)
        self.api = ProjectApi(self.ledger)
        self.others = Others(scenario.seed, self.ledger, scenario.others_rate, scenario.tasks)
        self._revoked_at = scenario.tasks if scenario.revokes else None

    def before(self, number: int, request: Received) -> None:
        """What happens just before a request is carried out."""
        with self.ledger.lock:
            self.others.act(number, request)
        if self._revoked_at and number >= self._revoked_at:
            self.api.first_revoked = True

    def dump(self) -> dict[str, Any]:
        """What is left, for the count."""
        return self.ledger.snapshot() | {"others": self.others.done}


def main(path: Path) -> None:
    """Serve one scenario from its folder."""
    scenario = Scenario.read(path)
    folder = path.parent
    site = None if scenario.upstream else Site(scenario)
    journal = Journal(folder / "journal.jsonl")
    front = FaultFront(
        site.api if site else Upstream(scenario.upstream),
        FaultPlan(scenario.seed, scenario.fault_rate),
        KillPlan(scenario.seed, scenario.kills, scenario.tasks * 2),
        folder / "client.pid",
        journal,
        Timing(scenario.read_timeout_s, scenario.latest_commit_s),
        site.before if site else lambda number, request: None,
    )
    with front:
        print(front.url, flush=True)
        sys.stdin.read()
        front.drain()
        if site:
            (folder / "ledger.json").write_text(json.dumps(site.dump()))
    journal.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
