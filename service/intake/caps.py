"""How large a table may be, and how its cells are to be read: the parameters of the intake."""

from __future__ import annotations

from msgspec import Struct

MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")
"""Cells of a CSV or TSV file that are missing in a column of numbers or booleans.

In a column of text only the empty cell is: a county may be called ``NA`` or ``None``.
"""


FREE_BYTES = 64 << 20
"""So much any gzip file may become."""


class Caps(Struct, frozen=True):
    """How large a table may be.

    ``decoded_bytes`` counts the file after decompression and, for Parquet and Arrow, the values
    as they are decoded; ``document_bytes`` a JSON document, which is read whole. A gzip file that
    has become more than ``FREE_BYTES`` may be at most ``expansion`` times as large as what was read
    of it; the footer of a Parquet file has at most ``footer_bytes``, an Arrow stream at most
    ``frames`` batches and dictionaries.
    """

    rows: int = 20_000_000
    columns: int = 2_000
    name_characters: int = 200
    cell_bytes: int = 65_536
    decoded_bytes: int = 1 << 30
    document_bytes: int = 32 << 20
    expansion: int = 200
    footer_bytes: int = 8 << 20
    frames: int = 100_000


class Reading(Struct, frozen=True):
    """How the cells are to be read.

    ``text`` names the columns that keep their text whatever it looks like. ``missing`` replaces
    the default words: these cells are missing in every column, text too (and the empty cell of a
    CSV or TSV file always is). ``None`` is the default: ``MISSING_WORDS`` in the numbers and
    booleans of CSV and TSV, nothing but null (and NaN) in forms that can say null.
    With ``strict`` false, a column of ``text`` that the table has not is no error.
    """

    text: tuple[str, ...] = ()
    missing: tuple[str, ...] | None = None
    strict: bool = True
