"""`wholebody import`: its options, and what it says at the end. The import itself is `dataset/importing.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wholebody.commands.bulk import bulk_option
from wholebody.commands.option_types import FILE
from wholebody.commands.task_sources import (
    ALL_WELL,
    SOMETHING_LEFT_OUT,
    config_option,
    open_project,
    project_option,
    strict_option,
)

if TYPE_CHECKING:
    from wholebody.dataset.importing import Imported
    from wholebody.settings import Settings


@click.command("import")
@click.argument("coco", required=False, type=FILE, metavar="[COCO]")
@click.option(
    "--predictions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Instead of COCO: what `wholebody prefill --out DIR` wrote, into the tasks that the project has.",
)
@bulk_option
@project_option("Project to put the tasks into")
@click.option("--out", type=FILE, metavar="FILE", help="Instead: a file for Label Studio's import.")
@config_option("With --out: the labeling config of the project; else that of `wholebody config --visibility`.")
@click.option(
    "--images",
    "prefix",
    default="",
    metavar="PREFIX",
    help="What comes before a picture's name, such as /data/local-files/?d=photos/",
)
@click.option(
    "--as",
    "kind",
    type=click.Choice(["annotations", "predictions"]),
    default="annotations",
    show_default=True,
    help="What people become.",
)
@strict_option
@click.option(
    "--failures",
    type=FILE,
    default=Path("import-failures.jsonl"),
    show_default=True,
    help="With --predictions: where the tasks that failed are listed.",
)
def import_(
    coco: Path | None,
    predictions: Path | None,
    bulk: int | None,
    project_id: int | None,
    out: Path | None,
    config_file: Path | None,
    prefix: str,
    kind: Any,
    strict: bool,
    failures: Path,
) -> int:
    """Make tasks of a COCO-WholeBody or COCO keypoints file, with annotations or predictions.

    A picture that the project has already gets no second task, so run it again to go on. With --predictions no task is
    made: those that have neither prediction nor annotation get their prediction. Exit code: 0 all well, 1 something was
    left out (--strict) or some tasks failed, 2 could not be done, 130 stopped by Ctrl-C.
    """
    from wholebody.dataset.importing import import_to_file
    from wholebody.dataset.task_files import read_text
    from wholebody.dataset.task_writer import TaskWriter
    from wholebody.errors import SettingsError
    from wholebody.keypoints import Part
    from wholebody.labeling.config_writer import write_config
    from wholebody.settings import load_settings

    if predictions and coco is None:
        if out or config_file or prefix:
            raise SettingsError("--predictions goes with --project alone; the tasks there have their images")
        return _predictions_into_project(load_settings(project_id=project_id), predictions, failures, bulk)
    if bulk:
        raise SettingsError("--bulk goes with --predictions; tasks of a COCO file are stored many at a time anyway")
    if coco is None or predictions:
        raise SettingsError("import what? give either a COCO file, or --predictions with a folder")
    if out and project_id is not None:
        raise SettingsError("--project and --out exclude each other; give one of them")
    if config_file and not out:
        raise SettingsError("--config goes with --out; a project has its own labeling config")
    if out:
        label_config = read_text(config_file) if config_file else write_config(tuple(Part))
        writer = TaskWriter.of(label_config, prefix, kind)
        imported = import_to_file(coco, writer if config_file else writer.with_visibility(), out)
        where = str(out)
    else:
        imported, where = _into_project(load_settings(project_id=project_id), coco, prefix, kind)
    click.echo("\n".join(_report(imported, where, kind)))
    return SOMETHING_LEFT_OUT if strict and imported.left_out.losses else ALL_WELL


def _predictions_into_project(settings: "Settings", folder: Path, failures: Path, bulk: int | None) -> int:
    from wholebody.commands.prefill import end_run
    from wholebody.prefill.folder_import import import_predictions
    from wholebody.process.logs import configure_logging
    from wholebody.process.stopping import stop_on_signal

    configure_logging(settings.log_level, settings.log_format)
    with stop_on_signal() as stop:
        return end_run(import_predictions(settings, stop, folder, failures, bulk=bulk), failures, verb="Stored")


def _into_project(settings: "Settings", coco: Path, prefix: str, kind: Any) -> tuple["Imported", str]:
    from wholebody.dataset.importing import ProjectTasks, import_to_project
    from wholebody.dataset.task_writer import TaskWriter

    client, project = open_project(settings, "--out for a file")
    writer = TaskWriter.of(project.label_config, prefix, kind)
    imported = import_to_project(coco, writer, ProjectTasks(client, project.id, writer.key))
    return imported, f"project {project.id} {project.title!r}"


def _report(imported: "Imported", where: str, kind: str) -> Iterator[str]:
    """The lines that the import ends with."""
    yield f"Wrote {imported.tasks} tasks with {imported.people} people as {kind} to {where}."
    if imported.there:
        yield f"  {imported.there} pictures have a task there already."
    yield from imported.left_out.lines()
