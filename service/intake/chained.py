"""Several files of one form as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from engine import Problem, Progress
from service.intake.errors import IntakeError
from service.intake.source import Source
from service.shares import silent


class Chained:
    """Files one after the other, each opened when the one before has been read.

    All have the columns of the first, in its order. ``rows`` tells how many rows each had when
    they were read last.
    """

    def __init__(
        self,
        files: Sequence[Path],
        opened: Callable[[Path], Source],
        progress: Progress = silent,
    ) -> None:
        self.rows = [0] * len(files)
        self._files = files
        self._progress = progress
        self._open = opened
        self._first: Source | None = opened(files[0])
        self.names = self._first.names
        self.typed = self._first.typed

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells of all files."""
        sizes = [path.stat().st_size for path in self._files]
        for place, path in enumerate(self._files):
            source = self._opened(place, path)
            self.rows[place], seen = 0, 0
            for cells in source.batches():
                self.rows[place] += len(cells[0])
                yield cells
                seen += sum(part.nbytes for part in cells)  # about as many as in the file
                done = sum(sizes[:place]) + min(seen, sizes[place])
                self._progress(done / max(sum(sizes), 1), f"{sum(self.rows):,} rows read")

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
