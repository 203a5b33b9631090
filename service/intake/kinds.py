"""The four kinds of column, and the evidence by which a column gets its kind."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pyarrow as pa
from msgspec import Struct, field

from engine import arrow
from service.intake.errors import MAX_ROWS_NAMED

pc = arrow.compute

EXACT = 2.0**53
"""Below this magnitude every whole number is a float64 of its own."""
_NAN = arrow.number(np.nan)


class Kind(StrEnum):
    """What the cells of a column are."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type that holds the kind."""
        return _ARROW[self]


_ARROW = {
    Kind.NUMBER: pa.float64(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
}


class Evidence(Struct):
    """What the cells seen so far say about the kind of their column.

    The kind depends on the values alone, not on the form of the file: numbers that are all whole
    (and of magnitude below 2^53 when they were floats) are integers, also when Parquet has them
    as floats or CSV writes them 1.0. ``huge`` and ``points`` tell of cells of CSV: a whole number
    of more than 64 bits, and one written with a point or an exponent.
    """

    text: bool = False
    boolean: bool = False
    integers: bool = False
    floats: bool = False
    huge: bool = False
    points: bool = False
    fractions: bool = False
    largest: float = 0.0
    infinite: list[int] = field(default_factory=list)

    @property
    def mixed(self) -> bool:
        """Whether cells of different kinds were seen."""
        return self.text + self.boolean + self.numeric > 1

    @property
    def numeric(self) -> bool:
        """Whether numbers were seen."""
        return self.integers or self.floats

    def kind(self) -> Kind:
        """Return the kind that holds every cell seen; a column of nothing but missing is number."""
        if self.text or self.mixed or (self.huge and not self.points):
            return Kind.TEXT
        if self.boolean:
            return Kind.BOOLEAN
        if not self.numeric:
            return Kind.NUMBER
        whole = not self.floats or (not self.fractions and self.largest < EXACT)
        return Kind.INTEGER if whole else Kind.NUMBER

    def add(self, values: pa.Array, row: int) -> None:
        """Take the values of one batch, of type bool, int64, float64 or string, into account.

        ``row`` is the index in the table of the first of them.
        """
        if pa.types.is_string(values.type):
            self.text = True
        elif values.null_count == len(values):
            return
        elif pa.types.is_boolean(values.type):
            self.boolean = True
        elif pa.types.is_int64(values.type):
            self._add_integers(values)
        else:
            self._add_floats(values, row)

    def _add_integers(self, values: pa.Array) -> None:
        self.integers = True
        bounds = pc.min_max(values)
        self.largest = max(
            self.largest, -float(bounds["min"].as_py()), float(bounds["max"].as_py())
        )

    def _add_floats(self, values: pa.Array, row: int) -> None:
        self.floats = True
        found = arrow.numbers(pc.coalesce(values, _NAN))  # missing cells are NaN
        magnitude = np.abs(found)
        self.largest = max(self.largest, float(np.nanmax(magnitude)))
        if np.isinf(self.largest) and len(self.infinite) <= MAX_ROWS_NAMED:
            where = np.flatnonzero(np.isinf(magnitude))[: MAX_ROWS_NAMED + 1]
            self.infinite.extend(int(i) + row for i in where)
        if not self.fractions:
            with np.errstate(invalid="ignore"):
                self.fractions = bool(np.any(np.floor(found) < found))
