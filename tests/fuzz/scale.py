"""How many cases are run, of which kind, and what is counted of them.

`FUZZ_CASES` says how many in all; without it the few, always the same, that every test run has.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

IN_EVERY_RUN = 1500
TOTAL = int(os.environ.get("FUZZ_CASES") or IN_EVERY_RUN)
FULL = TOTAL > IN_EVERY_RUN

SHARES = {
    # kind: share of all cases
    "labeling config, parser": 0.30,
    "labeling config, /setup": 0.15,
    "/setup, body": 0.08,
    "/predict, body": 0.18,
    "/predict, tasks": 0.08,
    "/predict, prompts": 0.08,
    "/webhook": 0.04,
    "requests of any kind": 0.04,
    "schemathesis": 0.04,
    "sockets": 0.01,
}

ran: Counter[str] = Counter()
"""Cases run, by kind."""

answers: Counter[int] = Counter()
"""Answers, by status."""


def share(kind: str, among: int = 1) -> int:
    """How many cases of a kind are run, by one of so many tests."""
    return max(5, round(SHARES[kind] * TOTAL / among))


def cases(kind: str, among: int = 1) -> Callable[[Any], Any]:
    """Hypothesis' settings for a kind: the same cases in every run, and new ones in the full form."""
    return settings(
        max_examples=share(kind, among),
        derandomize=not FULL,
        database=None,
        deadline=None,  # the harness measures processor time, which does not depend on the machine's load
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
