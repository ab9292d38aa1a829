"""The group of commands: `wholebody`, or `python -m wholebody`. Turns their errors into one line and an exit code.

Each command imports what it needs when it runs, so that `--help` answers at once.
"""

import errno
import os
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import click

from wholebody import __version__
from wholebody.commands.calibrate import calibrate
from wholebody.commands.config import config
from wholebody.commands.doctor import doctor
from wholebody.commands.evaluate import evaluate
from wholebody.commands.export import export
from wholebody.commands.import_ import import_
from wholebody.commands.prefill import prefill
from wholebody.commands.review import review
from wholebody.commands.weights import weights

COULD_NOT_START, INTERRUPTED = 2, 130


@click.group()
@click.version_option(__version__, prog_name="wholebody")
def main() -> None:
    """Pose pre-annotation for Label Studio."""


def add(command: click.Command) -> None:
    """Give the group a command, whose errors end in one line on standard error and exit code 2, Ctrl-C in 130."""
    run = command.callback or main

    @wraps(run)
    def run_and_exit(**options: Any) -> None:
        from wholebody.errors import StoppedError, WholebodyError

        _open_closed_streams()
        try:
            sys.exit(run(**options) or 0)
        except (KeyboardInterrupt, StoppedError):
            sys.exit(INTERRUPTED)
        except WholebodyError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(COULD_NOT_START)
        finally:
            _forget_closed_terminal()

    command.callback = run_and_exit
    main.add_command(command)


def _open_closed_streams() -> None:
    """Let standard streams that were closed at the start lead nowhere.

    Else the next connection gets the number of one, and what is meant for a terminal goes into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  # which takes the least number that is free


def _forget_closed_terminal() -> None:
    """What a terminal that was closed did not take is tried again at the very end, and would change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


for _command in (prefill, config, review, export, import_, evaluate, calibrate, doctor, weights):
    add(_command)


if __name__ == "__main__":
    main(prog_name="python -m wholebody")
