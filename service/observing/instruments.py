"""The metrics of one process: each with its name, its labels and its meaning, in one table.

Labels come from closed sets (operations, kinds of work, states), never from what a client sends:
the number of time series is bounded, and no data value is in them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# From a cached answer to the longest wait of a request.
_REQUEST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 20)
_STORE_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10)
_JOB_SECONDS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)


class Instruments:
    """Counts and times of one process, and the text that Prometheus reads of them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Histogram(
            "partialpool_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("operation", "method", "status"),
            registry=registry,
            buckets=_REQUEST_SECONDS,
        )
        self._results = Counter(
            "partialpool_results",
            "Results asked for (fits, profiles, bootstraps), by how they came: found in the cache, "
            "made, shared with another request, given a job, failed.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._jobs = Histogram(
            "partialpool_job_seconds",
            "Time from the start of a job to its end, by how it ended.",
            ("kind", "state"),
            registry=registry,
            buckets=_JOB_SECONDS,
        )
        self._store = Histogram(
            "partialpool_store_seconds",
            "Time that the catalog or the store of files took, by whether it answered.",
            ("part", "operation", "outcome"),
            registry=registry,
            buckets=_STORE_SECONDS,
        )
        self._queue = Gauge(
            "partialpool_jobs",
            "Jobs of the whole catalog that wait or run; every replica tells the same.",
            ("state",),
            registry=registry,
        )
        self._up = Gauge(
            "partialpool_catalog_up",
            "Whether the catalog answered when these metrics were asked for.",
            registry=registry,
        )
        self._compute = Gauge(
            "partialpool_compute_up",
            "Whether there is somebody to do long work.",
            registry=registry,
        )
        self._request: dict[tuple[str, str, int], Histogram] = {}

    def request(self, operation: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (operation, method, status)
        found = self._request.get(key)
        if found is None:
            found = self._request[key] = self._requests.labels(operation, method, status)
        found.observe(seconds)

    def result(self, kind: str, outcome: str) -> None:
        """Count one result that was asked for."""
        self._results.labels(kind, outcome).inc()

    def job(self, kind: str, state: str, seconds: float) -> None:
        """Count one job that ended."""
        self._jobs.labels(kind, state).observe(seconds)

    @contextmanager
    def store(self, part: str, operation: str) -> Iterator[None]:
        """Time what the catalog or the store of files does within."""
        begun, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "answered"
        finally:
            self._store.labels(part, operation, outcome).observe(time.perf_counter() - begun)

    def queue(self, depth: dict[str, int] | None) -> None:
        """Take note how many jobs are in each state; ``None`` when the catalog does not answer."""
        self._up.set(depth is not None)
        for state in ("queued", "running"):
            self._queue.labels(state).set(float("nan") if depth is None else depth.get(state, 0))

    def compute(self, up: bool) -> None:
        """Take note whether there is somebody to do long work."""
        self._compute.set(up)

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Tell a number that is read when the metrics are asked for."""
        Gauge(name, meaning, registry=self.registry).set_function(read)

    def count(self, collector: Collector) -> None:
        """Tell what a collector counts."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)
