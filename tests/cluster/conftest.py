"""Where Dask is not installed, these tests have nothing to test."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

pytest.importorskip("distributed", reason="no Dask: pip install --no-deps -r requirements-cluster.txt")

from tests.cluster.models import load_stub
from wholebody.cluster.opening import predict_on_cluster
from wholebody.cluster.predictor import ClusterPredictor
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

Open = Callable[..., AbstractContextManager[ClusterPredictor]]


@pytest.fixture(scope="session")
def config() -> LabelingConfig:
    return parse_labeling_config(write_config(list(Part)))


@pytest.fixture
def opened(config: LabelingConfig) -> Iterator[Open]:
    """Opens the cluster of a scheduler's address, or so many worker processes, with the stand-in for the model."""

    @contextmanager
    def open_(address: str | None = None, workers: int | None = None, **settings: Any) -> Iterator[ClusterPredictor]:
        given = Settings(dask_scheduler=address, **settings)
        with predict_on_cluster(given, config, Stop(), workers=workers, load=load_stub) as predictor:
            yield predictor

    levels = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
    yield open_
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def tasks_of(*images: str, first: int = 1) -> list[dict[str, Any]]:
    return [{"id": number, "data": {"image": image}} for number, image in enumerate(images, first)]
