"""Tables in files: CSV, TSV, Parquet and Arrow, by the ending of the name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pyarrow import ipc

from engine.arrow import compute as pc
from engine.errors import Problem, SpecError

MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")
"""Cells of a text file that are missing in a column of numbers or booleans."""
_BOOLEANS = ("true", "false")
_PADDED = r"^\s*[+-]?0[0-9xX]"
ENDINGS = (".csv", ".tsv", ".parquet", ".arrow", ".feather")


def read_table(path: Path, columns: Iterable[str] | None = None) -> pa.Table:
    """The columns of a file that are named; its others have a name, for hints, and no cells.

    Without ``columns`` all are read.

    In a text file a column is numbers or booleans when every cell is one, and none is padded like
    ``007``; else it is text, in which only the empty cell is missing.

    Raises:
        SpecError: the file is of another kind, or damaged.
        OSError: it cannot be read.
    """
    wanted = None if columns is None else set(columns)
    try:
        match path.suffix.lower():
            case ".csv":
                return _typed(path, ",", wanted)
            case ".tsv":
                return _typed(path, "\t", wanted)
            case ".parquet":
                names = pq.read_schema(path).names
                own = _own(names, wanted)
                return _with_others(pq.read_table(path, columns=own), names)
            case ".arrow" | ".feather":
                return _arrow(path, wanted)
    except pa.ArrowException as error:
        raise SpecError(
            Problem(
                "unreadable_file",
                f"{path.name} cannot be read: {str(error).splitlines()[0]}",
                "write it again, and check that its ending says what it is",
                ("dataset",),
            )
        ) from error
    raise SpecError(
        Problem(
            "unknown_file",
            f"{path.name} is of a kind that is not known",
            f"the kinds are {', '.join(ENDINGS)}",
            ("dataset",),
        )
    )


def _own(names: Sequence[str], wanted: set[str] | None) -> list[str]:
    return [name for name in names if wanted is None or name in wanted]


def _arrow(path: Path, wanted: set[str] | None) -> pa.Table:
    with pa.memory_map(str(path)) as mapped:
        try:
            table = ipc.open_file(mapped).read_all()
        except pa.ArrowInvalid:
            mapped.seek(0)
            table = ipc.open_stream(mapped).read_all()
    own = table.select(_own(table.column_names, wanted))
    return _with_others(own, table.column_names)


def _with_others(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """The columns of all names; those that were not read are empty."""
    nothing = pa.nulls(len(table))
    own = set(table.column_names)
    return pa.table([table.column(name) if name in own else nothing for name in names], list(names))


def _typed(path: Path, delimiter: str, wanted: set[str] | None) -> pa.Table:
    parsing = pa_csv.ParseOptions(delimiter=delimiter)
    with pa_csv.open_csv(path, parse_options=parsing) as opened:
        names = opened.schema.names
    own = _own(names, wanted)
    reading = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(own, pa.string()),
        include_columns=own,
        null_values=[""],
        strings_can_be_null=True,
    )
    table = pa_csv.read_csv(path, parse_options=parsing, convert_options=reading)
    return _with_others(pa.table({name: _column(table.column(name)) for name in own}), names)


def _column(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as numbers or booleans, if all of it can be."""
    blank = pc.is_in(cells, pa.array(MISSING_WORDS))
    given = pc.if_else(blank, pa.scalar(None, pa.string()), cells)
    lower = pc.utf8_lower(given)
    if given.null_count < len(given) and _all(pc.is_in(lower, pa.array(_BOOLEANS)), blank):
        return pc.equal(lower, "true")
    if pc.any(pc.match_substring_regex(given, _PADDED)).as_py():
        return cells
    try:
        return pc.utf8_trim_whitespace(given).cast(pa.float64())
    except pa.ArrowInvalid:
        return cells


def _all(mask: pa.ChunkedArray, blank: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.or_(mask, blank)).as_py())
