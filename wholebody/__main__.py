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
@click.option(
    "--replace",
    is_flag=True,
    help="Also tasks whose predictions are of other versions of this model, which are deleted then.",
)
@click.option(
    "--retry-failed",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Only the tasks in such a list.",
)
@errors_in_one_line
def prefill(dry_run: bool, failures: Path, replace: bool, retry_failed: Path | None, **settings: Any) -> int:
    """Fill the tasks of a project that have neither prediction nor annotation.

    Options go before the environment and .env. Run it again to go on where it stopped. Exit code: 0 all
    well, 1 some tasks failed, 2 could not start, 130 stopped by Ctrl-C.
    """
    from wholebody.commands.prefill import run_prefill
    from wholebody.settings import load_settings

    return run_prefill(
        load_settings(**settings), dry_run=dry_run, failures=failures, replace=replace, retry_failed=retry_failed
    )


@main.command()
@click.option(
    "--preset",
    type=click.Choice(["body", "body-feet", "wholebody", "hands", "face"]),
    help="Which keypoints to offer: 17, 23, 133, 42 or 68.  [default: wholebody]",
)
@click.option("--parts", help="Instead of a preset: some of body,feet,face,left_hand,right_hand.")
@click.option("--skeleton", is_flag=True, help="One skeleton for each part of a person instead of single points.")
@click.option(
    "--prompt",
    type=click.Choice(["box", "click", "both", "none"]),
    default="box",
    show_default=True,
    help="The smart tools that ask for a person.",
)
@click.option(
    "--apply",
    "project_id",
    type=int,
    metavar="PROJECT_ID",
    help="Set it on a project, if that orphans no annotation, instead of printing it.",
)
@errors_in_one_line
def config(preset: str | None, parts: str | None, skeleton: bool, prompt: str, project_id: int | None) -> None:
    """Print a labeling config for Settings > Labeling Interface > Code, or set it on a project.

    --apply needs LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN.
    """
    from wholebody.commands.config import run_config

    click.echo(run_config(preset, parts, skeleton=skeleton, prompt=prompt, project_id=project_id))


@main.command()
@click.option("--project", "project_id", type=click.IntRange(min=1), help="Project to look at (PROJECT_ID).")
@click.option("--task", "task_id", type=click.IntRange(min=1), help="Task whose image is tried; else the first.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of check, status, message and cure.")
@errors_in_one_line
def doctor(project_id: int | None, task_id: int | None, as_json: bool) -> int:
    """Check the settings, Label Studio, a project and this machine, and say how to mend what is wrong.

    Nothing is written, downloaded or predicted. Exit code: 0 nothing failed, 1 something failed, 2 the
    settings are wrong.
    """
    from wholebody.commands.doctor import run_doctor

    return run_doctor(project_id, task_id, as_json=as_json)


@main.command()
@click.option("--download", is_flag=True, help="Download what is missing, and record its sha256.")
@errors_in_one_line
def weights(download: bool) -> None:
    """Say which two weights files the settings need, where from, and check those that are here.

    For a machine without a network: download into a folder elsewhere, with the same MODE, and copy it to
    MODEL_DIR.
    """
    from wholebody.commands.weights import run_weights

    click.echo(run_weights(download=download))


if __name__ == "__main__":
    main(prog_name="python -m wholebody")
