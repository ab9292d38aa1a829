"""The options that say who predicts, for every command that predicts in bulk."""

from collections.abc import Callable
from functools import partial, reduce
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import click

from wholebody.commands.option_types import FILE

if TYPE_CHECKING:
    from wholebody.prefill.parts import OpenPredictor
    from wholebody.settings import Settings

OPTIONS = (
    click.option(
        "--workers", type=click.IntRange(1, 1000), metavar="N", help="Let N worker processes on this machine predict."
    ),
    click.option(
        "--scheduler",
        "dask_scheduler",
        metavar="ADDRESS",
        help="Let the workers of this Dask scheduler predict (DASK_SCHEDULER).",
    ),
    click.option("--tls-ca", "dask_tls_ca", type=FILE, metavar="FILE", help="With --scheduler (DASK_TLS_CA)."),
    click.option("--tls-cert", "dask_tls_cert", type=FILE, metavar="FILE", help="With --scheduler (DASK_TLS_CERT)."),
    click.option("--tls-key", "dask_tls_key", type=FILE, metavar="FILE", help="With --scheduler (DASK_TLS_KEY)."),
)

Command = TypeVar("Command", bound=Callable[..., object])


def predictor_options(command: Command) -> Command:
    """Gives a command `workers`, and the settings of a cluster."""
    return reduce(lambda given, option: option(given), reversed(OPTIONS), command)


def choose_predictor(settings: "Settings", workers: int | None) -> "OpenPredictor":
    """Threads of this process, or a cluster where one is asked for; only then Dask is imported.

    Args:
        settings: DASK_SCHEDULER and its certificates.
        workers: How many processes to start here, instead of going to a scheduler.

    Raises:
        SettingsError: Dask is not installed.
    """
    if workers is None and settings.dask_scheduler is None:
        from wholebody.prefill.run import open_threads

        return open_threads
    if find_spec("distributed") is None:
        from wholebody.errors import SettingsError

        raise SettingsError("--scheduler and --workers need Dask: pip install --no-deps -r requirements-cluster.txt")
    from wholebody.cluster.opening import predict_on_cluster

    return partial(predict_on_cluster, workers=workers)
