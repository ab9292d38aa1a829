"""What the backend counts, for Prometheus. No label holds text of a request, so their number is bounded."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from wholebody import __version__
from wholebody.errors import Cause
from wholebody.process.calls import Priority
from wholebody.process.observing import Stage
from wholebody.serving.admission import Admission
from wholebody.settings import Settings

ANSWER_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 75, 100)
"""Label Studio gives up after 100."""

STAGE_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 50, 100)
PEOPLE = (0, 1, 2, 3, 5, 8, 13, 20, 50)
OUTCOMES = ("predicted", "empty", "failed")

Reading = Callable[[], float]


class Metrics:
    """The counters of one app, in a registry of their own; an `observing.Observer` of its requests.

    Args:
        model_version: The same as in predictions.
        settings: How the networks are run, and the limits that the queue's length is compared with.
        devices: What each network runs on.
    """

    def __init__(self, model_version: str, settings: Settings, devices: Mapping[str, str]) -> None:
        self._registry = CollectorRegistry()
        self._add_requests()
        self._add_tasks()
        for collector in (ProcessCollector, GCCollector, PlatformCollector):
            collector(registry=self._registry)
        build = {"version": __version__, "model_version": model_version}
        Info("wholebody_build", "Version of the program and the model", registry=self._registry).info(build)
        device = {"mode": settings.mode, "backend_type": settings.backend_type, "device": settings.device, **devices}
        Info("wholebody_device", "What the networks run on", registry=self._registry).info(device)
        self._add_gauge("wholebody_threads", "Requests worked on at a time: THREADS", lambda: settings.threads)
        self._add_gauge("wholebody_queue_limit", "Requests that may wait: QUEUE_LIMIT", lambda: settings.queue_limit)

    def watch_queue(self, admission: Admission) -> None:
        """Show what waits and what is worked on, whenever Prometheus asks."""
        waiting = {kind.name.lower(): partial(admission.waiting_by, kind) for kind in Priority}
        working = {kind.name.lower(): partial(admission.working_by, kind) for kind in Priority}
        self._add_gauge("wholebody_queue_waiting", "Requests that wait for a place, by kind", waiting)
        self._add_gauge("wholebody_queue_working", "Requests worked on, by kind", working)
        self._add_gauge("wholebody_requests_in_hand", "Predict requests not answered yet", lambda: admission.in_hand)
        self._add_gauge("wholebody_draining", "1 while it stops and takes no more", lambda: admission.closed)

    def _add_requests(self) -> None:
        self.requests = Counter(
            "wholebody_requests", "Requests answered, by status", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "wholebody_request_seconds", "Time to answer", ["route"], buckets=ANSWER_SECONDS, registry=self._registry
        )
        self.deadline_cuts = self._counter("wholebody_deadline_cuts", "Answers given before all tasks were done")
        self.deadline_cut_tasks = self._counter("wholebody_deadline_cut_tasks", "Tasks that were left out of these")

    def _add_tasks(self) -> None:
        self.tasks = self._counter("wholebody_tasks", "Tasks answered, by outcome", "outcome", OUTCOMES)
        self.failures = self._counter("wholebody_failures", "Tasks and requests failed", "cause", get_args(Cause))
        self.people = Histogram(
            "wholebody_people_per_image", "People that the detector found", buckets=PEOPLE, registry=self._registry
        )
        self.image_lookups = self._counter(
            "wholebody_image_cache_lookups", "Images wanted: kept from before, or not", "result", ("hit", "miss")
        )
        self._stages = Histogram(
            "wholebody_stage_seconds",
            "Time in one stage of one image",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=self._registry,
        )
        for stage in get_args(Stage):
            self._stages.labels(stage)

    def _counter(self, name: str, text: str, label: str = "", values: Sequence[str] = ()) -> Counter:
        """A counter that starts at 0 for all its values, so that the first event is seen as a rise."""
        counter = Counter(name, text, [label] if label else [], registry=self._registry)
        for value in values:
            counter.labels(value)
        return counter

    def _add_gauge(self, name: str, text: str, read: Reading | Mapping[str, Reading]) -> None:
        """A value that is read when Prometheus asks: one, or one for each kind."""
        gauge = Gauge(name, text, [] if callable(read) else ["kind"], registry=self._registry)
        if callable(read):
            gauge.set_function(read)
        else:
            for kind, function in read.items():
                gauge.labels(kind).set_function(function)

    def count_results(self, results: Sequence[object]) -> None:
        """Count the tasks of one answer."""
        for entry in results:
            regions = entry.get("result") if isinstance(entry, dict) else None
            outcome = "failed" if regions is None else "predicted" if regions else "empty"
            self.tasks.labels(outcome).inc()

    def count_deadline_cut(self, tasks: int) -> None:
        """Count an answer that had to leave out tasks."""
        self.deadline_cuts.inc()
        self.deadline_cut_tasks.inc(tasks)

    def stage_took(self, stage: Stage, seconds: float) -> None:
        """Count one pass of a stage."""
        self._stages.labels(stage).observe(seconds)

    def people_found(self, count: int) -> None:
        """Count the people of an image."""
        self.people.observe(count)

    def image_looked_up(self, *, kept: bool) -> None:
        """Count a hit or a miss of the image cache."""
        self.image_lookups.labels("hit" if kept else "miss").inc()

    def failed(self, cause: Cause) -> None:
        """Count a failure."""
        self.failures.labels(cause).inc()

    def text(self) -> bytes:
        """The exposition format that Prometheus reads."""
        return generate_latest(self._registry)
