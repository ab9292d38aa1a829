"""`wholebody export`: its options, and what it says at the end. The export itself is `dataset/exporting.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wholebody.commands.option_types import FOLDER
from wholebody.commands.task_sources import ALL_WELL, SOMETHING_LEFT_OUT, TaskSource, strict_option, task_options

if TYPE_CHECKING:
    from wholebody.dataset.exporting import Exported


@click.command()
@task_options("Project to export")
@click.option(
    "--format",
    "dataset_format",
    type=click.Choice(["coco-wholebody", "coco", "yolo-pose"]),
    default="coco-wholebody",
    show_default=True,
    help="COCO-WholeBody's five arrays, COCO keypoints in one array, or Ultralytics' pose format.",
)
@click.option("--out", type=FOLDER, required=True, help="Folder to write; must be new.")
@click.option(
    "--of", type=click.Choice(["annotations", "predictions"]), default="annotations", show_default=True,
    help="What counts.",
)  # fmt: skip
@click.option("--parts", help="Some of body,feet,face,left_hand,right_hand.  [default: all]")
@click.option("--split", default="", metavar="train=0.8,val=0.2", help="Parts of the dataset, and their shares.")
@click.option("--images", "with_images", is_flag=True, help="Fetch the pictures as well.")
@strict_option
def export(
    source: TaskSource,
    dataset_format: str,
    out: Path,
    of: Any,
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
    from wholebody.images.loader import ImageLoader
    from wholebody.keypoints import Part
    from wholebody.labeling.config_writer import parse_parts
    from wholebody.process.logs import configure_logging
    from wholebody.settings import load_settings

    chosen = parse_parts(parts) if parts else tuple(Part)
    splits = Splits.parse(split)
    given = load_settings(project_id=source.project_id)
    configure_logging(given.log_level, given.log_format)
    loader = ImageLoader(given) if with_images else None
    opened = source.open(given)
    reader = TaskReader(opened.config, of, opened.annotator)
    exported = write(opened.tasks, reader, Plan(out, dataset_format, chosen, splits, loader), opened.total)
    click.echo("\n".join(_report(exported, out)))
    return SOMETHING_LEFT_OUT if strict and exported.left_out.losses else ALL_WELL


def _report(exported: "Exported", out: Path) -> Iterator[str]:
    """The lines that the export ends with."""
    yield f"Wrote {exported.images} images with {exported.people} people and {exported.points} points to {out}."
    named = {part: count for part, count in exported.parts.items() if part}
    if named:
        yield "  " + ", ".join(f"{part} {count}" for part, count in sorted(named.items()))
    yield from exported.left_out.lines()
