"""The doubtful first: what a project needs so that people come to its least certain predictions first."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wholebody.errors import LabelStudioError, SettingsError
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.label_studio.tabs import MOST_DOUBTFUL_FIRST, NOBODY_FOUND, TabState
from wholebody.versions import is_ours


class Sampling(StrEnum):
    """Which task the labeling stream serves next: the next id, or the lowest score."""

    SEQUENCE = "Sequential sampling"
    UNCERTAINTY = "Uncertainty sampling"


@dataclass(frozen=True, slots=True)
class Review:
    """What was found, and what was done.

    Attributes:
        before: The project as it was.
        versions: The model version of each stored prediction -> how many there are.
        version: The one whose scores are shown now.
        tabs: Title of each tab -> its id, and what was done about it.
        sampling: How the labeling stream chooses now.
    """

    before: Project
    versions: dict[str, int]
    version: str
    tabs: dict[str, tuple[int, TabState]]
    sampling: str


def set_up_review(
    client: LabelStudioClient, project_id: int, *, version: str | None = None, sampling: Sampling | None = None
) -> Review:
    """Fill the score column of a project, and make the tabs that go by it.

    Label Studio's column and its uncertainty sampling look at predictions of the project's model version alone.
    Connecting a backend makes this the connection's title, of which there are none.

    Args:
        client: Whose token may change the project.
        project_id: The project.
        version: Whose scores to show, or `None` for that of most predictions of this project's models, else of most.
        sampling: How the labeling stream is to choose, or `None` to leave it.

    Raises:
        SettingsError: There are no predictions of `version`.
        LabelStudioError: There are none at all, or Label Studio refuses.
    """
    project = client.project(project_id)
    versions = client.model_versions(project_id)
    chosen = version or _most_used(versions)
    where = f"project {project_id} {project.title!r}"
    if chosen is None:
        raise LabelStudioError(f"{where} has no predictions; run wholebody prefill --project {project_id} first")
    if chosen not in versions:
        stored = ", ".join(versions) or "none"
        raise SettingsError(f"{where} has no predictions of model version {chosen!r}; stored are those of {stored}")
    wanted = {"model_version": chosen} | ({"sampling": str(sampling)} if sampling else {})
    changes = {name: value for name, value in wanted.items() if getattr(project, name) != value}
    if changes:
        client.change_project(project_id, changes)
    tabs = {tab.title: client.ensure_tab(project_id, tab) for tab in (MOST_DOUBTFUL_FIRST, NOBODY_FOUND)}
    return Review(project, versions, chosen, tabs, str(sampling or project.sampling))


def _most_used(versions: Mapping[str, int]) -> str | None:
    """Of equally many the newest."""
    return max(versions, key=lambda version: (is_ours(version), versions[version]), default=None)
