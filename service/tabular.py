"""Tables as answers: CSV, Parquet, Arrow."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import csv, ipc, parquet

CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
ARROW: Final = "application/vnd.apache.arrow.stream"


def encode(table: pa.Table, media: str) -> bytes:
    """Return a table in one of ``MEDIA_TYPES``; a missing value is an empty cell in CSV."""
    target = io.BytesIO()
    _WRITERS[media](table, target)
    return target.getvalue()


def numbers(values: np.ndarray) -> pa.Array:
    """Return numbers as a column, missing where they are not finite."""
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _csv(table: pa.Table, target: io.BytesIO) -> None:
    flat = [
        _joined(column) if pa.types.is_list(column.type) else column for column in table.columns
    ]
    csv.write_csv(pa.table(flat, names=table.column_names), target)


def _parquet(table: pa.Table, target: io.BytesIO) -> None:
    parquet.write_table(table, target, compression="zstd")


def _arrow(table: pa.Table, target: io.BytesIO) -> None:
    with ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)


def _joined(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([";".join(values) for values in column.to_pylist()], pa.string())


_WRITERS: Final[dict[str, Callable[[pa.Table, io.BytesIO], None]]] = {
    CSV: _csv,
    PARQUET: _parquet,
    ARROW: _arrow,
}

MEDIA_TYPES: Final = tuple(_WRITERS)
