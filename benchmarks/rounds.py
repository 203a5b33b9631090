"""Medians over interleaved rounds: what disturbs the machine for a while disturbs all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured in each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.rounds)

    def over(self, other: Measured) -> float:
        """Return the median of the ratios to another, each of two neighbours in one round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def shown(self, factor: float, digits: int) -> str:
        """Return the median and in brackets the lowest and highest, in units of ``1 / factor``."""
        numbers = (self.median, min(self.rounds), max(self.rounds))
        median, low, high = (f"{number * factor:.{digits}f}" for number in numbers)
        return f"{median} ({low}–{high})"


def interleaved(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Measured]:
    """Run every measure once a round, in turn, beginning with another one each round."""
    names = list(measures)
    seen: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % max(1, len(names))
        for name in names[start:] + names[:start]:
            seen[name].append(measures[name]())
    return {name: Measured(tuple(values)) for name, values in seen.items()}


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a Markdown table; the first column is text, the others numbers."""
    rule = ("---", *("---:" for _ in head[1:]))
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows)) + "\n"
