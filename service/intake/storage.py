"""The stored form of a table: one Parquet file.

Columns are ``double``, ``int64``, ``boolean`` or UTF-8 strings, all nullable, compressed by zstd
(level 1); text is dictionary-encoded; a row group has at most 262,144 rows or about 64 MiB. The
kind of a column is its type.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from service.intake.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

GROUP_ROWS = 262_144
GROUP_BYTES = 64 << 20


def schema_of(names: Sequence[str], kinds: Sequence[Kind]) -> pa.Schema:
    """Return the Arrow schema of a table as it is stored."""
    return pa.schema([pa.field(name, kind.arrow) for name, kind in zip(names, kinds, strict=True)])


class TableWriter:
    """Writes a table to a file, batch by batch."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        texts = [given.name for given in schema if pa.types.is_string(given.type)]
        self._schema = schema
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=texts or False,
            store_schema=False,
        )
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Write the next rows: one array per column, of its kind's Arrow type."""
        batch = pa.record_batch(list(columns), schema=self._schema)
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        """Write what waits and close the file."""
        self._flush()
        self.close()

    def close(self) -> None:
        """Close the file as it is; again does nothing."""
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), GROUP_ROWS)
        self._waiting, self._rows, self._bytes = [], 0, 0


def read_columns(stored: bytes | Path, names: Sequence[str] | None = None) -> pa.Table:
    """Return columns of a stored table, in the order asked; all of them for ``None``.

    Text columns are dictionaries (int32 indices of strings), one dictionary for the whole column.
    ``stored`` is the content of the file, or its path. Raises ``KeyError`` for an unknown name.
    """
    with _opened(stored) as file:
        wanted = _wanted(file, names)
        return file.read(wanted, use_threads=False).select(wanted).unify_dictionaries()


def scan_stored(stored: Path) -> pl.LazyFrame:
    """Return a scan of a stored table: a fit reads its columns in batches and never holds them.

    ``stored`` is the path of the file, which is there for as long as the scan is used.
    """
    import polars as pl  # a third of a second, which only a fit of many rows is worth

    return pl.scan_parquet(stored, glob=False)


def scan_parts(files: Sequence[Path], names: Sequence[str], kinds: Sequence[str]) -> pl.LazyFrame:
    """Return a scan of stored tables one after the other, their columns in one order and kind."""
    if len(files) == 1:
        return scan_stored(files[0])
    import polars as pl  # as above

    types = {Kind.NUMBER: pl.Float64, Kind.INTEGER: pl.Int64, Kind.BOOLEAN: pl.Boolean}
    columns = [
        pl.col(name).cast(types[Kind(kind)]) if Kind(kind) in types else pl.col(name)
        for name, kind in zip(names, kinds, strict=True)
    ]
    return pl.concat([scan_stored(file).select(columns) for file in files], parallel=False)


def heights(stored: Path) -> tuple[int, ...]:
    """Return how many rows the row groups of a stored table have, in their order."""
    found = pq.read_metadata(stored)
    return tuple(found.row_group(i).num_rows for i in range(found.num_row_groups))


def read_rows(
    stored: bytes | Path, start: int, count: int, names: Sequence[str] | None = None
) -> pa.Table:
    """Return rows ``start`` (from 0) up to ``start + count`` of a stored table.

    Only the row groups that hold them are read.
    """
    with _opened(stored) as file:
        wanted = _wanted(file, names)
        groups, skipped, before = [], 0, 0
        for index in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(index).num_rows
            if before + rows <= start:
                skipped += rows
            elif before < start + count:
                groups.append(index)
            before += rows
        table = file.read_row_groups(groups, wanted, use_threads=False).select(wanted)
        return table.slice(start - skipped, count).unify_dictionaries()


def _opened(stored: bytes | Path) -> pq.ParquetFile:
    source = pa.BufferReader(stored) if isinstance(stored, bytes) else str(stored)
    schema = pq.read_schema(source)
    if isinstance(source, pa.BufferReader):
        source.seek(0)
    texts = [given.name for given in schema if pa.types.is_string(given.type)]
    return pq.ParquetFile(source, read_dictionary=texts)


def _wanted(file: pq.ParquetFile, names: Sequence[str] | None) -> list[str]:
    known = file.schema_arrow.names
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise KeyError(unknown[0])
    return list(known if names is None else names)
