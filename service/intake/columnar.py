"""Parquet and Arrow: read in batches, counted before and while they are decoded."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from engine import Problem
from service.intake.buffers import longest, text_buffers
from service.intake.caps import Caps
from service.intake.errors import CapError, IntakeError
from service.intake.frames import decoded_sizes
from service.intake.source import BATCH_BYTES, checked_names, long_cell, too_many_rows
from service.intake.typed import refusal
from service.intake.unpack import too_many_bytes

_BATCH_ROWS = 65_536
_FEW_ROWS = 4_096
"""Batches of fewer rows are put together: each takes as long as some hundreds of rows."""
_MAGIC = b"ARROW1\0\0"
_BROKEN = (pa.ArrowException, OSError, ValueError, OverflowError, struct.error)


class ParquetSource:
    """A Parquet file; its footer tells rows and bytes before anything is decoded."""

    typed = True

    def __init__(self, path: Path, caps: Caps) -> None:
        self.path = path
        self.caps = caps
        _check_footer(path, caps)
        try:
            with pq.ParquetFile(path) as file:
                schema, meta = file.schema_arrow, file.metadata
                groups = [meta.row_group(index) for index in range(meta.num_row_groups)]
                rows, size = meta.num_rows, sum(group.total_byte_size for group in groups)
        except _BROKEN as error:
            raise _unreadable("Parquet") from error
        self.names = _checked_schema(schema, caps)
        if rows > caps.rows:
            raise too_many_rows(rows, caps)
        if max(size, rows * _fixed_bits(schema) // 8) > caps.decoded_bytes:
            raise too_many_bytes(caps)
        self._texts = [
            given.name
            for given in schema
            if pa.types.is_string(given.type) or pa.types.is_large_string(given.type)
        ]

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells; text comes dictionary-encoded, so that a repeated cell costs nothing."""
        rows = max(1, min(_BATCH_ROWS, BATCH_BYTES // (8 * len(self.names))))
        try:
            with pq.ParquetFile(
                self.path, read_dictionary=self._texts, buffer_size=1 << 20, pre_buffer=False
            ) as file:
                batches = file.iter_batches(rows, use_threads=False)
                yield from _decoded(batches, self.names, self.caps)
        except IntakeError:
            raise
        except _BROKEN as error:
            raise _unreadable("Parquet") from error


class ArrowSource:
    """An Arrow IPC stream, mapped into memory; an IPC file is read as the stream that it holds.

    How much each frame decompresses to is known before any is decompressed.
    """

    typed = True

    def __init__(self, path: Path, caps: Caps) -> None:
        self.path = path
        self.caps = caps
        try:
            with _mapped(path) as mapped:
                schema = _open_ipc(mapped).schema
                _skip_magic(mapped)
                size = 0
                for number, frame in enumerate(decoded_sizes(mapped), start=1):
                    size += frame
                    if size > caps.decoded_bytes:
                        raise too_many_bytes(caps)
                    if number > caps.frames:
                        raise _too_many_frames(caps)
        except IntakeError:
            raise
        except _BROKEN as error:
            raise _unreadable("Arrow") from error
        self.names = _checked_schema(schema, caps)

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells, each batch validated in full before it is touched."""
        try:
            with _mapped(self.path) as mapped:
                yield from _gathered(_decoded(iter(_open_ipc(mapped)), self.names, self.caps))
        except IntakeError:
            raise
        except _BROKEN as error:
            raise _unreadable("Arrow") from error


def _too_many_frames(caps: Caps) -> CapError:
    return CapError(
        Problem(
            "too_many_frames",
            f"The Arrow stream has more than {caps.frames} batches and dictionaries.",
            "Write fewer and larger batches, or Parquet.",
        )
    )


def _check_footer(path: Path, caps: Caps) -> None:
    """Refuse a footer that takes long to read, before it is read; its length is told at the end."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 8, 0))
        tail = file.read(8)
    if tail[4:] == b"PAR1" and int.from_bytes(tail[:4], "little") > caps.footer_bytes:
        raise CapError(
            Problem(
                "long_footer",
                f"The footer of the Parquet file has more than {caps.footer_bytes} bytes.",
                "Write fewer columns, or larger row groups.",
            )
        )


def _fixed_bits(schema: pa.Schema) -> int:
    """Return how many bits a row has in memory at least, whatever it is compressed to."""
    return sum(_bits(given.type) for given in schema)


def _bits(kind: pa.DataType) -> int:
    try:
        return int(kind.bit_width)
    except ValueError:  # text has no width
        return 0


def _mapped(path: Path) -> pa.MemoryMappedFile:
    """Map a file into memory; raises ``MemoryError`` when the process may not hold so much."""
    try:
        return pa.memory_map(str(path))
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from error
        raise


def _open_ipc(mapped: pa.MemoryMappedFile) -> ipc.RecordBatchStreamReader:
    _skip_magic(mapped)
    return ipc.open_stream(mapped, options=ipc.IpcReadOptions(use_threads=False))


def _skip_magic(mapped: pa.MemoryMappedFile) -> None:
    mapped.seek(0)
    if mapped.read(len(_MAGIC)) != _MAGIC:
        mapped.seek(0)


def _decoded(
    batches: Iterator[pa.RecordBatch], names: tuple[str, ...], caps: Caps
) -> Iterator[list[pa.Array]]:
    """Yield batches in slices that stay small when decoded, counting rows and bytes."""
    rows = size = 0
    for batch in batches:
        rows += batch.num_rows
        if rows > caps.rows:
            raise too_many_rows(None, caps)
        batch.validate(full=True)
        columns = list(batch.columns)
        width = 0
        for name, column in zip(names, columns, strict=True):
            wide, total = _decoded_size(column)
            if wide > caps.cell_bytes:
                raise long_cell(name, caps)
            width, size = width + wide, size + total
        if size > caps.decoded_bytes:
            raise too_many_bytes(caps)
        step = max(1, min(_BATCH_ROWS, 8 * BATCH_BYTES // width))
        for start in range(0, batch.num_rows, step):
            yield [column.slice(start, step) for column in columns]


def _gathered(batches: Iterator[list[pa.Array]]) -> Iterator[list[pa.Array]]:
    """Yield the same rows, those of small batches together."""
    waiting: list[list[pa.Array]] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows += len(batch[0]) if batch else 0
        size += sum(column.nbytes for column in batch)
        if rows >= _FEW_ROWS or size >= BATCH_BYTES:
            yield _joined(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[list[pa.Array]]) -> list[pa.Array]:
    return (
        batches[0]
        if len(batches) == 1
        else [pa.concat_arrays(own) for own in zip(*batches, strict=True)]
    )


def _decoded_size(column: pa.Array) -> tuple[int, int]:
    """Return the bytes of the longest cell of a column once decoded, and of all of them."""
    if not _is_text_dictionary(column.type):
        return 8, int(column.nbytes)
    words = column.dictionary.cast(pa.string())
    lengths = np.diff(text_buffers(words)[0]).astype(np.int64)
    used = np.bincount(column.indices.drop_null().to_numpy(), minlength=len(words))
    return max(8, longest(words)), int(used @ lengths)


def _is_text_dictionary(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) and any(
        holds(kind.value_type)
        for holds in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _checked_schema(schema: pa.Schema, caps: Caps) -> tuple[str, ...]:
    try:
        names = checked_names(schema.names, caps)
    except UnicodeDecodeError as error:
        raise _unreadable("Arrow") from error
    problems = [refusal(name, given.type) for name, given in zip(names, schema, strict=True)]
    if any(problems):
        raise IntakeError(*(problem for problem in problems if problem))
    return names


def _unreadable(what: str) -> IntakeError:
    return IntakeError(
        Problem(
            "unreadable_file",
            f"The file cannot be read as {what}: it is truncated, damaged or something else.",
            "Write it again, and check that the Content-Type is that of the file.",
        )
    )
