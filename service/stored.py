"""Tables as they are kept: the columns that a model needs, from the bytes of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from service.intake import read_columns

ARROW: Final = ".arrow"


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept table: the key of its file, Parquet or Arrow (``ARROW``), and all its columns."""

    blob: str
    names: tuple[str, ...]


def read_table(content: bytes, stored: Stored, wanted: Sequence[str]) -> pa.Table:
    """Read the columns that are wanted; the others have a name (for hints) and no cells."""
    if stored.blob.endswith(ARROW):
        return pa.ipc.open_file(content).read_all()
    names = stored.names
    table = read_columns(content, [name for name in names if name in wanted])
    nothing = pa.nulls(table.num_rows)
    return pa.table({name: table.column(name) if name in wanted else nothing for name in names})


def as_arrow(table: pa.Table) -> bytes:
    """Return a table as an Arrow file."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
