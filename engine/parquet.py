"""Rows of Parquet files, whose text is read by the dictionaries that the files hold.

polars hashes each cell of text that is to be a category, which takes longer than reading it. A file
holds a text once for some hundred thousand rows, and an index in each row: Arrow gives both out
from threads of its own, and only the dictionaries are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from engine.arrow import compute, number, numbers
from engine.table import Codes

if TYPE_CHECKING:
    import polars as pl

    from engine.levels import Text

BATCH_ROWS = 262_144
"""Rows whose indices are read at once."""
AHEAD = 1
"""Batches that are read before they are asked for; with more the first of them comes late."""


@dataclass(frozen=True, slots=True)
class ParquetRows:
    """A scan that knows the files of its rows.

    Attributes:
        scan: all rows, as polars reads them.
        files: those that hold them, in the order of the rows.
    """

    scan: pl.LazyFrame
    files: tuple[Path, ...]


Scan: TypeAlias = "pl.LazyFrame | ParquetRows"
"""Rows that are read as often as needed and never held."""


def scan_parquet(*files: Path) -> ParquetRows:
    """The rows of files with the same columns, one file after the other.

    They are those of ``polars.scan_parquet``; a fit reads them in less time, as text is not hashed.

    Args:
        files: paths on this machine, one or more.
    """
    import polars as pl  # a third of a second

    scans = [pl.scan_parquet(file, glob=False) for file in files]
    return ParquetRows(pl.concat(scans, parallel=False) if len(scans) > 1 else scans[0], files)


class TextCodes:
    """The codes of columns of text, from the first row on; the first of them are read at once.

    Args:
        files: that hold the rows.
        levels: of the columns.

    Raises:
        pyarrow.ArrowException: a file cannot be read.
    """

    def __init__(self, files: Sequence[Path], levels: Mapping[str, Text]) -> None:
        self._levels = levels
        self._batches = _batches(files, list(levels))
        self._held: dict[str, Codes] = {}
        self._at = self._end = 0
        if levels:
            self._next()

    def take(self, count: int) -> dict[str, Codes]:
        """The codes of the next rows by column, -1 where a cell is empty.

        Raises:
            pyarrow.ArrowException: a file cannot be read, or there are fewer rows.
        """
        pieces: dict[str, list[Codes]] = {name: [] for name in self._levels}
        while pieces and count:
            if self._at == self._end and not self._next():
                raise pa.ArrowInvalid("the files have changed while they were read")
            stop = min(self._at + count, self._end)
            for name, codes in self._held.items():
                pieces[name].append(codes[self._at : stop])
            count, self._at = count - (stop - self._at), stop
        return {
            name: own[0] if len(own) == 1 else np.concatenate(own) for name, own in pieces.items()
        }

    def _next(self) -> bool:
        """Read more rows, if there are any."""
        batch = next(self._batches, None)
        if batch is None:
            return False
        self._at, self._end = 0, batch.num_rows
        self._held = {name: _placed(batch.column(name), own) for name, own in self._levels.items()}
        return True


def _placed(cells: pa.DictionaryArray, levels: Text) -> Codes:
    """The codes of rows, -1 where a cell is empty."""
    known = pa.array(levels.codes_of(cells.dictionary))
    codes = compute.take(known, cells.indices)
    return numbers(compute.coalesce(codes, _NO_CODE) if codes.null_count else codes)


def _batches(files: Sequence[Path], names: list[str]) -> Iterator[pa.RecordBatch]:
    from pyarrow import dataset

    form = dataset.ParquetFileFormat(dictionary_columns=names)
    try:
        for file in files:
            rows = dataset.dataset(file, format=form)
            scanner = rows.scanner(columns=names, batch_size=BATCH_ROWS, batch_readahead=AHEAD)
            yield from scanner.to_reader()
    except OSError as error:  # Arrow's word for damage
        raise pa.ArrowInvalid(str(error)) from error


_NO_CODE = number(-1, pa.int64())
