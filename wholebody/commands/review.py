"""`wholebody review`: its options, and what it says. What it does is `label_studio/review.py`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wholebody.label_studio.review import Review


@click.command()
@click.option("--project", "project_id", type=click.IntRange(min=1), help="Project to set up (PROJECT_ID).")
@click.option("--model-version", metavar="NAME", help="Whose scores to show.  [default: that of most predictions]")
@click.option(
    "--serve/--no-serve",
    default=None,
    help="Let Label All Tasks serve the lowest score first, or tasks by id again.  [default: as it is]",
)
def review(project_id: int | None, model_version: str | None, serve: bool | None) -> None:
    """Let people come to the least certain predictions of a project first.

    Fills the data manager's score column, and makes the tab "Most doubtful first", which is sorted by it. Run it again
    after a change of weights or settings. Says what it did, and how to undo it.
    """
    from wholebody.errors import SettingsError
    from wholebody.label_studio.client import LabelStudioClient
    from wholebody.label_studio.review import Sampling, set_up_review
    from wholebody.process.stopping import Stop
    from wholebody.settings import load_settings

    settings = load_settings(project_id=project_id)
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    sampling = {None: None, True: Sampling.UNCERTAINTY, False: Sampling.SEQUENCE}[serve]
    client = LabelStudioClient(settings, Stop())
    done = set_up_review(client, settings.project_id, version=model_version, sampling=sampling)
    click.echo("\n".join(_lines(done, str(settings.label_studio_url))))


def _lines(done: "Review", url: str) -> Iterator[str]:
    from wholebody.label_studio.review import Sampling
    from wholebody.label_studio.tabs import MOST_DOUBTFUL_FIRST, TabState

    project, undo = done.before, []
    count = done.versions[done.version]
    yield f"project {project.id} {project.title!r}: {count} prediction{'s' * (count != 1)} of {done.version}"
    if project.model_version == done.version:
        yield "score column: filled already"
    else:
        was = repr(project.model_version) if project.model_version else "not set"
        yield f"score column: filled; the project's model version was {was}"
        undo.append("choose another model in Settings > Annotation")
    if others := [f"{version} ({n})" for version, n in done.versions.items() if version != done.version]:
        yield f"  without a score there: predictions of {', '.join(others)}"
    yield f"tab {MOST_DOUBTFUL_FIRST.title!r}: {done.tab}, {url}/projects/{project.id}/data?tab={done.tab_id}"
    if done.tab is TabState.MADE:
        undo.append("delete the tab in its menu")
    was = f", was {project.sampling!r}" if project.sampling != done.sampling else ""
    if done.sampling == Sampling.UNCERTAINTY:
        yield f"Label All Tasks: lowest score first ({done.sampling!r}{was})"
        undo.append(f"wholebody review --project {project.id} --no-serve")
    else:
        yield f"Label All Tasks: {done.sampling!r}{was}; --serve lets it serve the lowest score first"
    if undo:
        yield f"to undo: {'; '.join(undo)}"
