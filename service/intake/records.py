"""JSON: newline-delimited rows, or one document of columns or of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from engine import Problem
from service.intake.caps import Caps
from service.intake.errors import CapError, IntakeError, MalformedJsonError
from service.intake.source import checked_names, no_rows
from service.intake.unpack import too_many_bytes

_BATCH_ROWS = 16_384
_LONGEST_LINE = 4 << 20
_KINDS = {bool: "booleans", int: "numbers", float: "numbers", str: "text"}


class _RefusedError(Exception):
    """Raised inside the JSON decoder for what JSON allows or tolerates and a table does not."""


def _only_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedError("A JSON object has the same key twice.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not JSON; write null.")


_DECODER = json.JSONDecoder(object_pairs_hook=_only_once, parse_constant=_no_constant)


class Columns:
    """Columns of Python values: of a JSON document, or given inline with a request."""

    typed = True

    def __init__(self, columns: Mapping[str, Sequence[object]], caps: Caps) -> None:
        names = checked_names(tuple(columns), caps)
        self.names = names
        self.columns = dict(zip(names, columns.values(), strict=True))
        lengths = {name: len(cells) for name, cells in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise IntakeError(_unequal(lengths))

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells, typed as JSON types them."""
        typist = _Typist()
        for start in range(0, len(self.columns[self.names[0]]), _BATCH_ROWS):
            stop = start + _BATCH_ROWS
            yield [
                typist.array(name, cells[start:stop], start) for name, cells in self.columns.items()
            ]


class Rows:
    """Rows that are JSON objects, each with the same keys."""

    typed = True

    def __init__(self, rows: Callable[[], Iterator[object]], caps: Caps) -> None:
        self._rows = rows
        first = next(rows(), None)
        if first is None:
            raise no_rows()
        self.keys = tuple(_object(first, 0))
        self._keys = set(self.keys)
        self.names = checked_names(self.keys, caps)

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells, typed as JSON types them."""
        typist, rows, start = _Typist(), self._rows(), 0
        while chunk := list(islice(rows, _BATCH_ROWS)):
            found = [self._checked(row, index) for index, row in enumerate(chunk, start)]
            yield [
                typist.array(name, [row[key] for row in found], start)
                for name, key in zip(self.names, self.keys, strict=True)
            ]
            start += len(chunk)

    def _checked(self, row: object, index: int) -> dict[str, object]:
        found = _object(row, index)
        if found.keys() == self._keys:
            return found
        missing = [key for key in self.keys if key not in found]
        extra = [key for key in found if key not in self.keys]
        problems = [_key(index, key, "missing_key", "lacks") for key in missing[:5]]
        problems += [_key(index, key[:200], "extra_key", "has besides") for key in extra[:5]]
        raise IntakeError(*problems)


def document(path: Path, caps: Caps) -> Columns | Rows:
    """Open a JSON document ``{"columns": {…}}`` or ``{"rows": […]}``, which is read whole."""
    if path.stat().st_size > caps.document_bytes:
        raise CapError(
            Problem(
                "document_too_large",
                f"The JSON document is larger than {caps.document_bytes} bytes.",
                "Send application/x-ndjson, text/csv or Parquet, which are read as they stream.",
            )
        )
    found = _parse(_utf8(path.read_bytes()))
    if not isinstance(found, dict) or len(found) != 1 or not set(found) <= {"columns", "rows"}:
        raise _not_a_table('The document is an object with the one key "columns" or "rows".', ())
    ((key, content),) = found.items()
    if key == "rows":
        if not isinstance(content, list):
            raise _not_a_table('"rows" is an array of objects.', ("rows",))
        return Rows(lambda: iter(content), caps)
    if not isinstance(content, dict) or not all(isinstance(x, list) for x in content.values()):
        raise _not_a_table('"columns" is an object of arrays.', ("columns",))
    return Columns(content, caps)


def lines(path: Path, caps: Caps) -> Rows:
    """Open newline-delimited JSON, one object a line; blank lines are skipped."""

    def rows() -> Iterator[object]:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise CapError(
                        Problem("line_too_long", f"Line {number} is too long.", _ONE_A_LINE)
                    )
                text = _utf8(line, number).strip()
                if text:
                    yield _parse(text, number)

    if path.stat().st_size > caps.decoded_bytes:
        raise too_many_bytes(caps)
    return Rows(rows, caps)


_ONE_A_LINE = "Write one JSON object a line."


class _Typist:
    """Makes arrays of Python values; remembers what each column held, so that it stays one kind."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def array(self, name: str, cells: Sequence[object], start: int) -> pa.Array:
        types = set(map(type, cells)) - {type(None)}
        held = {_KINDS.get(kind, "") for kind in types}
        if name in self._held:
            held.add(self._held[name])
        if len(held) > 1 or "" in held:
            raise IntakeError(self._wrong(name, cells, start))
        if not held:
            return pa.nulls(len(cells))
        (self._held[name],) = held
        try:
            return _array(cells, types)
        except UnicodeEncodeError:
            problem = ("not_utf8", "text that is not Unicode", "Remove lone surrogates.")
        except OverflowError:
            problem = (
                "integer_too_large",
                "whole numbers of more than 64 bits",
                "Write the column as text, or with a decimal point.",
            )
        code, what, hint = problem
        raise IntakeError(Problem(code, f"Column {name!r} has {what}.", hint, ("columns", name)))

    def _wrong(self, name: str, cells: Sequence[object], start: int) -> Problem:
        held = self._held.get(name, "")
        row, what = start, ""
        for row, cell in enumerate(cells, start):  # noqa: B007 - read after the loop
            what = "" if cell is None else _KINDS.get(type(cell), "objects or arrays")
            held = held or what
            if what == "objects or arrays" or (what and what != held):
                break
        nested = what == "objects or arrays"
        return Problem(
            "nested_cell" if nested else "mixed_column",
            f"Column {name!r} has {what} in row {row + 1}"
            + ("." if nested else f" and {held} before."),
            "A cell is a number, true or false, text, or null; a column has one kind of them.",
            ("columns", name, row),
        )


def _array(cells: Sequence[object], types: set[type]) -> pa.Array:
    if types == {str}:
        return pa.array(cells, pa.string())
    if types == {bool}:
        return pa.array(cells, pa.bool_())
    if types == {int}:
        return pa.array(cells, pa.int64())
    return pa.array(
        [float(cell) if isinstance(cell, int) else cell for cell in cells], pa.float64()
    )


def _object(row: object, index: int) -> dict[str, object]:
    if not isinstance(row, dict):
        raise _not_a_table(f"Row {index + 1} is not a JSON object.", ("rows", index))
    return row


def _parse(text: str, line: int | None = None) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno}, column {error.colno}"
        detail = f"Not JSON at {where}: {error.msg}."
    except _RefusedError as error:
        detail = str(error) if line is None else f"Line {line}: {error}"
    except RecursionError:
        detail = "The JSON is nested too deeply."
    except ValueError:
        detail = "A number of the JSON has too many digits."
    raise MalformedJsonError(
        Problem("malformed_json", detail, "Mend the syntax at the place named.")
    )


def _utf8(content: bytes, line: int | None = None) -> str:
    try:
        return content.decode("utf-8-sig" if line in {None, 1} else "utf-8")
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1}" if line is None else f"line {line}"
        detail = f"The text at {where} is not UTF-8."
    raise MalformedJsonError(Problem("not_utf8", detail, "Send the JSON as UTF-8."))


def _key(index: int, key: str, code: str, verb: str) -> Problem:
    return Problem(
        code,
        f"Row {index + 1} {verb} the key {key!r}; the first row sets the keys.",
        "Give every row the same keys; a missing value is null.",
        ("rows", index, key),
    )


def _unequal(lengths: Mapping[str, int]) -> Problem:
    name, length = next(iter(lengths.items()))
    other, differs = next((n, size) for n, size in lengths.items() if size != length)
    return Problem(
        "unequal_columns",
        f"Column {name!r} has {length} cells and column {other!r} has {differs}.",
        "Give every column the same number of cells.",
        ("columns", other),
    )


def _not_a_table(detail: str, path: tuple[str | int, ...]) -> IntakeError:
    hint = 'For example {"columns": {"county": ["AITKIN"], "radon": [3.1]}}.'
    return IntakeError(Problem("not_a_table", detail, hint, path))
