"""`wholebody doctor`: its options, and how what was found is shown. What is looked at stands in `checks/`."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wholebody.checks.facts import Outcome, Status

NOTHING_FAILED, SOMETHING_FAILED, WRONG_SETTINGS = 0, 1, 2
COLORS: dict["Status", str] = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}


@click.command()
@click.option("--project", "project_id", type=click.IntRange(min=1), help="Project to look at (PROJECT_ID).")
@click.option("--task", "task_id", type=click.IntRange(min=1), help="Task whose image is tried; else the first.")
@click.option("--annotations", is_flag=True, help="Read every annotation too: has anybody lost their box?")
@click.option("--json", "as_json", is_flag=True, help="Print a list of check, status, message and cure.")
def doctor(project_id: int | None, task_id: int | None, annotations: bool, as_json: bool) -> int:
    """Check the settings, Label Studio, a project and this machine, and say how to mend what is wrong.

    Nothing is written or downloaded, and no task is predicted. Exit code: 0 nothing failed, 1 something failed, 2 the
    settings are wrong.
    """
    from wholebody.checks.annotations import ANNOTATIONS
    from wholebody.checks.examination import CHECKS, examine
    from wholebody.checks.facts import Facts

    checks = (*CHECKS, ANNOTATIONS) if annotations else CHECKS
    name_width = max(len(check.name) for check in checks)
    outcomes = []
    for outcome in examine(Facts(project_id, task_id), checks):
        outcomes.append(outcome)
        if not as_json:
            click.echo(_line(outcome, name_width))
    click.echo(_json(outcomes) if as_json else _summary(outcomes))
    if outcomes[0].status == "fail":
        return WRONG_SETTINGS
    return SOMETHING_FAILED if any(outcome.status == "fail" for outcome in outcomes) else NOTHING_FAILED


def _line(outcome: "Outcome", name_width: int) -> str:
    """One outcome for a terminal, the cure below it."""
    status = click.style(f"{outcome.status:<4}", fg=COLORS[outcome.status])
    text = f"{status}  {outcome.check:<{name_width}}  {outcome.message}"
    return f"{text}\n{' ' * (name_width + 8)}-> {outcome.cure}" if outcome.cure else text


def _json(outcomes: Sequence["Outcome"]) -> bytes:
    import orjson

    return orjson.dumps(outcomes, option=orjson.OPT_INDENT_2)


def _summary(outcomes: Sequence["Outcome"]) -> str:
    """How many there are of each kind."""
    counted = Counter(outcome.status for outcome in outcomes)
    return ", ".join(f"{counted[status]} {status}" for status in COLORS if counted[status])
