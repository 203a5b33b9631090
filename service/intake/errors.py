"""What can be wrong with a file, told so that it can be mended; no HTTP here."""

from __future__ import annotations

from engine import Problem

MAX_ROWS_NAMED = 5


class IntakeError(ValueError):
    """The file is not a table that can be kept. The base of every error of this package.

    ``problems`` says everything found. A problem's ``path`` is ``("columns", name)``,
    ``("rows", index, name)`` (rows from 0, as in JSON) or ``("query", parameter)``; its text names
    columns and rows (rows from 1, the header not counted), never a value of the data.
    """

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.detail for problem in problems))


class UnknownFormError(IntakeError):
    """The media type or file name does not say which form of table this is."""


class MalformedJsonError(IntakeError):
    """The file is not JSON."""


class TooManyBytesError(IntakeError):
    """The file, once decompressed and decoded, is larger than the cap."""


class CapError(IntakeError):
    """The table has more rows or columns, or longer names or cells, than the caps allow."""


def rows_text(rows: list[int], more: bool = False) -> str:
    """Return ``row 3``, ``rows 3, 7`` or ``rows 3, 7, … `` for row indices from 0."""
    shown = ", ".join(str(row + 1) for row in rows[:MAX_ROWS_NAMED])
    tail = ", …" if more or len(rows) > MAX_ROWS_NAMED else ""
    return f"{'row' if len(rows) == 1 and not tail else 'rows'} {shown}{tail}"
