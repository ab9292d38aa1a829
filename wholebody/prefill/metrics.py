"""What Prometheus sees of a run of the prefill: `/metrics` on a port of its own, for as long as the run lasts."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from wholebody import __version__
from wholebody.errors import SettingsError
from wholebody.prefill.loop import Summary
from wholebody.prefill.parts import Predictor
from wholebody.settings import Settings


class SummaryCollector(Collector):
    """The tasks of a run by what became of them, read when Prometheus asks."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One family."""
        family = CounterMetricFamily("wholebody_prefill_tasks", "Tasks done, by outcome", labels=["outcome"])
        summary = self._summary
        family.add_metric(["predicted"], summary.predicted - summary.empty)
        family.add_metric(["empty"], summary.empty)
        family.add_metric(["skipped"], summary.skipped)
        family.add_metric(["failed"], summary.failed.total())
        yield family


def nobody_knows() -> float:
    """How many tasks are left of those that are read as they come."""
    return math.nan


@contextmanager
def serve_metrics(
    settings: Settings, predictor: Predictor, summary: Summary, left: Callable[[], float] = nobody_knows
) -> Iterator[None]:
    """Serve `/metrics` at HOST and METRICS_PORT meanwhile, if it is set.

    Args:
        settings: Where.
        predictor: Who predicts.
        summary: What became of the tasks so far.
        left: How many are left.

    Raises:
        SettingsError: Nobody can listen there.
    """
    if settings.metrics_port is None:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.host, _registry(predictor, summary, left))
    except OSError as error:
        raise SettingsError(
            f"METRICS_PORT={settings.metrics_port}: cannot listen there at {settings.host}: {error.strerror}; choose "
            "another port"
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _registry(predictor: Predictor, summary: Summary, left: Callable[[], float]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(SummaryCollector(summary))
    Gauge("wholebody_prefill_tasks_left", "Tasks not done yet", registry=registry).set_function(left)
    workers = Gauge("wholebody_prefill_workers", "Processes that predict", registry=registry)
    workers.set_function(lambda: 1 if predictor.workers is None else predictor.workers)
    build = {"version": __version__, "model_version": predictor.model_version}
    Info("wholebody_build", "Version of the program and the model", registry=registry).info(build)
    ProcessCollector(registry=registry)
    return registry
