"""Writes the figures of a soak into docs/reliability.md, between its markers."""

import os
import platform
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.soak.verdict import Verdict

BEGIN, END = "<!-- generated: soak -->", "<!-- end: soak -->"
CPU = Path("/proc/cpuinfo")


def write_report(path: Path, verdicts: list[Verdict], label_studio_version: str) -> None:
    """Put the figures into a page that has the markers."""
    text = path.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    if len(between.findall(text)) != 1:
        raise ValueError(f"{path} must have {BEGIN} and {END} once, on lines of their own")
    part = "\n\n".join(_paragraphs(verdicts, label_studio_version))
    path.write_text(between.sub(lambda _: f"{BEGIN}\n\n{part}\n\n{END}", text), encoding="utf-8")


def _paragraphs(verdicts: list[Verdict], label_studio_version: str) -> list[str]:
    broken = [
        f"- {v.played.scenario.name}, seed {v.played.scenario.seed}: {what}" for v in verdicts for what in v.broken
    ]
    verdict = "Every promise was kept." if not broken else "**Not every promise was kept:**\n\n" + "\n".join(broken)
    abandoned = sum(verdict.traffic.abandoned for verdict in verdicts)
    return [
        f"`make soak`, {datetime.now(UTC):%Y-%m-%d}, {_machine()}, Label Studio {label_studio_version}. {verdict}",
        _runs_table(verdicts),
        f"{abandoned} requests were taken up only after the prefill had given them up.",
        "What went wrong with the calls, all runs together:",
        _counts_table("Fault", _sum(v.traffic.faults for v in verdicts)),
        "What other people did meanwhile:",
        _counts_table("Event", _sum(v.others for v in verdicts)),
    ]


def _runs_table(verdicts: list[Verdict]) -> str:
    columns = (
        "Run",
        "Seed",
        "Tasks",
        "Predictions",
        "Lost",
        "Doubled",
        "Spoilt",
        "Kills",
        "Starts",
        "Requests",
        "Faulty",
        "Writes",
        "Delay",
        "Least gap",
        "Seconds",
    )
    rows = ["| " + " | ".join(columns) + " |", "|---" + "|--:" * (len(columns) - 1) + "|"]
    for verdict in verdicts:
        scenario, traffic, tally = verdict.played.scenario, verdict.traffic, verdict.tally
        cells = (
            scenario.name,
            scenario.seed,
            f"{tally.tasks:,}",
            f"{tally.predictions:,}",
            len(tally.lost),
            len(tally.doubled),
            len(tally.spoilt) + len(tally.left) + len(tally.bared),
            verdict.played.kills,
            len(verdict.played.ends),
            f"{traffic.requests:,}",
            f"{traffic.faulty:,} ({traffic.faulty / traffic.requests:.1%})",
            f"{traffic.writes:,}",
            f"{scenario.delay_s * 1000:g} ms",
            f"{traffic.least_gap_s * 1000:.1f} ms",
            f"{verdict.played.seconds:.0f}",
        )
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows)


def _counts_table(name: str, counts: Counter[str]) -> str:
    rows = [f"| {name} | Times |", "|---|--:|"]
    return "\n".join(rows + [f"| {what} | {count:,} |" for what, count in sorted(counts.items())])


def _sum(counters: object) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:  # type: ignore[attr-defined]
        total.update(counter)
    return total


def _machine() -> str:
    names = re.findall(r"^model name\s*: (.*)$", CPU.read_text() if CPU.exists() else "", re.MULTILINE)
    return f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), Python {platform.python_version()}"
