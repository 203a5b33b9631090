"""Datasets as they are kept: the columns that a model needs, or sums, from the bytes of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
from msgspec import Struct, structs

from engine import EngineError, Fit, Summary, read_summary
from service.catalog import Dataset
from service.intake import Kind, read_columns, scan_parts
from service.problems import ProblemError
from service.registered import Bounds, Reference, reference_of
from service.settings import Settings

if TYPE_CHECKING:
    import polars as pl

ARROW: Final = ".arrow"
SUMS: Final = ".summary"


class Appended(Struct, frozen=True):
    """A fit of the rows before, and the rows that came after it; ``None`` when there are none.

    ``dataset`` is the id of what was fitted.
    """

    fit: Fit
    dataset: str
    rows: pa.Table | pl.LazyFrame | None


Source: TypeAlias = "pa.Table | pl.LazyFrame | Summary | Appended"
"""What a model is fitted to: rows, their sums, or the sums of a fit and more rows."""


class Stored(Struct, frozen=True):
    """A kept dataset: the keys of its files, and all columns of a table with their kinds.

    A file is Parquet, Arrow (``ARROW``) or a summary (``SUMS``); of several, all are Parquet.
    Registered files have no keys but a ``reference``.
    """

    files: tuple[str, ...]
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    reference: Reference | None = None

    def after(self, count: int) -> Stored:
        """The same without its first files."""
        return structs.replace(self, files=self.files[count:])


def stored_of(dataset: Dataset, settings: Settings) -> Stored:
    """Return where the rows of a dataset are; raises ``files_changed`` when their root is gone."""
    if is_registered(dataset):
        stored = Stored((), *_columns(dataset))
        roots, bounds = settings.data_roots, bounds_of(settings)
        found = reference_of(dataset.report, stored.kinds, roots, bounds)
        return structs.replace(stored, reference=found)
    return Stored(files_of(dataset), *_columns(dataset))


def bounds_of(settings: Settings) -> Bounds:
    """Return how much may be registered at once."""
    return Bounds(
        files=settings.max_registered_files,
        rows=settings.max_dataset_rows,
        columns=settings.max_columns,
        bytes=settings.max_registered_bytes,
        expansion=settings.max_expansion,
    )


def files_of(dataset: Dataset) -> tuple[str, ...]:
    """Return the keys of the files of a dataset; none of one that is registered."""
    if is_registered(dataset):
        return ()
    before = [str(part["blob"]) for part in dataset.report.get("parts", ())[:-1]]
    return (*before, dataset.blob)


def is_registered(dataset: Dataset) -> bool:
    """Tell whether a dataset is files of the operator's."""
    return "reference" in dataset.report


def _columns(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = tuple(str(column["name"]) for column in dataset.columns)
    return names, tuple(str(column["kind"]) for column in dataset.columns)


def read_source(
    contents: Sequence[bytes], stored: Stored, wanted: Sequence[str]
) -> pa.Table | Summary:
    """Read sums, or the columns that are wanted; others have a name (for hints) and no cells."""
    if stored.files[0].endswith(SUMS):
        return read_sums(contents[0])
    if stored.files[0].endswith(ARROW):
        return pa.ipc.open_file(contents[0]).read_all()
    own = [name for name in stored.names if name in wanted]
    return with_names(read_table(contents, stored, own), stored.names)


def with_names(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return a table that has all columns of a dataset by name, most of them without cells."""
    wanted = table.column_names
    nothing = pa.nulls(table.num_rows)
    return pa.table({name: table.column(name) if name in wanted else nothing for name in names})


def read_table(contents: Sequence[bytes], stored: Stored, columns: Sequence[str]) -> pa.Table:
    """Read columns of all files; raises ``KeyError`` for an unknown name."""
    return joined([read_columns(content, columns) for content in contents], stored, columns)


def joined(tables: Sequence[pa.Table], stored: Stored, columns: Sequence[str]) -> pa.Table:
    """Return tables of some files as one, each column of the dataset's kind."""
    if len(tables) == 1 and len(stored.files) == 1:
        return tables[0].select(columns)
    kinds = dict(zip(stored.names, stored.kinds, strict=True))
    types = [
        pa.dictionary(pa.int32(), pa.string())
        if kinds[name] == Kind.TEXT.value
        else Kind(kinds[name]).arrow
        for name in columns
    ]
    schema = pa.schema(list(zip(columns, types, strict=True)))
    return pa.concat_tables(
        [table.select(columns).cast(schema) for table in tables]
    ).unify_dictionaries()


def scan_source(files: Sequence[Path], stored: Stored) -> pl.LazyFrame | pa.Table | Summary:
    """The rows of a kept dataset as a scan of its files, or its sums."""
    if stored.files[0].endswith((SUMS, ARROW)):
        return read_source([files[0].read_bytes()], stored, stored.names)
    return scan_parts(files, stored.names, stored.kinds)


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
