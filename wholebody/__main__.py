"""The commands. Each imports what it needs when it runs, so that `--help` answers at once."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

COULD_NOT_START, INTERRUPTED = 2, 130


def errors_in_one_line(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn this project's errors into one line on standard error and exit code 2, Ctrl-C into 130."""

    @wraps(command)
    def run(**options: Any) -> None:
        from wholebody.errors import StoppedError, WholebodyError

        try:
            sys.exit(command(**options) or 0)
        except (KeyboardInterrupt, StoppedError):
            sys.exit(INTERRUPTED)
        except WholebodyError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(COULD_NOT_START)

    return run


@click.group()
@click.version_option(package_name=None, version="0.1.0")
def main() -> None:
    """Pose pre-annotation for Label Studio."""


@main.command()
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
@errors_in_one_line
def prefill(dry_run: bool, failures: Path, **settings: Any) -> int:
    """Fill the tasks of a project that have neither prediction nor annotation.

    Options go before the environment and .env. Run it again to go on where it stopped. Exit code: 0 all
    well, 1 some tasks failed, 2 could not start, 130 stopped by Ctrl-C.
    """
    from wholebody.prefill_command import run_prefill
    from wholebody.settings import load_settings

    return run_prefill(load_settings(**settings), dry_run=dry_run, failures=failures)


@main.command()
@click.option(
    "--parts",
    default="body,feet,face,left_hand,right_hand",
    show_default=True,
    help="Which keypoints to offer, separated by commas.",
)
@errors_in_one_line
def config(parts: str) -> None:
    """Print a labeling config for Settings > Labeling Interface > Code."""
    from wholebody.config_writer import parse_parts, write_config

    click.echo(write_config(parse_parts(parts)))


if __name__ == "__main__":
    main(prog_name="python -m wholebody")
