"""Columns that have a type already: Arrow's many types become the four kinds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from service.intake import Form, Kind, Reading, take_columns
from tests.service.intake.taking import arrow, parquet, take

NOON = dt.datetime(2024, 1, 31, 12, 0, 0, 250_000)
COLUMNS = [
    (pa.array([1, None], pa.int8()), Kind.INTEGER, [1, None]),
    (pa.array([2**63 - 1], pa.uint64()), Kind.INTEGER, [2**63 - 1]),
    (pa.array([0.5, 2.0], pa.float32()), Kind.NUMBER, [0.5, 2.0]),
    (pa.array([0.5], pa.float16()), Kind.NUMBER, [0.5]),
    (pa.array([Decimal("1.50"), None]), Kind.NUMBER, [1.5, None]),
    (pa.array([Decimal(12)], pa.decimal128(20, 0)), Kind.INTEGER, [12]),
    (pa.array([Decimal("2.00")]), Kind.INTEGER, [2]),
    (pa.array([True, None]), Kind.BOOLEAN, [True, None]),
    (pa.array(["007", "NA", "", None]), Kind.TEXT, ["007", "NA", "", None]),
    (pa.array(["a", "b"], pa.large_string()), Kind.TEXT, ["a", "b"]),
    (pa.array(["a", None, "a"]).dictionary_encode(), Kind.TEXT, ["a", None, "a"]),
    (pa.nulls(2), Kind.NUMBER, [None, None]),
    (pa.nulls(2, pa.int32()), Kind.NUMBER, [None, None]),
    (pa.nulls(2, pa.string()), Kind.TEXT, [None, None]),
    (pa.array([dt.date(2024, 1, 31), None]), Kind.TEXT, ["2024-01-31", None]),
    (pa.array([NOON], pa.timestamp("us")), Kind.TEXT, ["2024-01-31T12:00:00.25"]),
    (pa.array([NOON], pa.timestamp("ms", "UTC")), Kind.TEXT, ["2024-01-31T12:00:00.25Z"]),
    (pa.array([dt.time(6, 30)], pa.time64("us")), Kind.TEXT, ["06:30:00"]),
]


@pytest.mark.parametrize(("column", "kind", "values"), COLUMNS)
def test_each_arrow_type_becomes_one_of_four_kinds(
    column: pa.Array, kind: Kind, values: list[object]
) -> None:
    for content, form in (
        (arrow(pa.table({"x": column})), Form.ARROW),
        (parquet(pa.table({"x": column})), Form.PARQUET),
    ):
        taken = take(content, form)
        assert taken.kinds == {"x": kind}
        assert taken.values == {"x": values}


def test_arrow_only_types_are_read_too() -> None:
    for column in (pa.array(["a"], pa.string_view()), pa.array(["a"]).cast(pa.large_string())):
        assert take(arrow(pa.table({"x": column})), Form.ARROW).values == {"x": ["a"]}
    narrow = pa.array([Decimal(7)], pa.decimal32(5, 0))
    assert take(arrow(pa.table({"x": narrow})), Form.ARROW).values == {"x": [7]}


def test_words_for_missing_count_in_typed_columns_when_they_are_given() -> None:
    table = pa.table({"c": ["a", "NA", ""], "x": [1, -9, 2]})
    taken = take(parquet(table), Form.PARQUET, reading=Reading(missing=("NA", "-9")))
    assert taken.values == {"c": ["a", None, ""], "x": [1, None, 2]}
    assert taken.column("x").missing_words == {"-9": 1}


def test_text_can_be_asked_for_in_typed_columns() -> None:
    reading = Reading(text=("fips",))
    taken = take(parquet(pa.table({"fips": [27001, None]})), Form.PARQUET, reading=reading)
    assert taken.values == {"fips": ["27001", None]}
    assert taken.id == take('fips\n27001\n""\n', reading=reading).id


def test_json_types_are_kept() -> None:
    content = '{"columns": {"a": [1, 2.5, null], "b": ["1", null, "x"], "c": [true, false, null]}}'
    taken = take(content, Form.JSON)
    assert taken.kinds == {"a": "number", "b": "text", "c": "boolean"}
    assert taken.values["a"] == [1.0, 2.5, None]


def test_whole_numbers_beyond_a_float_stay_exact() -> None:
    content = '{"a": 9007199254740993}\n{"a": 1}\n'
    assert take(content, Form.NDJSON).values == {"a": [9007199254740993, 1]}


def test_keys_of_ndjson_may_come_in_any_order() -> None:
    taken = take('{"a": 1, "b": "x"}\n\n{"b": null, "a": 2.5}\n', Form.NDJSON)
    assert taken.values == {"a": [1.0, 2.5], "b": ["x", None]}


def test_inline_columns_come_back_ready_for_a_model() -> None:
    table, rows = take_columns({"county": ["B", "A", "B"], "floor": [0, 1, None]})
    assert rows.schema.field("county").type == pa.dictionary(pa.int32(), pa.string())
    assert rows.schema.field("floor").type == pa.int64()
    assert rows.to_pydict() == {"county": ["B", "A", "B"], "floor": [0, 1, None]}
    assert table.rows == 3
