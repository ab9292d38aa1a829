"""`wholebody calibrate`: its options, and what it says at the end. `evaluation/calibration_run.py` does it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wholebody.commands.option_types import FILE
from wholebody.commands.task_sources import TaskSource, strict_option, task_options

if TYPE_CHECKING:
    from wholebody.evaluation.calibration_run import Calibrated, KnownModel

ALL_WELL, NOTHING_WRITTEN = 0, 1


@click.command()
@task_options("Project whose annotations say what was right")
@click.option(
    "--out", type=FILE, required=True,
    help="File to write, for SCORE_CALIBRATION; an older one is replaced.",
)  # fmt: skip
@click.option(
    "--within", type=click.FloatRange(0, 1), default=0.02, show_default=True,
    help="A point that was moved by no more than this share of its person's box counts as left.",
)  # fmt: skip
@click.option(
    "--model-version", "versions", multiple=True, metavar="NAME",
    help="Predictions of this version are of the same weights too, with other thresholds. May be repeated.",
)  # fmt: skip
@strict_option
def calibrate(
    source: TaskSource,
    out: Path,
    within: float,
    versions: tuple[str, ...],
    strict: bool,
) -> int:
    """Learn from corrections what scores are worth: a curve for each part of the body, for SCORE_CALIBRATION.

    Takes the settings of the backend, whose weights it is about. A part with too few points keeps its scores. Exit
    code: 0 all well, 1 no curve and so no file, or something was left out (--strict), 2 could not be done.
    """
    from wholebody.dataset.images_of_tasks import TaskReader
    from wholebody.evaluation import calibration_run
    from wholebody.evaluation.packages import needed
    from wholebody.process.logs import configure_logging
    from wholebody.settings import load_settings

    needed("scipy.optimize")
    calibration_run.check_place(out)
    given = load_settings(project_id=source.project_id)
    configure_logging(given.log_level, given.log_format)
    opened = source.open(given, annotated=True)
    model = calibration_run.KnownModel.open(given, versions)
    reader = TaskReader(opened.config, "annotations", opened.annotator)
    done = calibration_run.calibrate(opened.tasks, reader, model, within, opened.total)
    learned = any(result.record.curve for result in done.parts.values())
    if learned:
        calibration_run.write_calibration(done.file, out)
    click.echo("\n".join(_lines(done, model, out, learned=learned)))
    return NOTHING_WRITTEN if not learned or (strict and done.left_out.losses) else ALL_WELL


def _lines(done: "Calibrated", model: "KnownModel", out: Path, *, learned: bool) -> Iterator[str]:
    """The lines that the command ends with."""
    import numpy as np

    from wholebody.estimation.calibration import Calibration

    counted = ", ".join(f"{count} of {version}" for version, count in sorted(done.versions.items()))
    yield f"Corrected predictions: {counted or 'none'}"
    threshold = model.settings.confidence_threshold
    yield f"{'part':<12}{'points':>9}{'tasks':>7}{'left':>7}{'error':>8}{'after':>7}{f'{threshold:g} ->':>8}"
    for part, result in done.parts.items():
        record, curve = result.record, result.record.curve
        numbers = [record.right, record.error_before, record.error_after]
        numbers.append(float(curve.apply(np.array([threshold]))[0]) if curve else None)
        cells = "".join(
            f"{'-' if number is None else f'{number:.3f}':>{width}}"
            for number, width in zip(numbers, (7, 8, 7, 8), strict=True)
        )
        yield f"{part:<12}{record.points:>9}{record.tasks:>7}{cells}{_why(result.missing, curve is not None)}"
    yield from done.left_out.lines()
    if not learned:
        yield "No part got a curve, so nothing was written."
        return
    yield f"Wrote {out}. To apply it, set SCORE_CALIBRATION={out} for the backend and the prefill, and restart these."
    version = model.version_with(Calibration.of(done.file))
    yield f"Their predictions are then of {version}; CONFIDENCE_THRESHOLD looks at calibrated scores."


def _why(missing: str, has_curve: bool) -> str:
    """Why a part keeps its scores."""
    if missing:
        return f"   keeps its scores: needs {missing}"
    return "" if has_curve else "   keeps its scores: a curve would not be nearer to the truth"
