"""`wholebody prefill`: its options, and what it says at the end. The run itself is `prefill/run.py`."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wholebody.prefill.run import Outcome

ALL_WELL, SOME_FAILED, INTERRUPTED = 0, 1, 130
MOST_REASONS = 10
"""As many are named at the end."""


@click.command()
@click.option("--project", "project_id", type=int, help="Project to fill (PROJECT_ID).")
@click.option("--limit", "task_limit", metavar="N|all", help="How many tasks to take on (TASK_LIMIT).")
@click.option("--start", "start_task_id", type=int, help="Task id to start at (START_TASK_ID).")
@click.option("--delay", "request_delay_seconds", type=float, help="Seconds between writes (REQUEST_DELAY_SECONDS).")
@click.option("--retries", "max_retries", type=int, help="Repetitions of a failed call (MAX_RETRIES).")
@click.option("--dry-run", is_flag=True, help="Predict, but write nothing to Label Studio.")
@click.option(
    "--failures",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("prefill-failures.jsonl"),
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
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Only the tasks in such a list.",
)
def prefill(dry_run: bool, failures: Path, replace: bool, retry_failed: Path | None, **settings: Any) -> int:
    """Fill the tasks of a project that have neither prediction nor annotation.

    Options go before the environment and .env. Run it again to go on where it stopped. Exit code: 0 all
    well, 1 some tasks failed, 2 could not start, 130 stopped by Ctrl-C, SIGTERM or a closed terminal.
    """
    from wholebody.prefill.run import run_prefill
    from wholebody.process.logs import configure_logging
    from wholebody.process.stopping import stop_on_signal
    from wholebody.settings import load_settings

    given = load_settings(**settings)
    configure_logging(given.log_level, given.log_format)
    with stop_on_signal() as stop:
        outcome = run_prefill(
            given, stop, dry_run=dry_run, failures=failures, replace=replace, retry_failed=retry_failed
        )
        _say("\n".join(_report(outcome, failures, dry_run=dry_run)))
    if outcome.interrupted:  # before failures: what runs this again and again must not go on
        return INTERRUPTED
    return SOME_FAILED if outcome.summary.stopped or outcome.summary.failed else ALL_WELL


def _say(report: str) -> None:
    """Print it, unless the terminal was closed."""
    try:
        click.echo(report)
    except OSError as error:
        if error.errno != errno.EIO:
            raise


def _report(outcome: "Outcome", failures: Path, *, dry_run: bool) -> Iterator[str]:
    """The lines that the run ends with."""
    summary, failed = outcome.summary, outcome.summary.failed.total()
    verb = "Would have predicted" if dry_run else "Predicted"
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
