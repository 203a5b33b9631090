"""Counters that parts of the service keep for themselves, told when metrics are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True)
class Count(Collector):
    """A number that only grows, read from where it is kept."""

    name: str
    meaning: str
    read: Callable[[], float]

    def collect(self) -> Iterator[Metric]:
        """Yield the one metric."""
        yield CounterMetricFamily(self.name, self.meaning, value=self.read())
