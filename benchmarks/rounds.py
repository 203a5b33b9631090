"""Medians over interleaved rounds: what disturbs the machine for a while disturbs all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """The median of the rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float


def interleaved(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Measured]:
    """Run every measure once a round, in turn, beginning with another one each round."""
    names = list(measures)
    seen: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            seen[name].append(measures[name]())
    return {
        name: Measured(statistics.median(values), min(values), max(values))
        for name, values in seen.items()
    }


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a Markdown table; the first column is text, the others numbers."""
    rule = ("---", *("---:" for _ in head[1:]))
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows)) + "\n"
