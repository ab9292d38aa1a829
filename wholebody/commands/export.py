"""`wholebody export`: its options, and what it says at the end. The export itself is `dataset/exporting.py`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wholebody.dataset.exporting import Exported
    from wholebody.labeling.labeling_config import LabelingConfig

ALL_WELL, SOMETHING_LEFT_OUT = 0, 1


@click.command()
@click.option("--project", "project_id", type=int, help="Project to export (PROJECT_ID).")
@click.option(
    "--tasks",
    "tasks_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Instead: a JSON export of Label Studio, without a server or token.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --tasks: the project's labeling config; else labels are read by COCO-WholeBody's names.",
)
@click.option(
    "--format",
    "dataset_format",
    type=click.Choice(["coco-wholebody", "coco", "yolo-pose"]),
    default="coco-wholebody",
    show_default=True,
    help="COCO-WholeBody's five arrays, COCO keypoints in one array, or Ultralytics' pose format.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write; must be new."
)
@click.option(
    "--of", type=click.Choice(["annotations", "predictions"]), default="annotations", show_default=True,
    help="What counts.",
)  # fmt: skip
@click.option("--annotator", default="", metavar="EMAIL", help="Only what this annotator submitted.")
@click.option("--parts", help="Some of body,feet,face,left_hand,right_hand.  [default: all]")
@click.option("--split", default="", metavar="train=0.8,val=0.2", help="Parts of the dataset, and their shares.")
@click.option("--images", "with_images", is_flag=True, help="Fetch the pictures as well.")
@click.option("--strict", is_flag=True, help="Exit code 1 if anything was left out.")
def export(
    project_id: int | None,
    tasks_file: Path | None,
    config_file: Path | None,
    dataset_format: str,
    out: Path,
    of: Any,
    annotator: str,
    parts: str | None,
    split: str,
    with_images: bool,
    strict: bool,
) -> int:
    """Write the people of a project's annotations as a dataset for training.

    Names what was left out and why. An export that was interrupted begins anew, but keeps the pictures that it has
    fetched. Exit code: 0 all well, 1 something was left out (--strict), 2 could not be done, 130 stopped by Ctrl-C.
    """
    from wholebody.dataset.exporting import Plan
    from wholebody.dataset.exporting import export as write
    from wholebody.dataset.images_of_tasks import TaskReader
    from wholebody.dataset.splits import Splits
    from wholebody.errors import SettingsError
    from wholebody.images.loader import ImageLoader
    from wholebody.keypoints import Part
    from wholebody.labeling.config_writer import parse_parts
    from wholebody.process.logs import configure_logging
    from wholebody.settings import load_settings

    if config_file and not tasks_file:
        raise SettingsError("--config goes with --tasks; a project has its own labeling config")
    chosen = parse_parts(parts) if parts else tuple(Part)
    splits = Splits.parse(split)
    given = load_settings(project_id=project_id)
    configure_logging(given.log_level, given.log_format)
    loader = ImageLoader(given) if with_images else None
    total, tasks, config, annotator = _tasks(given, tasks_file, project_id, config_file, annotator)
    exported = write(tasks, TaskReader(config, of, annotator), Plan(out, dataset_format, chosen, splits, loader), total)
    click.echo("\n".join(_report(exported, out)))
    return SOMETHING_LEFT_OUT if strict and exported.left_out.losses else ALL_WELL


def _tasks(
    settings: Any, tasks_file: Path | None, project_id: int | None, config_file: Path | None, annotator: str
) -> tuple[int | None, Iterable[dict[str, Any]], "LabelingConfig | None", str]:
    """How many tasks there are, the tasks, their labeling config, and the annotator as the tasks name them."""
    from wholebody.dataset.task_files import read_tasks, read_text
    from wholebody.errors import SettingsError
    from wholebody.label_studio.client import LabelStudioClient
    from wholebody.label_studio.task_queries import TaskQuery
    from wholebody.labeling.labeling_config import parse_labeling_config
    from wholebody.process.stopping import Stop

    if tasks_file:
        if project_id is not None:
            raise SettingsError("--project and --tasks exclude each other; give one of them")
        config = parse_labeling_config(read_text(config_file)) if config_file else None
        return None, read_tasks(tasks_file), config, annotator
    if settings.project_id is None:
        raise SettingsError("which project? give --project, or --tasks with a JSON export of Label Studio")
    client = LabelStudioClient(settings, Stop())
    project = client.project(settings.project_id)
    config, query = parse_labeling_config(project.label_config), TaskQuery()
    if "@" in annotator:
        annotator = str(client.annotator_number(annotator))
    return client.count_tasks(project.id, query), client.tasks_in_full(project.id, query), config, annotator


def _report(exported: "Exported", out: Path) -> Iterator[str]:
    """The lines that the export ends with."""
    yield f"Wrote {exported.images} images with {exported.people} people and {exported.points} points to {out}."
    named = {part: count for part, count in exported.parts.items() if part}
    if named:
        yield "  " + ", ".join(f"{part} {count}" for part, count in sorted(named.items()))
    yield from exported.left_out.lines()
