"""Files that are not tables: each is refused with what is wrong, where, and what to do."""

from __future__ import annotations

import gzip
import io
import zipfile

import pyarrow as pa
import pytest

from service.intake import (
    CapError,
    Caps,
    Form,
    IntakeError,
    MalformedJsonError,
    Reading,
    TooManyBytesError,
)
from tests.service.intake.taking import arrow, parquet, refusal, take

VALUE = "Xyzzy"


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        ("a,b\n1,2\n3\n", "ragged_row", "Row 2 has 1 cell; the header has 2."),
        ("a,b\n1,2,3\n", "ragged_row", "Row 1 has 3 cells; the header has 2."),
        ("a,b\n" + "1,2\n" * 300_000 + "3\n", "ragged_row", "Row 300001 has 1 cell;"),
        ("a,b\n1,2\n\n \n", "ragged_row", "Row 2 has 1 cell;"),
        ('a,b\n"Xyzzy,1\n2,3\n', "ragged_row", "Row 1 has 1 cell;"),
        ('a,b\n1,"Xyzzy\n', "open_quote", "ends inside a quoted cell"),
        ('a,b\n1,2\n1,"', "open_quote", "ends inside a quoted cell"),
        ("a,b,a\n1,2,3\n", "duplicate_column", "Columns 1, 3 are all called 'a'."),
        ("a,,b\n1,2,3\n", "empty_column_name", "Column 2 has no name."),
        ("a, a\n1,2\n", "duplicate_column", "Columns 1, 2"),
        ("a,b\n", "no_rows", "no rows"),
        ("a,b", "no_rows", "no rows"),
        ("\n\n", "no_rows", "no rows"),
        ("", "empty_file", "empty"),
        ("1,2\n3,4\n", "no_header", "only numbers"),
        ("a;b\n1;2\n", "wrong_delimiter", "semicolons"),
        ("a\tb\n1\t2\n", "wrong_delimiter", "tabs"),
        ("a\x1bb,c\n1,2\n", "unprintable_column_name", "column 1"),
        ("a,b\n1,x\0y\n", "nul_character", "Column 'b'"),
        (
            "a,b\n1,2\ninf,2\n",
            "infinite_value",
            "Column 'a' is infinite, or too large for a number, in row 2.",
        ),
        ("a,b\n1e999,2\n-Infinity,2\n", "infinite_value", "in rows 1, 2."),
        ("a,b\n" + "Inf,2\n" * 9, "infinite_value", "in rows 1, 2, 3, 4, 5, …."),
        (b"a,b\n1,2\n1,\xff\xfe\n", "not_utf8", "Row 2, column 2"),
        (b"a\xff,b\n1,2\n", "not_utf8", "Column 1"),
        ("a,b\n1,2\n".encode("utf-16"), "not_delimited_text", "UTF-16"),
        (b"PAR1....", "not_delimited_text", "Parquet"),
    ],
)
def test_a_broken_csv_is_refused_by_name(content: str | bytes, code: str, detail: str) -> None:
    error = refusal(content)
    (problem,) = error.problems
    assert problem.code == code
    assert detail in problem.detail
    assert problem.hint
    assert VALUE not in problem.detail + problem.hint


def test_a_spreadsheet_is_told_to_be_saved_as_csv() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert "CSV" in refusal(sink.getvalue()).problems[0].hint


def test_every_wrong_name_is_told_at_once() -> None:
    codes = [problem.code for problem in refusal("a,,a,\n1,2,3,4\n").problems]
    assert codes == ["empty_column_name", "empty_column_name", "duplicate_column"]


def test_a_column_to_keep_as_text_must_be_there() -> None:
    (problem,) = refusal("county,x\nA,1\n", reading=Reading(text=("countty",))).problems
    assert (problem.code, problem.path) == ("unknown_column", ("query", "text"))
    assert "county" in problem.hint


def test_infinite_cells_are_no_problem_in_text() -> None:
    assert take("a\ninf\n1\n", reading=Reading(text=("a",))).values == {"a": ["inf", "1"]}


CAPS = Caps(
    rows=5, columns=3, name_characters=10, cell_bytes=20, decoded_bytes=500, document_bytes=400
)


@pytest.mark.parametrize(
    ("content", "form", "code"),
    [
        ("a\n" + "1\n" * 6, Form.CSV, "too_many_rows"),
        ("a,b,c,d\n1,2,3,4\n", Form.CSV, "too_many_columns"),
        ("a\n" + "x" * 21 + "\n", Form.CSV, "long_cell"),
        ("a\n" + "1" * 600, Form.CSV, "too_many_bytes"),
        (gzip.compress(b"a\n" + b"1" * 600, mtime=0), Form.CSV, "too_many_bytes"),
        ('{"a": 1}\n' * 6, Form.NDJSON, "too_many_rows"),
        ('{"a": 1}\n' * 60, Form.NDJSON, "too_many_bytes"),
        ('{"columns": {"a": [1, 2, 3, 4, 5, 6]}}', Form.JSON, "too_many_rows"),
        ('{"columns": {"a": ["' + "x" * 21 + '"]}}', Form.JSON, "long_cell"),
        ('{"columns": {"a": ["' + "x" * 400 + '"]}}', Form.JSON, "document_too_large"),
        (parquet(pa.table({"a": [1] * 6})), Form.PARQUET, "too_many_rows"),
        (parquet(pa.table({"a": ["x" * 21]})), Form.PARQUET, "long_cell"),
        (parquet(pa.table({"a": list(range(1000))})), Form.PARQUET, "too_many_rows"),
        (arrow(pa.table({"a": [1] * 6}), rows=2), Form.ARROW, "too_many_rows"),
        (arrow(pa.table({"a": [1], "b": [1], "c": [1], "d": [1]})), Form.ARROW, "too_many_columns"),
        (arrow(pa.table({"a": pa.array(["x" * 21]).dictionary_encode()})), Form.ARROW, "long_cell"),
    ],
)
def test_each_cap_is_told_by_its_name(content: str | bytes, form: Form, code: str) -> None:
    error = refusal(content, form, caps=CAPS)
    assert error.problems[0].code == code
    assert isinstance(error, TooManyBytesError if code == "too_many_bytes" else CapError)


def test_a_dictionary_that_decodes_to_much_is_stopped_before_it_is_decoded() -> None:
    indices = pa.array([0] * 100_000, pa.int8())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 10_000]))
    caps = Caps(decoded_bytes=10_000_000)
    table = pa.table({"a": column})
    assert isinstance(refusal(arrow(table), Form.ARROW, caps=caps), TooManyBytesError)
    assert isinstance(refusal(parquet(table), Form.PARQUET, caps=caps), TooManyBytesError)


def test_a_compressed_arrow_stream_is_measured_before_it_is_decompressed() -> None:
    table = pa.table({"a": pa.array([0.0] * 5_000_000)})
    bomb = arrow(table, compression="zstd")
    assert len(bomb) < 200_000
    before = pa.total_allocated_bytes()
    assert isinstance(
        refusal(bomb, Form.ARROW, caps=Caps(decoded_bytes=30_000_000)), TooManyBytesError
    )
    assert pa.total_allocated_bytes() <= before


def test_a_gzip_bomb_is_stopped_at_the_cap() -> None:
    bomb = gzip.compress(b"a\n" + b"1\n" * 50_000_000)
    assert isinstance(refusal(bomb, caps=Caps(decoded_bytes=1_000_000)), TooManyBytesError)


@pytest.mark.parametrize("cut", [20, 200])
def test_damaged_gzip_is_refused(cut: int) -> None:
    content = gzip.compress(("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(200))).encode())
    assert refusal(content[:cut]).problems[0].code == "damaged_gzip"


@pytest.mark.parametrize("keep", [0, 3, 4, 100, -1])
def test_truncated_parquet_and_arrow_are_refused(keep: int) -> None:
    table = pa.table({"a": list(range(1000)), "b": [f"t{i}" for i in range(1000)]})
    for content, form in ((parquet(table), Form.PARQUET), (arrow(table), Form.ARROW)):
        if form is Form.ARROW and keep == -1:
            continue
        assert refusal(content[:keep], form).problems[0].code in {"unreadable_file", "no_rows"}


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (pa.array([[1, 2]]), "nested_column"),
        (pa.array([{"x": 1}]), "nested_column"),
        (pa.array([b"xy"]), "unsupported_type"),
        (pa.array([5], pa.duration("s")), "unsupported_type"),
        (pa.array([2**64 - 1], pa.uint64()), "integer_too_large"),
        (pa.array([1.0, float("inf")]), "infinite_value"),
        (pa.array(["a\0b"]), "nul_character"),
    ],
)
def test_arrow_columns_that_no_model_takes_are_refused_by_name(column: pa.Array, code: str) -> None:
    table = pa.table({"good": [1] * len(column), "bad": column})
    for content, form in ((parquet(table), Form.PARQUET), (arrow(table), Form.ARROW)):
        (problem,) = refusal(content, form).problems
        assert (problem.code, problem.path) == (code, ("columns", "bad"))
        assert "'bad'" in problem.detail


def test_equal_names_are_refused_in_arrow_too() -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    assert refusal(arrow(table), Form.ARROW).problems[0].code == "duplicate_column"


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        ('{"columns": {"a": [1, 2], "b": [1]}}', "unequal_columns", "'a' has 2 cells"),
        ('{"columns": {"a": [1], "a": [2]}}', "malformed_json", "same key twice"),
        ('{"columns": {"a": [1, NaN]}}', "malformed_json", "NaN"),
        ('{"columns": {"a": [1, 1e999]}}', "infinite_value", "row 2"),
        ('{"columns": {"a": [1, "x"]}}', "mixed_column", "text in row 2 and numbers before"),
        ('{"columns": {"a": [true, 1]}}', "mixed_column", "numbers in row 2 and booleans before"),
        ('{"columns": {"a": [1, [2]]}}', "nested_cell", "row 2"),
        ('{"columns": {"a": [99999999999999999999]}}', "integer_too_large", "'a'"),
        ('{"columns": {"a": ["\\ud800"]}}', "not_utf8", "'a'"),
        ('{"columns": {}}', "no_columns", ""),
        ('{"columns": {"a": []}}', "no_rows", ""),
        ('{"rows": []}', "no_rows", ""),
        ('{"rows": [{"a": 1}, {"b": 1}]}', "missing_key", "Row 2 lacks the key 'a'"),
        ('{"rows": [{"a": 1}, 5]}', "not_a_table", "Row 2"),
        ('{"rows": {"a": 1}}', "not_a_table", "array"),
        ('{"columns": {"a": 1}}', "not_a_table", "arrays"),
        ('{"columns": {"a": [1]}, "name": "x"}', "not_a_table", "one key"),
        ("[1]", "not_a_table", "object"),
        ('{"columns": {"a": [1,', "malformed_json", "line 1"),
        ("[" * 100_000, "malformed_json", "deep"),
        ('{"columns": {"a": [' + "9" * 5000 + "]}}", "malformed_json", "digits"),
        (b'{"columns": {"a": ["\xff"]}}', "not_utf8", "byte 21"),
    ],
)
def test_a_broken_json_document_is_refused_by_name(
    content: str | bytes, code: str, detail: str
) -> None:
    problem = refusal(content, Form.JSON).problems[0]
    assert problem.code == code
    assert detail in problem.detail


@pytest.mark.parametrize(
    ("content", "code", "path"),
    [
        ('{"a": 1}\n{"a": 1, "b": 2}\n', "extra_key", ("rows", 1, "b")),
        ('{"a": 1, "b": 2}\n{"a": 1}\n', "missing_key", ("rows", 1, "b")),
        ('{"a": 1}\n{"a": "x"}\n', "mixed_column", ("columns", "a", 1)),
        ('{"a": 1}\n{"a": {}}\n', "nested_cell", ("columns", "a", 1)),
        ('{"a": 1}\n{"a": 2\n', "malformed_json", ()),
        ('{"a": 1}\n[1]\n', "not_a_table", ("rows", 1)),
        ("\n", "no_rows", ()),
    ],
)
def test_a_broken_line_of_ndjson_is_refused_by_its_place(
    content: str, code: str, path: tuple[str | int, ...]
) -> None:
    problem = refusal(content, Form.NDJSON).problems[0]
    assert (problem.code, problem.path) == (code, path)


def test_json_that_is_no_json_is_an_error_of_its_own() -> None:
    assert isinstance(refusal("{", Form.JSON), MalformedJsonError)
    assert isinstance(refusal('{"columns": {"a": [[]]}}', Form.JSON), IntakeError)
