"""The checks made in order, each that could be made; what they found. What is looked at stands in the files beside."""

from collections.abc import Callable, Iterator, Sequence

from wholebody.checks.backend import OF_THE_BACKEND, VERSIONS
from wholebody.checks.facts import Check, Facts, Finding, Outcome
from wholebody.checks.label_studio import BEFORE_THE_BACKEND
from wholebody.checks.machine import OF_THIS_MACHINE
from wholebody.checks.predictions import OF_WHAT_IS_STORED
from wholebody.checks.scores import SCORES
from wholebody.errors import SettingsError, WholebodyError

CHECKS: tuple[Check, ...] = (
    *BEFORE_THE_BACKEND,
    *OF_WHAT_IS_STORED,
    *OF_THE_BACKEND,
    *OF_THIS_MACHINE,
    VERSIONS,
    SCORES,
)


def examine(facts: Facts, checks: Sequence[Check] = CHECKS) -> Iterator[Outcome]:
    """What each check found, as it is found; one whose needs were not met is skipped."""
    unmet: set[str] = set()
    for check in checks:
        wanting = [name for name in check.needs if name in unmet]
        finding = Finding("skip", f"needs {wanting[0]}") if wanting else _find(check, facts)
        if finding.status in ("fail", "skip"):
            unmet.add(check.name)
        hide = _hider(facts)
        yield Outcome(check.name, finding.status, hide(finding.message), hide(finding.cure))


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
