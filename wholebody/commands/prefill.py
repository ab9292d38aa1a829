"""`wholebody prefill`: its options, and what it says at the end. The run itself is `prefill/run.py`."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wholebody.commands.bulk import bulk_option
from wholebody.commands.option_types import FILE, FOLDER
from wholebody.commands.predictors import choose_predictor, predictor_options
from wholebody.commands.task_sources import config_option, project_option

if TYPE_CHECKING:
    from wholebody.prefill.run import Outcome

ALL_WELL, SOME_FAILED, INTERRUPTED = 0, 1, 130
FAILURES = Path("prefill-failures.jsonl")
MOST_REASONS = 10
"""As many are named at the end."""


@click.command()
@project_option("Project to fill")
@click.option("--limit", "task_limit", metavar="N|all", help="How many tasks to take on (TASK_LIMIT).")
@click.option("--start", "start_task_id", type=int, help="Task id to start at (START_TASK_ID).")
@click.option("--delay", "request_delay_seconds", type=float, help="Seconds between writes (REQUEST_DELAY_SECONDS).")
@click.option("--retries", "max_retries", type=int, help="Repetitions of a failed call (MAX_RETRIES).")
@click.option("--dry-run", is_flag=True, help="Predict, but write nothing to Label Studio.")
@click.option(
    "--failures",
    type=FILE,
    default=FAILURES,
    show_default=True,
    help="Where the tasks that failed are listed.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Also tasks whose predictions are of other versions of this model, or under names that the labeling config "
    "lacks; those are deleted then.",
)
@click.option(
    "--retry-failed",
    type=FILE,
    metavar="FILE",
    help="Only the tasks in such a list.",
)
@click.option(
    "--tasks",
    "tasks_file",
    type=FILE,
    metavar="FILE",
    help="With --out, without Label Studio: its JSON export, tasks as its import takes them (JSON or JSON lines), or a "
    "text with the address or path of an image a line.",
)
@click.option(
    "--out",
    type=FOLDER,
    metavar="DIR",
    help="Write files for Label Studio's import into this folder, instead of predictions into the project.",
)
@config_option("With --tasks: their labeling config; else that of `wholebody config`.")
@click.option(
    "--images",
    "image_files_prefix",
    metavar="PREFIX",
    help="What Label Studio has in place of --images-dir, such as /data/local-files/?d=photos/ (IMAGE_FILES_PREFIX).",
)
@click.option(
    "--images-dir",
    "image_files_dir",
    type=FOLDER,
    metavar="DIR",
    help="The folder of this machine that has these images, else that of --tasks (IMAGE_FILES_DIR).",
)
@click.option("--shard", metavar="3/16", help="With --out: the third of sixteen parts of the tasks; /16 in array jobs.")
@click.option(
    "--shard-index",
    type=int,
    envvar=["JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"],
    help="With --shard /16: which part, from 0 (JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID).",
)
@click.option("--per-file", type=click.IntRange(min=1), help="With --out: tasks a file.  [default: 1000]")
@click.option("--watch", is_flag=True, help="When nothing is left, wait for tasks that arrive, until it is stopped.")
@bulk_option
@predictor_options
@click.option("--metrics-port", type=int, help="Serve /metrics at this port meanwhile (METRICS_PORT).")
def prefill(
    dry_run: bool,
    failures: Path,
    replace: bool,
    retry_failed: Path | None,
    tasks_file: Path | None,
    out: Path | None,
    config_file: Path | None,
    shard: str | None,
    shard_index: int | None,
    per_file: int | None,
    watch: bool,
    bulk: int | None,
    workers: int | None,
    **settings: Any,
) -> int:
    """Fill the tasks of a project that have neither prediction nor annotation.

    Options go before the environment and .env. Run it again to go on where it stopped. Exit code: 0 all
    well, 1 some tasks failed, 2 could not start, 130 stopped by Ctrl-C, SIGTERM or a closed terminal.
    """
    from wholebody.errors import SettingsError
    from wholebody.prefill.file_predictions import TASKS_A_FILE
    from wholebody.prefill.file_runs import FileRun, run_to_files
    from wholebody.prefill.run import run_prefill
    from wholebody.prefill.shards import Shard
    from wholebody.prefill.watching import watch_project
    from wholebody.process.logs import configure_logging
    from wholebody.process.stopping import stop_on_signal
    from wholebody.settings import load_settings

    _check_together(settings["project_id"], tasks_file, out, config_file, shard, per_file, replace=replace)
    if watch and (out or dry_run or retry_failed or settings["task_limit"] not in (None, "all")):
        raise SettingsError("--watch takes on a whole project: without --limit, --out, --dry-run and --retry-failed")
    if bulk and (out or dry_run or replace or watch):
        raise SettingsError(
            "--bulk is for runs that only add predictions: not with --out, --dry-run, --replace, --watch"
        )
    if tasks_file and settings["image_files_prefix"] is not None and settings["image_files_dir"] is None:
        settings["image_files_dir"] = tasks_file.parent
    given = load_settings(**settings)
    configure_logging(given.log_level, given.log_format)
    open_predictor = choose_predictor(given, workers)
    part = Shard.parse(shard, shard_index) if shard else Shard()
    if part.count > 1 and failures == FAILURES:
        failures = failures.with_stem(f"{failures.stem}-{part.number}-of-{part.count}")
    with stop_on_signal() as stop:
        if out:
            per_file = per_file or TASKS_A_FILE
            run = FileRun(out, tasks_file, config_file, part, per_file, dry_run, failures, retry_failed)
            outcome = run_to_files(given, stop, run, open_predictor)
        elif watch:
            outcome = watch_project(given, stop, failures=failures, replace=replace, open_predictor=open_predictor)
        else:
            outcome = run_prefill(
                given,
                stop,
                dry_run=dry_run,
                failures=failures,
                replace=replace,
                retry_failed=retry_failed,
                bulk=bulk,
                open_predictor=open_predictor,
            )
        return end_run(outcome, failures, verb="Would have predicted" if dry_run else "Predicted")


def end_run(outcome: "Outcome", failures: Path, *, verb: str) -> int:
    """Say what came of a run; its exit code."""
    _say("\n".join(_report(outcome, failures, verb)))
    if outcome.interrupted:  # before failures: what runs this again and again must not go on
        return INTERRUPTED
    return SOME_FAILED if outcome.summary.stopped or outcome.summary.failed else ALL_WELL


def _check_together(
    project_id: int | None,
    tasks_file: Path | None,
    out: Path | None,
    config_file: Path | None,
    shard: str | None,
    per_file: int | None,
    *,
    replace: bool,
) -> None:
    """Refuse options that do not go together."""
    from wholebody.errors import SettingsError

    if tasks_file and project_id is not None:
        raise SettingsError("--project and --tasks exclude each other; give one of them")
    if tasks_file and not out:
        raise SettingsError("--tasks goes with --out, the folder that gets the predictions")
    if config_file and not tasks_file:
        raise SettingsError("--config goes with --tasks; a project has its own labeling config")
    if (shard or per_file) and not out:
        raise SettingsError("--shard and --per-file go with --out; one run at a time writes to Label Studio")
    if replace and out:
        raise SettingsError("--replace is for the predictions in Label Studio, where --out changes nothing")


def _say(report: str) -> None:
    """Print it, unless the terminal was closed."""
    try:
        click.echo(report)
    except OSError as error:
        if error.errno != errno.EIO:
            raise


def _report(outcome: "Outcome", failures: Path, verb: str) -> Iterator[str]:
    """The lines that the run ends with."""
    summary, failed = outcome.summary, outcome.summary.failed.total()
    yield f"{verb} {summary.predicted} ({summary.empty} empty), skipped {summary.skipped}, failed {failed}."
    for reason, count in summary.failed.most_common(MOST_REASONS):
        yield f"  {count} x {reason}"
    if len(summary.failed) > MOST_REASONS:
        yield f"  and {len(summary.failed) - MOST_REASONS} other reasons"
    if outcome.deleted:
        yield f"Deleted {outcome.deleted} predictions at the end: copies, or replaced."
    if failed:
        yield f"The tasks that failed are listed in {failures}; the next run tries them again."
    if summary.stopped:
        yield f"Stopped early: {summary.stopped}"
    if outcome.interrupted:
        yield "Interrupted; run again to go on."
