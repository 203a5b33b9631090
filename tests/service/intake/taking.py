"""What the tests of the intake share: take bytes in, and see the rows as plain Python."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from service.intake import (
    Caps,
    ColumnSummary,
    Form,
    IntakeError,
    Reading,
    TypedTable,
    read_columns,
    take_in,
)

Columns = dict[str, list[object]]


@dataclass(frozen=True)
class Taken:
    table: TypedTable
    rows: pa.Table

    @property
    def id(self) -> str:
        return self.table.id

    @property
    def kinds(self) -> dict[str, str]:
        return {column.name: str(column.kind) for column in self.table.columns}

    @property
    def values(self) -> Columns:
        found: Columns = self.rows.to_pydict()
        return found

    def column(self, name: str) -> ColumnSummary:
        return next(column for column in self.table.columns if column.name == name)


def take(
    content: bytes | str,
    form: Form = Form.CSV,
    *,
    reading: Reading | None = None,
    caps: Caps | None = None,
) -> Taken:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        source, target = scratch / "given", scratch / "stored"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        table = take_in(source, form, scratch=scratch, target=target, reading=reading, caps=caps)
        return Taken(table, read_columns(target.read_bytes()))


def refusal(
    content: bytes | str,
    form: Form = Form.CSV,
    *,
    reading: Reading | None = None,
    caps: Caps | None = None,
) -> IntakeError:
    try:
        take(content, form, reading=reading, caps=caps)
    except IntakeError as error:
        return error
    raise AssertionError("the file was taken")


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def arrow(table: pa.Table, rows: int | None = None, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = ipc.IpcWriteOptions(compression=compression, emit_dictionary_deltas=True)
    with ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def arrow_file(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
