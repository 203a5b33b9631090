"""Registered files that are Parquet: what they hold, and a scan of them where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from engine import Problem, Progress
from service.intake import Kind
from service.problems import ProblemError
from service.registered.places import Held
from service.registered.problems import invalid, passed
from service.registered.reference import Bounds
from service.shares import silent

if TYPE_CHECKING:
    import polars as pl


LOOKED_AT: Final = 4_000_000
"""Rows that are looked at at a time."""


def look(
    files: Sequence[Held], bounds: Bounds, progress: Progress = silent
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the rows of each file, and the columns as the catalog keeps them."""
    counts = [_footer(file, files[0]) for file in files]
    if sum(counts) > bounds.rows:
        raise passed("too_many_rows", f"The files have more than {bounds.rows} rows.")
    if not sum(counts):
        raise invalid("no_rows", "The files have no rows.")
    kinds = _kinds(pq.read_schema(files[0].path), bounds)
    return counts, _columns(list(zip(files, counts, strict=True)), kinds, progress)


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


def _columns(
    files: Sequence[tuple[Held, int]], kinds: dict[str, Kind], progress: Progress
) -> list[dict[str, Any]]:
    """Return what there is to know of each column without holding its values.

    Some rows are looked at at a time, so that it can be told how far this is.
    """
    import polars as pl  # as above

    asked, found, total = _asked(kinds), list[dict[str, Any]](), sum(rows for _, rows in files)
    seen = 0
    try:
        for file, rows in files:
            for start in range(0, rows, LOOKED_AT):
                some = scan([file], list(kinds)).slice(start, LOOKED_AT)
                found.append(some.select(asked).collect(engine="streaming").row(0, named=True))
                seen += min(LOOKED_AT, rows - start)
                progress(seen / total, f"{seen:,} of {total:,} rows looked at")
    except pl.exceptions.PolarsError as error:
        raise invalid("unreadable_file", "A file cannot be read as Parquet.") from error
    return [_column(name, kind, i, found) for i, (name, kind) in enumerate(kinds.items())]


def _asked(kinds: dict[str, Kind]) -> list[pl.Expr]:
    """Return what is asked of the columns."""
    import polars as pl  # as above

    asked = [pl.len().alias("rows")]
    for i, (name, kind) in enumerate(kinds.items()):
        column = pl.col(name)
        if kind is Kind.NUMBER:
            column = column.cast(pl.Float64).fill_nan(None)
        asked.append(column.null_count().alias(f"{i} missing"))
        if kind in {Kind.NUMBER, Kind.INTEGER}:
            asked += [column.min().alias(f"{i} minimum"), column.max().alias(f"{i} maximum")]
        if kind is not Kind.TEXT:
            asked.append(column.cast(pl.Float64).mean().alias(f"{i} mean"))
    return asked


def _column(name: str, kind: Kind, i: int, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a column as the catalog keeps it, from what was found in some rows after others."""

    def told(what: str) -> list[Any]:
        values = [some.get(f"{i} {what}") for some in found]
        return [value for value in values if value is not None]

    counted = [(some["rows"] - some[f"{i} missing"], some.get(f"{i} mean")) for some in found]
    means = [(rows, mean) for rows, mean in counted if mean is not None]
    there = sum(rows for rows, _ in means)
    return {
        "name": name,
        "kind": kind.value,
        "missing": sum(told("missing")),
        "missing_words": {},
        "kept_words": {},
        "distinct": None,
        "minimum": _finite(min(told("minimum"), default=None)),
        "maximum": _finite(max(told("maximum"), default=None)),
        "mean": _finite(sum(mean * (rows / there) for rows, mean in means)) if there else None,
        "because": "",
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
