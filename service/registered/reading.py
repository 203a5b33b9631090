"""The rows of registered files: as a scan for a fit, or some of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa

from service.intake import Kind
from service.registered import parquet, texts
from service.registered.places import unchanged
from service.registered.reference import File, Reference

if TYPE_CHECKING:
    import polars as pl


@contextmanager
def scanned(reference: Reference, names: Sequence[str]) -> Iterator[pl.LazyFrame]:
    """Give a scan of registered files, as long as they are those that were registered.

    Raises ``files_changed``, also at the end when a file was written to meanwhile.
    """
    with unchanged(reference, reference.files) as files:
        if reference.format == "parquet":
            yield parquet.scan(files, names)
        else:
            with texts.scanned(reference, files, names) as rows:
                yield rows


def read(reference: Reference, names: Sequence[str], start: int, count: int) -> pa.Table:
    """Return columns of some rows, text as dictionaries; raises ``files_changed``.

    Files that would have to be copied are left alone where they have none of the rows.
    """
    needed, skipped = _needed(reference, start, count)
    with unchanged(reference, needed) as files:
        if reference.format != "parquet":
            span = (start - skipped, start - skipped + count)
            return _plain(texts.read(reference, files, names, span))
        rows = parquet.scan(files, names).slice(start - skipped, count)
        found = rows.collect(engine="streaming")
    return _plain(found.to_arrow(compat_level=_oldest()))


def _needed(reference: Reference, start: int, count: int) -> tuple[Sequence[File], int]:
    """Return the files that are to be read for some rows, and the rows of those before them."""
    if not reference.copied:
        return reference.files, 0
    ends = list(accumulate(file.n_rows for file in reference.files))
    first = next((place for place, end in enumerate(ends) if end > start), len(ends) - 1)
    last = next((place for place, end in enumerate(ends) if end >= start + count), len(ends) - 1)
    before = ends[first] - reference.files[first].n_rows
    return reference.files[first : max(first, last) + 1], before


def _plain(table: pa.Table) -> pa.Table:
    """Return the columns with text as dictionaries, as stored tables have it."""
    for i, given in enumerate(table.schema):
        if parquet.kind_of(given.type) is Kind.TEXT:
            column = table.column(i).cast(pa.string()).combine_chunks().dictionary_encode()
            table = table.set_column(i, given.name, column)
    return table


def _oldest() -> pl.CompatLevel:
    import polars as pl  # a third of a second

    return pl.CompatLevel.oldest()
