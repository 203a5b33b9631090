"""Equal tables have equal ids, whatever files they come in; different ones do not."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings

from service.intake import Caps, Form, Kind, dataset_id, take_columns
from service.intake.columnar import ArrowSource
from tests.service.intake.tables import WRITERS, delimited, tables
from tests.service.intake.taking import Columns, arrow, parquet, take


@given(tables())
@example({"c": [0.0, -0.0, None]})
@example({"c": [1e16, 3.0]})
@example({"c": [9007199254740994.0, None]})
@example({"c": [-(2**63), 2**63 - 1]})
@example({"c": ["t", "t\r\n", 't"', None]})
@settings(deadline=None, max_examples=40)
def test_the_same_table_has_the_same_id_and_values_in_every_form(columns: Columns) -> None:
    found, rows = take_columns(columns)
    expected = rows.to_pydict()
    for name, (form, write) in WRITERS.items():
        taken = take(write(columns), form)
        assert taken.values == expected, name
        assert taken.kinds == {c.name: c.kind for c in found.columns}, name
        assert taken.id == found.id, name
        assert taken.rows.schema == rows.schema, name


@given(tables())
@settings(deadline=None, max_examples=50)
def test_what_is_read_back_is_what_was_given(columns: Columns) -> None:
    _, rows = take_columns(columns)
    for name, cells in columns.items():
        for given_cell, cell in zip(cells, rows[name].to_pylist(), strict=True):
            assert cell == given_cell
            assert isinstance(cell, bool) == isinstance(given_cell, bool)


def test_rows_in_batches_of_one_are_the_same_table_and_come_together(tmp_path: Path) -> None:
    words, n = ["a", "bc", None, "d"], 9_000
    columns: Columns = {"c": [words[i % 4] for i in range(n)], "x": [i / 4 for i in range(n)]}
    path = tmp_path / "small.arrows"
    kind = pa.schema([("c", pa.dictionary(pa.int8(), pa.string())), ("x", pa.float64())])
    cells = [pa.array([word]).cast(kind.field("c").type) for word in words]
    numbers = pa.array(columns["x"])
    with pa.ipc.new_stream(path, kind) as writer:
        for i in range(n):  # each with a dictionary of its own
            writer.write_batch(pa.record_batch([cells[i % 4], numbers.slice(i, 1)], kind))
    assert take(path.read_bytes(), Form.ARROW).id == take_columns(columns)[0].id
    sizes = [len(batch[0]) for batch in ArrowSource(path, Caps()).batches()]
    assert (sum(sizes), len(sizes)) == (n, 3)


ROW: Columns = {"c": ["a", "bc", None], "x": [1.5, None, 2.0]}
OTHERS: dict[str, Columns] = {
    "another order of rows": {"c": ["bc", "a", None], "x": [None, 1.5, 2.0]},
    "another order of columns": dict(reversed(ROW.items())),
    "another name": {"d": ROW["c"], "x": ROW["x"]},
    "a row less": {"c": ["a", "bc"], "x": [1.5, None]},
    "cells cut elsewhere": {"c": ["ab", "c", None], "x": ROW["x"]},
    "empty for missing": {"c": ["a", "bc", ""], "x": ROW["x"]},
    "zero for missing": {"c": ROW["c"], "x": [1.5, 0, 2.0]},
    "missing elsewhere": {"c": ["a", None, "bc"], "x": ROW["x"]},
    "text for numbers": {"c": ROW["c"], "x": ["1.5", None, "2.0"]},
    "booleans for numbers": {"c": ROW["c"], "x": [True, None, False]},
    "one bit more": {"c": ROW["c"], "x": [1.5000000000000002, None, 2.0]},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_different_table_has_a_different_id(what: str) -> None:
    assert take_columns(OTHERS[what])[0].id != take_columns(ROW)[0].id


def test_whole_floats_are_the_integers_that_they_equal() -> None:
    as_floats = take(parquet(pa.table({"x": [1.0, 2.0, None]})), Form.PARQUET)
    as_text = take("x\n1\n2.0\nNA\n")
    assert as_floats.kinds == as_text.kinds == {"x": Kind.INTEGER}
    assert as_floats.id == as_text.id


def test_not_a_number_is_missing() -> None:
    taken = take(arrow(pa.table({"x": [1.5, float("nan"), None]})), Form.ARROW)
    assert taken.values == {"x": [1.5, None, None]}
    assert taken.id == take_columns({"x": [1.5, None, None]})[0].id


def test_the_hash_is_the_documented_one() -> None:
    table, _ = take_columns({"c": ["a", None], "x": [1.5, 2.5]})

    def sha(content: bytes) -> bytes:
        return hashlib.sha256(content).digest()

    size = struct.Struct("<Q").pack
    text = size(1) + b"ct" + sha(struct.pack("<ii", 1, 0)) + sha(b"a") + sha(struct.pack("<q", 1))
    number = size(1) + b"xn" + sha(struct.pack("<dd", 1.5, 2.5)) + sha(b"")
    whole = hashlib.sha256(b"partialpool table 1\n" + size(2) + size(2) + text + number)
    assert table.hash == whole.hexdigest()
    assert table.id == dataset_id(table.hash)


def test_an_id_is_short_and_safe_in_a_path() -> None:
    name = take(delimited({"c": ["t"]})).id
    assert name.startswith("ds_")
    assert name[3:].isalnum()
    assert name.islower()
    assert len(name) == 35
