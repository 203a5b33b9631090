"""CSV and TSV: every cell read as text, in blocks, by a strict reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from engine import Problem
from service.intake.caps import Caps
from service.intake.errors import CapError, IntakeError
from service.intake.source import checked_names, no_rows

_BLOCK = 1 << 20
_WIDE_BLOCK = 16 << 20
_WIDE = 64
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)", re.DOTALL)
_BAD_TEXT = re.compile(r"column #(\d+):(?: Row #(\d+):)?.*invalid UTF8", re.DOTALL)

_QUOTING = "Every row needs as many cells as the header; quote cells that hold a delimiter."

_OTHER_FORMS = (
    (b"\xff\xfe", "UTF-16 text", "Save the file as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save the file as UTF-8."),
    (b"PAR1", "Parquet", "Send it as application/vnd.apache.parquet."),
    (b"ARROW1", "an Arrow file", "Send it as application/vnd.apache.arrow.file."),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Save the sheet as CSV (UTF-8)."),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", "Save the sheet as CSV (UTF-8)."),
    (b"BZh", "bzip2 data", "Decompress it, or use gzip."),
    (b"\x28\xb5\x2f\xfd", "zstd data", "Decompress it, or use gzip."),
)


class Delimited:
    """A file of cells between delimiters, with a header; quotes as in RFC 4180.

    Blank lines are skipped. Rows must have as many cells as the header.
    """

    typed = False

    def __init__(self, path: Path, delimiter: str, caps: Caps) -> None:
        self.path = path
        self.delimiter = delimiter
        self.caps = caps
        self._sniff()
        self.block = _BLOCK
        reader = _Rows(self)
        first = reader.next()
        if first is None:
            raise no_rows()
        names = [column[0].as_py() for column in first]
        self._look_for_a_header(names)
        self.names = checked_names(names, caps)
        if len(names) > _WIDE:
            self.block = _WIDE_BLOCK
            reader, first = _Rows(self), None
        self._opened: tuple[_Rows, list[pa.Array] | None] | None = (reader, first)

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells as string arrays."""
        reader, batch = self._opened or (_Rows(self), None)
        self._opened = None
        batch = batch or reader.next()
        skip, last = 1, None
        while batch is not None:
            if len(batch[0]) > skip:
                yield [column.slice(skip) for column in batch] if skip else batch
            skip, last = 0, batch[-1][-1].as_py()
            batch = reader.next()
        self._check_the_end(str(last))

    def _sniff(self) -> None:
        with self.path.open("rb") as file:
            start = file.read(4)
        for magic, what, hint in _OTHER_FORMS:
            if start.startswith(magic):
                raise IntakeError(
                    Problem("not_delimited_text", f"The file is {what}, not delimited text.", hint)
                )
        if not start:
            raise IntakeError(
                Problem("empty_file", "The file is empty.", "Send a header and rows.")
            )

    def _look_for_a_header(self, names: list[str]) -> None:
        if all(_NUMBER.fullmatch(name.strip()) for name in names):
            raise IntakeError(
                Problem(
                    "no_header",
                    "The first line has only numbers: the file seems to have no header.",
                    "Put a first line with the names of the columns.",
                    ("columns",),
                )
            )
        if len(names) == 1 and (found := re.search(r"[;\t|,]", names[0])):
            sign = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}[found.group()]
            raise IntakeError(
                Problem(
                    "wrong_delimiter",
                    f"The header is a single name with {sign} in it.",
                    "Separate cells by commas (text/csv) or tabs (text/tab-separated-values).",
                    ("columns",),
                )
            )

    def _check_the_end(self, last: str) -> None:
        """Refuse a file that ends inside a quoted cell: it was cut off."""
        tail = b'"' + last.replace('"', '""').encode()
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(tail)))
            if file.read() != tail:
                return
            file.seek(0)
            quotes = sum(piece.count(b'"') for piece in iter(lambda: file.read(_BLOCK), b""))
        if quotes % 2:
            raise IntakeError(
                Problem(
                    "open_quote",
                    "The file ends inside a quoted cell.",
                    "Close the quote; perhaps the file was cut off.",
                )
            )


class _Rows:
    """One reading of the file, the header as its first row."""

    def __init__(self, source: Delimited) -> None:
        self.source = source
        self._reader: csv.CSVStreamingReader | None = None

    def next(self) -> list[pa.Array] | None:
        """Return the next block of rows, ``None`` after the last."""
        try:
            if self._reader is None:
                self._reader = self._open()
            return list(self._reader.read_next_batch().columns)
        except StopIteration:
            return None
        except pa.ArrowInvalid as error:
            raise self._explain(str(error)) from None

    def _open(self) -> csv.CSVStreamingReader:
        return csv.open_csv(
            self.source.path,
            csv.ReadOptions(
                use_threads=False, block_size=self.source.block, autogenerate_column_names=True
            ),
            csv.ParseOptions(
                delimiter=self.source.delimiter,
                newlines_in_values=True,
            ),
            _as_text(_WIDE if self.source.block == _BLOCK else self.source.caps.columns),
        )

    def _explain(self, message: str) -> IntakeError:
        if found := _RAGGED.search(message):
            return _ragged_row(*map(int, found.groups()[:3]), open_quote="\n" in found[4])
        if "Empty CSV" in message:
            return no_rows()
        if found := _BAD_TEXT.search(message):
            return _not_utf8(int(found[1]), int(found[2] or 0))
        if "straddling" in message:
            detail, hint = "A row is far too long.", "Look for a quote that is never closed."
            return CapError(Problem("row_too_long", detail, hint, ("rows",)))
        return IntakeError(
            Problem("unreadable_file", "The file cannot be read as delimited text.", _QUOTING)
        )


@cache
def _as_text(columns: int) -> csv.ConvertOptions:
    """Return the options that read every column as text, one more than the cap of them."""
    types = {f"f{index}": pa.string() for index in range(columns + 1)}
    return csv.ConvertOptions(column_types=types, strings_can_be_null=False)


def _ragged_row(row: int, expected: int, actual: int, *, open_quote: bool) -> IntakeError:
    hint = "A cell of this row has a line break in it: a quote may be open."
    return IntakeError(
        Problem(
            "ragged_row",
            f"Row {row - 1} has {actual} {'cell' if actual == 1 else 'cells'}; "
            f"the header has {expected}.",
            hint if open_quote else _QUOTING,
            ("rows", row - 2),
        )
    )


def _not_utf8(column: int, row: int) -> IntakeError:
    where = f"Row {row - 1}, column {column + 1}" if row > 1 else f"Column {column + 1}"
    hint = "Save the file as UTF-8."
    return IntakeError(Problem("not_utf8", f"{where} is not UTF-8 text.", hint, ("rows",)))
