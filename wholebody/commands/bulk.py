"""The option `--bulk`, of the commands that write predictions into a project."""

import click

MOST_AT_ONCE = 100
"""More are no faster a prediction, and more is in doubt when a call is not answered."""

bulk_option = click.option(
    "--bulk",
    type=click.IntRange(1, MOST_AT_ONCE),
    metavar="N",
    help="Predictions stored in one call, for a Label Studio that was started for it (docs/scaling.md).  [default: 1]",
)
