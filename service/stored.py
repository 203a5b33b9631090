"""Datasets as they are kept: the columns that a model needs, or sums, from the bytes of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa

from engine import EngineError, Summary, read_summary
from service.intake import read_columns, scan_stored
from service.problems import ProblemError

if TYPE_CHECKING:
    import polars as pl

ARROW: Final = ".arrow"
SUMS: Final = ".summary"

Source: TypeAlias = "pa.Table | pl.LazyFrame | Summary"
"""What a model is fitted to: rows, or their sums."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept dataset: the key of its file, and all columns of a table.

    The file is Parquet, Arrow (``ARROW``) or a summary (``SUMS``).
    """

    blob: str
    names: tuple[str, ...]


def read_source(content: bytes, stored: Stored, wanted: Sequence[str]) -> Source:
    """Read sums, or the columns that are wanted; others have a name (for hints) and no cells."""
    if stored.blob.endswith(SUMS):
        return read_sums(content)
    if stored.blob.endswith(ARROW):
        return pa.ipc.open_file(content).read_all()
    names = stored.names
    table = read_columns(content, [name for name in names if name in wanted])
    nothing = pa.nulls(table.num_rows)
    return pa.table({name: table.column(name) if name in wanted else nothing for name in names})


def scan_source(path: Path, stored: Stored) -> Source:
    """The rows of a kept dataset as a scan of its file, or its sums."""
    if stored.blob.endswith((SUMS, ARROW)):
        return read_source(path.read_bytes(), stored, stored.names)
    return scan_stored(path)


def read_sums(content: bytes) -> Summary:
    """Read a kept summary; raises ``corrupt_artefact``."""
    try:
        return read_summary(content)
    except EngineError as error:  # written by a version of the engine that this one cannot read
        raise ProblemError("corrupt_artefact") from error


def as_arrow(table: pa.Table) -> bytes:
    """Return a table as an Arrow file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
