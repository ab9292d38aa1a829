"""`wholebody review`: its options, and what it says. What it does is `label_studio/review.py`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wholebody.label_studio.client import LabelStudioClient
    from wholebody.label_studio.review import Review


@click.command()
@click.option("--project", "project_id", type=click.IntRange(min=1), help="Project to set up (PROJECT_ID).")
@click.option("--model-version", metavar="NAME", help="Whose scores to show.  [default: that of most predictions]")
@click.option(
    "--serve/--no-serve",
    default=None,
    help="Let Label All Tasks serve the lowest score first, or tasks by id again.  [default: as it is]",
)
@click.option(
    "--clusters",
    type=click.IntRange(2, 1000),
    metavar="NUMBER",
    help="With --serve: from so many groups of like poses in turn, and from pictures in which nobody was found.",
)
def review(project_id: int | None, model_version: str | None, serve: bool | None, clusters: int | None) -> None:
    """Let people come to the least certain predictions of a project first.

    Fills the data manager's score column, and makes the tabs "Most doubtful first", which is sorted by it, and "Nobody
    found". Run it again after a change of weights or settings. Says what it did, and how to undo it.
    """
    from wholebody.errors import SettingsError
    from wholebody.label_studio.client import LabelStudioClient
    from wholebody.label_studio.review import Sampling, set_up_review
    from wholebody.process.stopping import Stop
    from wholebody.settings import load_settings

    if clusters and not serve:
        raise SettingsError("--clusters changes what Label All Tasks serves; add --serve")
    settings = load_settings(project_id=project_id)
    if settings.project_id is None:
        raise SettingsError("PROJECT_ID is not set; it is the number in the project's address, or use --project")
    sampling = {None: None, True: Sampling.UNCERTAINTY, False: Sampling.SEQUENCE}[serve]
    client = LabelStudioClient(settings, Stop())
    done = set_up_review(client, settings.project_id, version=model_version, sampling=sampling)
    click.echo("\n".join(_lines(done, str(settings.label_studio_url))))
    if clusters:
        click.echo(_set_clusters(client, done, clusters))


def _set_clusters(client: "LabelStudioClient", done: "Review", count: int) -> str:
    """Give the predictions that are served their clusters; what was done, in a line."""
    from collections import Counter

    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from wholebody.evaluation.pose_clusters import NOBODY, find_clusters
    from wholebody.label_studio.task_queries import TaskQuery
    from wholebody.labeling.labeling_config import parse_labeling_config

    query = TaskQuery.predicted_by(done.version).without_annotation()
    total = client.count_tasks(done.before.id, query)
    predicted = client.predicted_tasks(done.before.id, query, with_data=True)
    tasks = tqdm(predicted, "poses", total, unit="task", disable=None)
    with logging_redirect_tqdm():
        found = find_clusters(tasks, parse_labeling_config(done.before.label_config), done.version, count)
        changed = [one for one in found if one.cluster != one.stored]
        for one in tqdm(changed, "clusters", unit="prediction", disable=None):
            client.set_cluster(one.prediction_id, one.cluster)
    sizes = Counter(one.cluster for one in found)
    people = ", ".join(str(size) for cluster, size in sorted(sizes.items()) if cluster != NOBODY) or "none"
    return f"clusters: {people} predictions by their poses, {sizes[NOBODY]} with nobody; {len(changed)} were changed"


def _lines(done: "Review", url: str) -> Iterator[str]:
    from wholebody.label_studio.review import Sampling
    from wholebody.label_studio.tabs import TabState

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
        yield f"  without a score there, so in no tab below: predictions of {', '.join(others)}"
    for title, (tab_id, state) in done.tabs.items():
        yield f"tab {title!r}: {state}, {url}/projects/{project.id}/data?tab={tab_id}"
        if state is TabState.MADE:
            undo.append(f"delete the tab {title!r} in its menu")
    was = f", was {project.sampling!r}" if project.sampling != done.sampling else ""
    if done.sampling == Sampling.UNCERTAINTY:
        yield f"Label All Tasks: lowest score first ({done.sampling!r}{was})"
        undo.append(f"wholebody review --project {project.id} --no-serve")
    else:
        yield f"Label All Tasks: {done.sampling!r}{was}; --serve lets it serve the lowest score first"
    if undo:
        yield f"to undo: {'; '.join(undo)}"
