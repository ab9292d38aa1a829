"""What the backend counts, for Prometheus."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, generate_latest

from wholebody import __version__

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100)


class Metrics:
    """The counters of one app, in a registry of their own."""

    def __init__(self, model_version: str) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("wholebody_requests", "Requests answered", ["route", "status"], registry=self._registry)
        self.seconds = Histogram(
            "wholebody_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=self._registry
        )
        self.tasks = Counter(
            "wholebody_tasks", "Tasks by outcome: predicted, empty or failed", ["outcome"], registry=self._registry
        )
        Info("wholebody_build", "Version of the program and the model", registry=self._registry).info(
            {"version": __version__, "model_version": model_version}
        )

    def count_results(self, results: Sequence[object]) -> None:
        """Count the tasks of one answer."""
        for entry in results:
            regions = entry.get("result") if isinstance(entry, dict) else None
            outcome = "failed" if regions is None else "predicted" if regions else "empty"
            self.tasks.labels(outcome).inc()

    def text(self) -> bytes:
        """The exposition format that Prometheus reads."""
        return generate_latest(self._registry)
