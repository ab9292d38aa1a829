"""`python -m wholebody doctor`: goes through the checks in order and reports. What is looked at stands in `checks/`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import click
import orjson

from wholebody.checks.backend import OF_THE_BACKEND, VERSIONS
from wholebody.checks.facts import Check, Facts, Finding, Outcome, Status
from wholebody.checks.label_studio import BEFORE_THE_BACKEND
from wholebody.checks.machine import OF_THIS_MACHINE
from wholebody.errors import SettingsError, WholebodyError

CHECKS: tuple[Check, ...] = (*BEFORE_THE_BACKEND, *OF_THE_BACKEND, *OF_THIS_MACHINE, VERSIONS)
NOTHING_FAILED, SOMETHING_FAILED, WRONG_SETTINGS = 0, 1, 2

COLOURS: dict[Status, str] = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}
NAME_WIDTH = max(len(check.name) for check in CHECKS)
INDENT = " " * (NAME_WIDTH + 8)


def run_doctor(project_id: int | None, task_id: int | None, *, as_json: bool) -> int:
    """Make all checks and print what they found; the exit code."""
    outcomes = []
    for outcome in examine(CHECKS, Facts(project_id, task_id)):
        outcomes.append(outcome)
        if not as_json:
            click.echo(line(outcome))
    if as_json:
        click.echo(orjson.dumps([asdict(outcome) for outcome in outcomes], option=orjson.OPT_INDENT_2))
    else:
        click.echo(summary(outcomes))
    if outcomes[0].status == "fail":
        return WRONG_SETTINGS
    return SOMETHING_FAILED if any(outcome.status == "fail" for outcome in outcomes) else NOTHING_FAILED


def examine(checks: Sequence[Check], facts: Facts) -> Iterator[Outcome]:
    """What each check found, as it is found; one whose needs were not met is skipped."""
    unmet: set[str] = set()
    for check in checks:
        wanting = [name for name in check.needs if name in unmet]
        finding = Finding("skip", f"needs {wanting[0]}") if wanting else _find(check, facts)
        if finding.status in ("fail", "skip"):
            unmet.add(check.name)
        hide = _hider(facts)
        yield Outcome(check.name, finding.status, hide(finding.message), hide(finding.cure))


def line(outcome: Outcome) -> str:
    """One outcome for a terminal, the cure below it."""
    status = click.style(f"{outcome.status:<4}", fg=COLOURS[outcome.status])
    text = f"{status}  {outcome.check:<{NAME_WIDTH}}  {outcome.message}"
    return f"{text}\n{INDENT}-> {outcome.cure}" if outcome.cure else text


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many there are of each kind."""
    counted = Counter(outcome.status for outcome in outcomes)
    return ", ".join(f"{counted[status]} {status}" for status in COLOURS if counted[status])


def _find(check: Check, facts: Facts) -> Finding:
    try:
        return check.look(facts)
    except SettingsError as error:  # one line for all that is wrong, joined by the sign that else parts off the cure
        return Finding("fail", str(error), check.cure)
    except WholebodyError as error:
        message, _, cure = str(error).partition("; ")
        return Finding("fail", message, cure or check.cure)
    except Exception as error:  # a check that breaks must not hide what the others find
        reason = " ".join(str(error).split())[:200]
        cure = "please report it, with this line"
        return Finding("fail", f"the check itself broke: {type(error).__name__}: {reason}", cure)


def _hider(facts: Facts) -> Callable[[str], str]:
    """Takes the secrets out of a text, should an answer or an exception ever repeat one."""
    settings = getattr(facts, "settings", None)
    secrets = (settings.label_studio_api_token, settings.basic_auth_pass) if settings else ()
    values = [secret.get_secret_value() for secret in secrets if secret and secret.get_secret_value()]

    def hide(text: str) -> str:
        for value in values:
            text = text.replace(value, "***")
        return text

    return hide
