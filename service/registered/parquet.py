"""Registered files that are Parquet: what they hold, and a scan of them where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine import Problem
from service.intake import Kind
from service.problems import ProblemError
from service.registered.places import Held
from service.registered.problems import invalid, passed
from service.registered.reference import Bounds

if TYPE_CHECKING:
    import polars as pl


def look(files: Sequence[Held], bounds: Bounds) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the rows of each file, and the columns as the catalog keeps them."""
    counts = [_footer(file, files[0]) for file in files]
    if sum(counts) > bounds.rows:
        raise passed("too_many_rows", f"The files have more than {bounds.rows} rows.")
    if not sum(counts):
        raise invalid("no_rows", "The files have no rows.")
    kinds = _kinds(pq.read_schema(files[0].path), bounds)
    return counts, _columns(scan(files, list(kinds)), kinds)


def scan(files: Sequence[Held], names: Sequence[str]) -> pl.LazyFrame:
    """Return a scan of columns of files, one after the other."""
    import polars as pl  # a third of a second

    scans = [pl.scan_parquet(file.path, glob=False).select(names) for file in files]
    return pl.concat(scans, parallel=False) if len(scans) > 1 else scans[0]


def _footer(file: Held, first: Held) -> int:
    """Return the rows of a file; its columns are those of the first."""
    try:
        rows = int(pq.read_metadata(file.path).num_rows)
        if not pq.read_schema(file.path).equals(pq.read_schema(first.path)):
            raise invalid("other_columns", f"{file.name} has other columns than {first.name}.")
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, ProblemError):
            raise
        raise invalid("unreadable_file", f"{file.name} cannot be read as Parquet.") from error
    return rows


def _kinds(schema: pa.Schema, bounds: Bounds) -> dict[str, Kind]:
    if len(schema.names) > bounds.columns:
        raise passed("too_many_columns", f"The files have more than {bounds.columns} columns.")
    found = {given.name: kind_of(given.type) for given in schema}
    problems = [
        Problem("unsupported_type", f"Column {name!r} is of no kind that is kept.", "", ())
        for name, kind in found.items()
        if kind is None
    ]
    if problems or len(found) < len(schema.names):
        detail = problems[0].detail if problems else "A column name stands twice."
        raise ProblemError("invalid_table", detail, problems)
    return {name: kind for name, kind in found.items() if kind is not None}


def kind_of(given: pa.DataType) -> Kind | None:
    """Return the kind of a column of this type; ``None`` for one that is not kept."""
    if pa.types.is_dictionary(given):
        given = given.value_type
    if pa.types.is_floating(given):
        return Kind.NUMBER
    if pa.types.is_integer(given) and not pa.types.is_uint64(given):
        return Kind.INTEGER
    if pa.types.is_boolean(given):
        return Kind.BOOLEAN
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return Kind.TEXT if any(holds(given) for holds in texts) else None


def _columns(rows: pl.LazyFrame, kinds: dict[str, Kind]) -> list[dict[str, Any]]:
    """Return what there is to know of each column without holding its values."""
    import polars as pl  # as above

    asked = []
    for i, (name, kind) in enumerate(kinds.items()):
        column = pl.col(name)
        if kind is Kind.NUMBER:
            column = column.cast(pl.Float64).fill_nan(None)
        asked.append(column.null_count().alias(f"{i} missing"))
        if kind in {Kind.NUMBER, Kind.INTEGER}:
            asked += [column.min().alias(f"{i} minimum"), column.max().alias(f"{i} maximum")]
        if kind is not Kind.TEXT:
            asked.append(column.cast(pl.Float64).mean().alias(f"{i} mean"))
    try:
        found = rows.select(asked).collect(engine="streaming").row(0, named=True)
    except pl.exceptions.PolarsError as error:
        raise invalid("unreadable_file", "A file cannot be read as Parquet.") from error
    return [
        {
            "name": name,
            "kind": kind.value,
            "missing": found[f"{i} missing"],
            "missing_words": {},
            "kept_words": {},
            "distinct": None,
            "minimum": _finite(found.get(f"{i} minimum")),
            "maximum": _finite(found.get(f"{i} maximum")),
            "mean": _finite(found.get(f"{i} mean")),
            "because": "",
        }
        for i, (name, kind) in enumerate(kinds.items())
    ]


def _finite(value: float | None) -> float | None:
    return None if value is None or abs(value) == float("inf") else value
