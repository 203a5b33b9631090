"""From a file to a typed table: its columns, its hash, and its stored form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from engine import Problem, Progress
from service.intake.buffers import longest, used_bytes
from service.intake.caps import Caps, Reading
from service.intake.cells import Batch, TextColumn, Words
from service.intake.chained import Chained
from service.intake.columnar import ArrowSource, ParquetSource
from service.intake.delimited import Delimited
from service.intake.digest import Digest, dataset_id
from service.intake.errors import IntakeError, rows_text
from service.intake.form import Form
from service.intake.kinds import Evidence, Kind
from service.intake.records import Columns, document, lines
from service.intake.source import Source, long_cell, no_rows, too_many_rows
from service.intake.storage import TableWriter, schema_of
from service.intake.summary import ColumnSummary, Summing
from service.intake.typed import TypedColumn
from service.intake.unpack import is_gzip, too_many_bytes, unpack
from service.shares import silent

HEAD_ROWS = 5


class TypedTable(Struct, frozen=True):
    """A table that was read: what it is, without its rows.

    ``hash`` is the canonical hash (64 hexadecimal digits), ``id`` the dataset id made of it,
    ``head`` the first rows as a table.
    """

    hash: str
    rows: int
    columns: tuple[ColumnSummary, ...]
    head: pa.Table

    @property
    def id(self) -> str:
        """The dataset id."""
        return dataset_id(self.hash)


class _Column(Protocol):
    """A column being read: cells of text, or typed cells."""

    evidence: Evidence
    words: tuple[str, ...]
    missing_in_text: int

    @property
    def because(self) -> str: ...

    def read(self, cells: pa.Array) -> Batch: ...

    def settle(self, batch: Batch, kind: Kind) -> tuple[pa.Array, NDArray[np.int64]]: ...


def take_in(
    path: Path,
    form: Form,
    *,
    scratch: Path,
    target: Path | None = None,
    reading: Reading | None = None,
    caps: Caps | None = None,
) -> TypedTable:
    """Read a file of the given form; write its stored form to ``target`` when that is given.

    gzip is recognised and decompressed into the directory ``scratch``. The file is read once, and
    a second time only when a later row changes the kind of a column. Raises ``IntakeError``.
    """
    caps = caps or Caps()
    source = _unpacked(path, form, scratch, caps)
    return _take(source, reading or Reading(), caps, target)[0]


def take_files(
    files: Sequence[Path],
    form: Form,
    *,
    scratch: Path,
    target: Path | None = None,
    reading: Reading | None = None,
    caps: Caps | None = None,
    progress: Progress = silent,
) -> tuple[TypedTable, list[int]]:
    """Read files of one form as one table, as :func:`take_in` does; return also their rows.

    The caps are those of the table; the bytes are those of one file.
    """
    caps = caps or Caps()
    source = Chained(files, lambda path: _unpacked(path, form, scratch, caps), progress)
    return _take(source, reading or Reading(), caps, target)[0], source.rows


def rows_of_files(
    files: Sequence[Path],
    form: Form,
    kinds: Sequence[Kind],
    span: tuple[int, int],
    *,
    scratch: Path,
    reading: Reading,
    caps: Caps,
) -> pa.Table:
    """Return rows from the first to before the last of ``span`` of files, of kinds known before.

    Nothing behind them is read. Raises ``IntakeError``.
    """
    source = Chained(files, lambda path: _unpacked(path, form, scratch, caps))
    texts = [n for n, kind in zip(source.names, kinds, strict=True) if kind is Kind.TEXT]
    columns = _columns(source, reading, texts)
    (start, end), seen, found = span, 0, []
    schema = schema_of(source.names, kinds)
    for cells in _counted(source, caps):
        if seen >= end:
            break
        read = zip(columns, cells, kinds, strict=True)
        values = [column.settle(column.read(part), kind)[0] for column, part, kind in read]
        batch = pa.record_batch(values, schema=schema)
        found.append(batch.slice(max(start - seen, 0), max(end - max(start, seen), 0)))
        seen += batch.num_rows
    return pa.Table.from_batches(found, schema=schema)


def _unpacked(path: Path, form: Form, scratch: Path, caps: Caps) -> Source:
    if is_gzip(path):
        unpacked = scratch / "unpacked"
        unpack(path, unpacked, caps)
        path = unpacked
    if form not in {Form.PARQUET, Form.ARROW, Form.ARROW_FILE} and (
        path.stat().st_size > caps.decoded_bytes
    ):
        raise too_many_bytes(caps)
    return _open(path, form, caps)


def take_columns(
    columns: Mapping[str, Sequence[object]],
    *,
    reading: Reading | None = None,
    caps: Caps | None = None,
) -> tuple[TypedTable, pa.Table]:
    """Read columns given as Python values; return also the rows, text as dictionaries.

    The same values have the same hash as in any file. Raises ``IntakeError``.
    """
    caps = caps or Caps()
    found, batches = _take(Columns(columns, caps), reading or Reading(), caps, None, keep=True)
    schema = schema_of([c.name for c in found.columns], [c.kind for c in found.columns])
    table = pa.Table.from_batches([pa.record_batch(b, schema=schema) for b in batches])
    for index, given in enumerate(schema):
        if pa.types.is_string(given.type):
            encoded = table.column(index).combine_chunks().dictionary_encode()
            table = table.set_column(index, given.name, encoded)
    return found, table


def _open(path: Path, form: Form, caps: Caps) -> Source:
    match form:
        case Form.CSV:
            return Delimited(path, ",", caps)
        case Form.TSV:
            return Delimited(path, "\t", caps)
        case Form.PARQUET:
            return ParquetSource(path, caps)
        case Form.ARROW | Form.ARROW_FILE:
            return ArrowSource(path, caps)
        case Form.NDJSON:
            return lines(path, caps)
        case Form.JSON:
            return document(path, caps)


def _take(
    source: Source, reading: Reading, caps: Caps, target: Path | None, *, keep: bool = False
) -> tuple[TypedTable, list[list[pa.Array]]]:
    """Read the source once, trusting the kinds its first batch shows, and again if they change."""
    if reading.strict:
        _check_known(reading.text, source.names)
    columns = _columns(source, reading, reading.text)
    sink: _Sink | None = None
    steady = True
    try:
        for cells in _counted(source, caps):
            batches = [column.read(part) for column, part in zip(columns, cells, strict=True)]
            kinds = [column.evidence.kind() for column in columns]
            if sink is None:
                sink = _Sink(source.names, kinds, caps, target, keep)
            steady = steady and kinds == sink.kinds
            if steady:
                sink.add([c.settle(b, k) for c, b, k in zip(columns, batches, kinds, strict=True)])
        if sink is None:
            raise no_rows()
        _check_finite(source.names, columns)
        if not steady:
            sink.close()
            sink = _Sink(source.names, kinds, caps, target, keep)
            _again(source, reading, sink, caps)
        return sink.done(columns), sink.kept
    finally:
        if sink is not None:
            sink.close()


def _again(source: Source, reading: Reading, sink: _Sink, caps: Caps) -> None:
    texts = [n for n, kind in zip(source.names, sink.kinds, strict=True) if kind is Kind.TEXT]
    columns = _columns(source, reading, texts)
    for cells in _counted(source, caps):
        sink.add(
            [
                column.settle(column.read(part), kind)
                for column, part, kind in zip(columns, cells, sink.kinds, strict=True)
            ]
        )


class _Sink:
    """Where the values of known kinds go: the hash, the summaries, the head, the stored form."""

    def __init__(
        self,
        names: Sequence[str],
        kinds: Sequence[Kind],
        caps: Caps,
        target: Path | None,
        keep: bool,
    ) -> None:
        self.kinds = list(kinds)
        self.kept: list[list[pa.Array]] = []
        self._names = names
        self._caps = caps
        self._keep = keep
        self._digest = Digest(names, kinds)
        self._sums = [Summing(name, kind) for name, kind in zip(names, kinds, strict=True)]
        self._words = [np.zeros(1, np.int64)] * len(names)
        self._schema = schema_of(names, kinds)
        self._head = pa.Table.from_batches([], self._schema)
        self._writer = TableWriter(target, self._schema) if target else None

    def add(self, settled: Sequence[tuple[pa.Array, NDArray[np.int64]]]) -> None:
        columns = [values for values, _ in settled]
        for name, kind, values in zip(self._names, self.kinds, columns, strict=True):
            if kind is Kind.TEXT:
                _check_text(name, values, self._caps)
        self._digest.add(columns)
        for index, (values, words) in enumerate(settled):
            self._sums[index].add(values)
            self._words[index] = self._words[index] + words
        if self._head.num_rows < HEAD_ROWS:
            new = pa.table([values.slice(0, HEAD_ROWS) for values in columns], schema=self._schema)
            self._head = pa.concat_tables([self._head, new]).slice(0, HEAD_ROWS)
        if self._writer:
            self._writer.add(columns)
        if self._keep:
            self.kept.append(columns)

    def close(self) -> None:
        if self._writer:
            self._writer.close()

    def done(self, columns: Sequence[_Column]) -> TypedTable:
        if self._writer:
            self._writer.finish()
        summaries = [
            sums.done(column.words, column.missing_in_text, words, column.because)
            for sums, column, words in zip(self._sums, columns, self._words, strict=True)
        ]
        return TypedTable(self._digest.hexdigest(), self._digest.rows, tuple(summaries), self._head)


def _columns(source: Source, reading: Reading, texts: Sequence[str]) -> list[_Column]:
    if source.typed:
        return [TypedColumn(name, reading.missing, name in texts) for name in source.names]
    words = Words(reading.missing)
    return [TextColumn(words, name in texts) for name in source.names]


def _counted(source: Source, caps: Caps) -> Iterator[list[pa.Array]]:
    rows = 0
    for cells in source.batches():
        rows += len(cells[0])
        if rows > caps.rows:
            raise too_many_rows(None, caps)
        if len(cells[0]):
            yield cells


def _check_known(texts: Sequence[str], names: Sequence[str]) -> None:
    problems = []
    for text in texts:
        if text not in names:
            near = get_close_matches(text, names, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "The header names the columns."
            detail = f"The table has no column {text[:200]!r} to keep as text."
            problems.append(Problem("unknown_column", detail, hint, ("query", "text")))
    if problems:
        raise IntakeError(*problems)


def _check_finite(names: Sequence[str], columns: Sequence[_Column]) -> None:
    problems = [
        Problem(
            "infinite_value",
            f"Column {name!r} is infinite, or too large for a number, in "
            f"{rows_text(column.evidence.infinite)}.",
            "Correct these cells or leave them empty; ?text= keeps a column as text.",
            ("columns", name),
        )
        for name, column in zip(names, columns, strict=True)
        if column.evidence.infinite and column.evidence.kind() is not Kind.TEXT
    ]
    if problems:
        raise IntakeError(*problems)


def _check_text(name: str, cells: pa.Array, caps: Caps) -> None:
    if longest(cells) > caps.cell_bytes:
        raise long_cell(name, caps)
    if not used_bytes(cells).all():
        raise IntakeError(
            Problem(
                "nul_character",
                f"Column {name!r} has a NUL character.",
                "Remove the NUL characters; perhaps the file is not text.",
                ("columns", name),
            )
        )
