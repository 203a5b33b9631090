"""Tables made by Hypothesis, and the same table written in every form."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable

import pyarrow as pa
from hypothesis import strategies as st

from service.intake import Form
from tests.service.intake.taking import Columns, arrow, arrow_file, parquet

_LETTERS = st.characters(exclude_categories=("Cs", "Cc"))
_CELLS: dict[str, st.SearchStrategy[object]] = {
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "whole": st.integers(-(2**52), 2**52).map(float),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "text": st.text(_LETTERS | st.sampled_from("\n\r\",'\t"), max_size=8).map(lambda x: "t" + x),
}
_NAMES = st.text(
    st.characters(categories=("Ll", "Lu", "Nd"), include_characters="_ .:~%\"'"), max_size=8
).map(lambda name: ("c" + name).strip())


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    """A table of one to four columns, each with at least one cell that is not missing."""
    names = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(1, 12))
    columns: Columns = {}
    for name in names:
        cell = _CELLS[draw(st.sampled_from(sorted(_CELLS)))]
        rest = st.lists(st.none() | cell, min_size=rows - 1, max_size=rows - 1)
        columns[name] = draw(st.permutations([draw(cell), *draw(rest)]))
    return columns


def delimited(columns: Columns, delimiter: str = ",") -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return sink.getvalue().encode()


def rows(columns: Columns) -> list[dict[str, object]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def dictionaries(table: pa.Table) -> pa.Table:
    for index, given in enumerate(table.schema):
        encoded = table.column(index).dictionary_encode()
        table = table.set_column(index, given.name, encoded)
    return table


def wide(table: pa.Table) -> pa.Table:
    types = {pa.string(): pa.large_string(), pa.int64(): pa.decimal128(38, 0)}
    return table.cast(pa.schema([(f.name, types.get(f.type, f.type)) for f in table.schema]))


WRITERS: dict[str, tuple[Form, Callable[[Columns], bytes]]] = {
    "csv": (Form.CSV, delimited),
    "csv.gz": (Form.CSV, lambda x: gzip.compress(delimited(x))),
    "tsv": (Form.TSV, lambda x: delimited(x, "\t")),
    "parquet": (Form.PARQUET, lambda x: parquet(pa.table(x))),
    "parquet in small groups": (Form.PARQUET, lambda x: parquet(pa.table(x), row_group_size=3)),
    "parquet without dictionaries": (
        Form.PARQUET,
        lambda x: parquet(pa.table(x), use_dictionary=False, compression="gzip"),
    ),
    "parquet of wide types": (Form.PARQUET, lambda x: parquet(wide(pa.table(x)))),
    "arrow": (Form.ARROW, lambda x: arrow(pa.table(x))),
    "arrow in small batches": (Form.ARROW, lambda x: arrow(pa.table(x), 2, "zstd")),
    "arrow with dictionaries": (Form.ARROW, lambda x: arrow(dictionaries(pa.table(x)), 5)),
    "arrow file": (Form.ARROW_FILE, lambda x: arrow_file(pa.table(x))),
    "ndjson": (Form.NDJSON, lambda x: "\n".join(map(json.dumps, rows(x))).encode()),
    "json rows": (Form.JSON, lambda x: json.dumps({"rows": rows(x)}).encode()),
    "json columns": (Form.JSON, lambda x: json.dumps({"columns": x}, ensure_ascii=False).encode()),
}
