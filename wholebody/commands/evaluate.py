"""`wholebody evaluate`: its options, and what it says at the end. What is measured is `evaluation/evaluating.py`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wholebody.commands.option_types import FILE, FOLDER
from wholebody.commands.task_sources import (
    ALL_WELL,
    SOMETHING_LEFT_OUT,
    TaskSource,
    strict_option,
    task_options,
)

if TYPE_CHECKING:
    from wholebody.evaluation.evaluating import Evaluation
    from wholebody.evaluation.person_pictures import Load
    from wholebody.settings import Settings


@click.command()
@task_options("Project to evaluate")
@click.option(
    "--coco",
    "coco_file",
    type=FILE,
    metavar="FILE",
    help="Instead: a ground truth as COCO-WholeBody or COCO keypoints, over which the model is run.",
)
@click.option(
    "--images",
    "images_folder",
    type=FOLDER,
    metavar="DIR",
    help="With --coco: the folder of its pictures.",
)
@click.option("--out", type=FOLDER, required=True, help="Folder to write; must be new.")
@strict_option
def evaluate(
    source: TaskSource,
    coco_file: Path | None,
    images_folder: Path | None,
    out: Path,
    strict: bool,
) -> int:
    """Measure predictions against what people made of them, or the model against a ground truth.

    Prints a table with a column for each model version, and writes metrics.json and report.html, a page for a browser
    with the pictures of the people who were corrected most. Names what was left out and why.
    Exit code: 0 all well, 1 something was left out (--strict), 2 could not be done, 130 stopped by Ctrl-C.
    """
    import orjson

    from wholebody.dataset.staging import staged_folder
    from wholebody.evaluation.evaluating import Evaluation
    from wholebody.evaluation.packages import needed
    from wholebody.evaluation.person_pictures import with_pictures
    from wholebody.evaluation.report.page import shown_versions, write_report
    from wholebody.evaluation.table import table
    from wholebody.evaluation.worst import WorstPeople
    from wholebody.process.logs import configure_logging
    from wholebody.settings import load_settings

    _check_options(source, coco_file, images_folder)
    needed("faster_coco_eval")
    settings = load_settings(project_id=source.project_id)
    configure_logging(settings.log_level, settings.log_format)
    worst = WorstPeople()
    evaluation = Evaluation(worst.see, "image" if coco_file else "task")
    with staged_folder(out) as folder:
        if coco_file and images_folder:
            origin = _run_model(evaluation, settings, coco_file, images_folder)
        else:
            origin = _compare_tasks(evaluation, settings, source)
        metrics = evaluation.metrics(origin)
        form = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        (folder / "metrics.json").write_bytes(orjson.dumps(metrics, option=form))
        pictures = with_pictures(worst.people(shown_versions(metrics)[0]), _load(settings, images_folder))
        write_report(metrics, [*pictures], folder / "report.html", _seen_by_browsers(settings))
    written = f"Wrote metrics.json and report.html to {out}."
    click.echo("\n".join([*table(metrics), written, *evaluation.left_out.lines()]))
    return SOMETHING_LEFT_OUT if strict and evaluation.left_out.losses else ALL_WELL


def _check_options(source: TaskSource, coco_file: Path | None, images_folder: Path | None) -> None:
    from wholebody.errors import SettingsError

    if coco_file:
        for name, value in (
            ("--project", source.project_id),
            ("--tasks", source.tasks_file),
            ("--annotator", source.annotator or None),
        ):
            if value is not None:
                raise SettingsError(f"{name} and --coco exclude each other; give one of them")
    if bool(coco_file) != bool(images_folder):
        raise SettingsError("--coco and --images go together: the ground truth, and the folder of its pictures")
    if images_folder and not images_folder.is_dir():
        raise SettingsError(f"--images: there is no folder {images_folder}")


def _compare_tasks(evaluation: "Evaluation", settings: "Settings", source: TaskSource) -> dict[str, Any]:
    """Count the tasks of a file or a project; what they are of."""
    from wholebody.dataset.images_of_tasks import TaskReader

    opened = source.open(settings, annotated=True, otherwise=", or --coco with --images")
    reader = TaskReader(opened.config, "annotations", opened.annotator)
    with _progress(opened.total, "task") as advance:
        for task in opened.tasks:
            evaluation.add_task(task, reader)
            advance()
    return opened.origin


def _run_model(evaluation: "Evaluation", settings: "Settings", coco_file: Path, folder: Path) -> dict[str, Any]:
    """Run the model over a ground truth; what that is."""
    from wholebody.dataset.coco_reader import read_coco
    from wholebody.dataset.left_out import LeftOut
    from wholebody.evaluation.model_run import Model

    images, homeless = read_coco(coco_file)
    for one in homeless:
        evaluation.leave_out(coco_file.name, one)
    model = Model(settings)
    with _progress(len(images), "image") as advance:
        for image in images:
            looked = model.look_at(image, folder)
            for one in image.left_out:
                evaluation.leave_out(image.file_name, one)
            if isinstance(looked, LeftOut):
                evaluation.leave_out(image.file_name, looked)
            else:
                evaluation.add_image(looked.paired, looked.truth, looked.found)
            advance()
    return {"coco": coco_file.name, "images": folder.name}


def _load(settings: "Settings", folder: Path | None) -> "Load":
    """What reads the pictures of people: from the folder of a ground truth, else from where tasks have them."""
    from wholebody.evaluation.model_run import picture_of_folder
    from wholebody.images.loader import ImageLoader
    from wholebody.process.memory_budget import MemoryBudget

    if folder is None:
        return ImageLoader(settings).load
    most, budget = settings.image_max_bytes, MemoryBudget(settings.image_memory_bytes)
    return lambda reference, _: picture_of_folder(folder, reference, most, budget)


def _seen_by_browsers(settings: "Settings") -> str:
    return settings.label_studio_public_url or settings.label_studio_url or ""


@contextmanager
def _progress(total: int | None, unit: str) -> Iterator[Callable[[], Any]]:
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    with logging_redirect_tqdm(), tqdm(total=total, unit=unit, disable=None) as bar:
        yield bar.update
