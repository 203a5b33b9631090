"""What a person wants to know about a column before using it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from msgspec import Struct, field
from numpy.typing import NDArray

from engine import arrow
from service.intake.kinds import Kind

pc = arrow.compute

MOST_DISTINCT = 10_000


class ColumnSummary(Struct, frozen=True):
    """One column of a table.

    ``missing`` counts its missing cells and ``missing_words`` tells by which words of a text file
    they were written; ``kept_words`` counts the cells of a text column that look like such a word
    and were kept as text. ``distinct`` counts the different values of text and integers up to
    ``MOST_DISTINCT``, and is ``None`` beyond and for other kinds. ``minimum``, ``maximum`` and
    ``mean`` are of numbers and integers; the mean of booleans is the share that is true.
    ``because`` says why a column that looked like numbers is text.
    """

    name: str
    kind: Kind
    missing: int
    missing_words: Mapping[str, int]
    kept_words: Mapping[str, int]
    distinct: int | None
    minimum: float | int | None
    maximum: float | int | None
    mean: float | None
    because: str


class Summing(Struct):
    """A column's summary in the making, fed batch by batch."""

    name: str
    kind: Kind
    rows: int = 0
    missing: int = 0
    total: float = 0.0
    low: float | int | None = None
    high: float | int | None = None
    seen: set[int] | None = field(default_factory=set)

    def add(self, cells: pa.Array) -> None:
        """Take the next cells, of the kind's Arrow type."""
        self.rows += len(cells)
        self.missing += cells.null_count
        if cells.null_count == len(cells):
            return
        if self.kind in {Kind.TEXT, Kind.INTEGER}:
            self._add_distinct(cells)
        if self.kind in {Kind.NUMBER, Kind.INTEGER}:
            bounds = pc.min_max(cells)
            low, high = bounds["min"].as_py(), bounds["max"].as_py()
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        if self.kind is not Kind.TEXT:
            self.total += pc.sum(cells.cast(pa.float64(), safe=False)).as_py()

    def _add_distinct(self, cells: pa.Array) -> None:
        if self.seen is None:
            return
        self.seen.update(hash(value) for value in pc.unique(cells.drop_null()).to_pylist())
        if len(self.seen) > MOST_DISTINCT:
            self.seen = None

    def done(
        self, words: tuple[str, ...], in_text: int, counts: NDArray[np.int64], because: str
    ) -> ColumnSummary:
        """Return the summary; the first ``in_text`` of the words are missing in text too."""
        taken = in_text if self.kind is Kind.TEXT else len(words)
        counted = self.kind in {Kind.TEXT, Kind.INTEGER} and self.seen is not None
        present = self.rows - self.missing
        mean = self.total / present if present and self.kind is not Kind.TEXT else None
        return ColumnSummary(
            name=self.name,
            kind=self.kind,
            missing=self.missing,
            missing_words=_some(words[:taken], counts[:taken]),
            kept_words=_some(words[taken:], counts[taken:]),
            distinct=len(self.seen) if counted and self.seen is not None else None,
            minimum=self.low,
            maximum=self.high,
            mean=mean if mean is not None and np.isfinite(mean) else None,
            because=because if self.kind is Kind.TEXT else "",
        )


def _some(words: tuple[str, ...], counts: NDArray[np.int64]) -> dict[str, int]:
    return {word: int(n) for word, n in zip(words, counts, strict=True) if n}
