"""`wholebody import`: its options, and what it says at the end. The import itself is `dataset/importing.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wholebody.commands.task_sources import (
    ALL_WELL,
    FILE,
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
@click.argument("coco", type=FILE, metavar="COCO")
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
def import_(
    coco: Path, project_id: int | None, out: Path | None, config_file: Path | None, prefix: str, kind: Any, strict: bool
) -> int:
    """Make tasks of a COCO-WholeBody or COCO keypoints file, with annotations or predictions.

    A picture that the project has already gets no second task, so run it again to go on. Exit code: 0 all well, 1
    something was left out (--strict), 2 could not be done, 130 stopped by Ctrl-C.
    """
    from wholebody.dataset.importing import import_to_file
    from wholebody.dataset.task_files import read_text
    from wholebody.dataset.task_writer import TaskWriter
    from wholebody.errors import SettingsError
    from wholebody.keypoints import Part
    from wholebody.labeling.config_writer import write_config
    from wholebody.settings import load_settings

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
