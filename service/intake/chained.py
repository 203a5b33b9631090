"""Several files of one form as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from engine import Problem
from service.intake.errors import IntakeError
from service.intake.source import Source


class Chained:
    """Files one after the other, each opened when the one before has been read.

    All have the columns of the first, in its order. ``rows`` tells how many rows each had when
    they were read last.
    """

    def __init__(self, files: Sequence[Path], opened: Callable[[Path], Source]) -> None:
        self.rows = [0] * len(files)
        self._files = files
        self._open = opened
        self._first: Source | None = opened(files[0])
        self.names = self._first.names
        self.typed = self._first.typed

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells of all files."""
        for place, path in enumerate(self._files):
            source = self._opened(place, path)
            self.rows[place] = 0
            for cells in source.batches():
                self.rows[place] += len(cells[0])
                yield cells

    def _opened(self, place: int, path: Path) -> Source:
        first, self._first = self._first, None
        if place == 0 and first is not None:
            return first
        source = self._open(path)
        if source.names != self.names:
            detail = f"File {place + 1} has other columns than the first."
            hint = "Name files that have the same columns in the same order."
            raise IntakeError(Problem("other_columns", detail, hint, ("columns",)))
        return source
