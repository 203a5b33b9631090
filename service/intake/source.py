"""What every form of file becomes first: named columns, and batches of their cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from engine import Problem
from service.intake.caps import Caps
from service.intake.errors import CapError, IntakeError

BATCH_BYTES = 4 << 20


class Source(Protocol):
    """A file that has been opened and whose columns are known.

    ``typed`` tells whether the cells have types of their own or are text still to be read.
    ``batches`` may be called again and then starts over; each batch is one array per column, all
    of one length. It raises ``IntakeError`` for whatever is wrong with the file.
    """

    names: tuple[str, ...]
    typed: bool

    def batches(self) -> Iterator[list[pa.Array]]:
        """Yield the cells, batch after batch."""
        ...


def checked_names(given: Sequence[str], caps: Caps) -> tuple[str, ...]:
    """Return the column names without outer blanks.

    Raises ``IntakeError`` with everything wrong about them: none, too many, empty, too long, with
    control characters, or the same one twice.
    """
    if not given:
        raise IntakeError(Problem("no_columns", "The table has no columns.", "", ("columns",)))
    if len(given) > caps.columns:
        raise CapError(
            Problem(
                "too_many_columns",
                f"The table has {len(given)} columns; the limit is {caps.columns}.",
                "Send only the columns that are needed.",
                ("columns",),
            )
        )
    names = tuple(name.strip() for name in given)
    problems = [
        problem for place, name in enumerate(names, 1) if (problem := _wrong(place, name, caps))
    ]
    problems += [_twice(name, names) for name, n in Counter(names).items() if name and n > 1]
    if problems:
        raise IntakeError(*problems)
    return names


def no_rows() -> IntakeError:
    """Return the error for a table of a header at most."""
    return IntakeError(
        Problem("no_rows", "The table has no rows.", "Send a header and at least one row.")
    )


def too_many_rows(rows: int | None, caps: Caps) -> CapError:
    """Return the error for a table of more rows than the cap; ``rows`` when that is known."""
    has = f"{rows} rows" if rows else f"more than {caps.rows} rows"
    return CapError(
        Problem(
            "too_many_rows",
            f"The table has {has}; the limit is {caps.rows}.",
            "Send fewer rows; GET /v1/limits tells the limits.",
            ("rows",),
        )
    )


def long_cell(name: str, caps: Caps) -> CapError:
    """Return the error for a column with a cell of more bytes than the cap."""
    return CapError(
        Problem(
            "long_cell",
            f"Column {name!r} has a cell of more than {caps.cell_bytes} bytes.",
            "Leave the column out, or shorten its text; perhaps a quote is never closed.",
            ("columns", name),
        )
    )


def _wrong(place: int, name: str, caps: Caps) -> Problem | None:
    hint = "Give every column a name of its own in the header."
    if not name:
        return Problem("empty_column_name", f"Column {place} has no name.", hint, ("columns",))
    if len(name) > caps.name_characters:
        detail = f"The name of column {place} is longer than {caps.name_characters} characters."
        return Problem("long_column_name", detail, "Shorten it.", ("columns",))
    if not name.isprintable():
        detail = f"The name of column {place} has control or other unprintable characters."
        return Problem("unprintable_column_name", detail, "Rename the column.", ("columns",))
    return None


def _twice(name: str, names: Sequence[str]) -> Problem:
    places = [str(place) for place, other in enumerate(names, 1) if other == name]
    return Problem(
        "duplicate_column",
        f"Columns {', '.join(places[:5])} are all called {name!r}.",
        "Give every column a name of its own.",
        ("columns", name),
    )
