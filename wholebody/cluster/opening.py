"""Opens who predicts: the workers of a scheduler, or some started here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from wholebody.cluster.connecting import connected, started_here
from wholebody.cluster.predictor import ClusterPredictor
from wholebody.cluster.roster import Roster
from wholebody.cluster.worker import LoadModel, ModelPlugin, load_annotator
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

log = logging.getLogger(__name__)


@contextmanager
def predict_on_cluster(
    settings: Settings,
    config: LabelingConfig,
    stop: Stop,
    *,
    workers: int | None = None,
    load: LoadModel = load_annotator,
) -> Iterator[ClusterPredictor]:
    """The workers of DASK_SCHEDULER, or so many started here, with the model loaded.

    Args:
        settings: DASK_SCHEDULER and the certificates. Nothing of them is sent: workers have their own settings.
        config: What to fill.
        stop: The user's wish to stop.
        workers: How many to start here, instead of going to a scheduler.
        load: Loads the model in a worker.

    Raises:
        SettingsError: An address or certificate cannot be used.
        ClusterError: No scheduler or worker is there, or they are not the same.
        StoppedError: The user asked to stop.
    """
    with connected(settings) if workers is None else started_here(workers, _of_options(settings)) as cluster:
        plugin = ModelPlugin(load, of_terminal=cluster.is_local)
        has_token = bool(settings.label_studio_url and settings.label_studio_api_token)
        roster = Roster(cluster, plugin, stop, has_token=has_token)
        try:
            predictor = ClusterPredictor(cluster.client, roster, config, stop)
            dashboard = f", dashboard at {cluster.client.dashboard_link}" if cluster.has_dashboard else ""
            log.info("%s: %d workers%s", cluster.name, predictor.workers, dashboard)
            yield predictor
        finally:
            roster.close()


def _of_options(settings: Settings) -> dict[str, str]:
    """What options of the command line may say to workers of this machine, which read their own settings."""
    given = {name: getattr(settings, name) for name in ("image_files_prefix", "image_files_dir", "max_retries")}
    return {name.upper(): str(value) for name, value in given.items() if value is not None}
