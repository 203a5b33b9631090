"""Registered files that are not Parquet: read as uploads are, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from msgspec import structs

from engine import Progress
from service.intake import Caps, Kind, Reading, rows_of_files, scan_stored, take_files
from service.registered.places import Held
from service.registered.reference import FORMS, Bounds, Format, Reference
from service.scratch import SCRATCH
from service.shares import silent

if TYPE_CHECKING:
    import polars as pl


def look(
    files: Sequence[Held],
    form: Format,
    reading: Reading,
    bounds: Bounds,
    progress: Progress = silent,
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the rows of each file, and the columns as the catalog keeps them."""
    with TemporaryDirectory(prefix=SCRATCH) as scratch:
        table, counts = take_files(
            [file.path for file in files],
            FORMS[form],
            scratch=Path(scratch),
            reading=reading,
            caps=_caps(bounds),
            progress=progress,
        )
    return counts, [{**structs.asdict(each), "kind": each.kind.value} for each in table.columns]


@contextmanager
def scanned(
    reference: Reference, files: Sequence[Held], names: Sequence[str]
) -> Iterator[pl.LazyFrame]:
    """Give a scan of what the files hold, typed, in the stored form of a table."""
    with TemporaryDirectory(prefix=SCRATCH) as scratch:
        target = Path(scratch, "rows")
        take_files(
            [file.path for file in files],
            FORMS[reference.format],
            scratch=Path(scratch),
            target=target,
            reading=reference.reading,
            caps=_caps(reference.bounds),
        )
        yield scan_stored(target).select(names)


def read(
    reference: Reference, files: Sequence[Held], names: Sequence[str], span: tuple[int, int]
) -> pa.Table:
    """Return columns of some rows of the files; those before are read, too."""
    with TemporaryDirectory(prefix=SCRATCH) as scratch:
        rows = rows_of_files(
            [file.path for file in files],
            FORMS[reference.format],
            [Kind(kind) for kind in reference.kinds],
            span,
            scratch=Path(scratch),
            reading=reference.reading,
            caps=_caps(reference.bounds),
        )
    return rows.select(names)


def _caps(bounds: Bounds) -> Caps:
    return Caps(
        rows=bounds.rows,
        columns=bounds.columns,
        decoded_bytes=bounds.bytes,
        expansion=bounds.expansion,
    )
