"""What a check says, and what the checks tell each other. Asks nobody and runs nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from packaging.version import Version

from wholebody.checks.api import LabelStudioApi
from wholebody.estimation.estimator import Estimator
from wholebody.estimation.weights import Weights
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.settings import Settings

Status = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: one line, and the way out where there is something to get out of."""

    status: Status
    message: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check's name and what it found, as `--json` prints it."""

    check: str
    status: Status
    message: str
    cure: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: How the report calls it.
        look: Finds out. May raise: a WholebodyError is its failure in one line.
        needs: Checks without whose success this one makes no sense; they come before it.
        cure: The way out of an error that names none.
    """

    name: str
    look: "Callable[[Facts], Finding]"
    needs: tuple[str, ...] = ()
    cure: str = ""


class Facts:
    """What the checks have found out so far. What has no value yet is set by the check that finds it out.

    Attributes:
        project_id: As given on the command line, or `None`.
        task_id: As given on the command line, or `None`.
        settings: Set by "settings".
        release: Which Label Studio it is, or `None` where it does not say; set by "Label Studio".
        api: Label Studio as the token's user sees it; set by "token".
        user: That user; set by "token".
        project: As its API shows it; set by "project".
        config: What of its labeling config is filled; set by "labeling config".
        backends: The connected backends as Label Studio's API shows them; set by "backend".
        weights: `None` where files are missing; set by "weights".
        estimator: The networks, open; `None` where they are missing or cannot be opened; set by "device".
    """

    settings: Settings
    release: Version | None = None
    api: LabelStudioApi
    user: str
    project: dict[str, Any]
    config: LabelingConfig
    backends: list[dict[str, Any]]
    weights: Weights | None
    estimator: Estimator | None = None

    def __init__(self, project_id: int | None = None, task_id: int | None = None) -> None:
        self.project_id = project_id
        self.task_id = task_id
