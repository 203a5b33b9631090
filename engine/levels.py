"""The levels of a column of a scan, as codes in the order they were met."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from engine.arrow import compute as pc
from engine.arrow import numbers
from engine.keys import Keys
from engine.table import BOOLEAN_LEVELS, Codes, Factor, level_text, unsupported

FEW_TEXTS = 16_384
"""So many texts at most are remembered: all of them are hashed to look some up."""


class Levels(Protocol):
    """A column that is read as a factor.

    Attributes:
        expr: what the scan shall read.
    """

    expr: pl.Expr

    def codes(self, column: pl.Series) -> Codes:
        """The codes of some rows, -1 where the value is missing."""

    def texts(self, codes: Codes) -> pl.Series:
        """The levels that codes stand for."""


def levels_of(name: str, kind: pl.DataType) -> Levels:
    """Return how a column of a type is read as a factor; raises ``DataError`` when it cannot be."""
    column = pl.col(name)
    if isinstance(kind, pl.Categorical | pl.Enum):
        return Text(column, kind)
    if kind in (pl.String, pl.Date, pl.Null):
        own = pl.Categorical(pl.Categories.random())
        return Text(column.cast(pl.String).cast(own), own)
    if kind == pl.Boolean:
        return _Booleans(column)
    if is_number(kind):
        return _Numbers(column)
    raise unsupported(name, kind)


def is_number(kind: pl.DataType) -> bool:
    """Whether values of a type are numbers that are read as doubles."""
    wide = kind in (pl.Int128, pl.UInt128)
    return kind == pl.Null or kind.is_float() or (kind.is_integer() and not wide)


def factor_of(levels: Levels, codes: Codes) -> Factor:
    """The factor of rows by their codes, none of them -1: levels in byte order, each occurs."""
    used, place = np.unique(codes, return_inverse=True)
    texts = levels.texts(used)
    ranks = texts.rank("dense").to_numpy().astype(np.int64) - 1
    return Factor(ranks[place], tuple(texts.unique().sort().to_list()))


class Text:
    """Text: the codes are those that polars keeps for a categorical."""

    def __init__(self, column: pl.Expr, kind: pl.Categorical | pl.Enum) -> None:
        self.expr = column.to_physical()
        self._kind = kind
        self._held = pl.Series([], dtype=kind)  # polars forgets categories that none holds
        self._physical = self._held.to_physical().dtype
        self._met: tuple[pa.Array, Codes] = pa.nulls(0, pa.string()), np.zeros(0, dtype=np.int64)

    def codes_of(self, texts: pa.Array) -> Codes:
        """The codes of texts, none of them missing.

        polars tells them when its threads are free; those that it has told are looked up here.
        """
        known, codes = self._met
        place = pc.index_in(texts, value_set=known)
        if not place.null_count:
            return np.asarray(codes[numbers(place)])
        told = self.codes(pl.Series(texts).cast(self._kind).to_physical())
        if len(known) + place.null_count <= FEW_TEXTS:
            new = place.is_null()
            met = codes, told[numbers(new.cast(pa.uint8())) == 1]
            self._met = pa.concat_arrays([known, texts.filter(new)]), np.concatenate(met)
        return told

    def codes(self, column: pl.Series) -> Codes:
        """The codes of some rows, -1 where the value is missing."""
        if column.null_count():
            column = column.cast(pl.Int64).fill_null(-1)
        return column.to_numpy().astype(np.int64)

    def texts(self, codes: Codes) -> pl.Series:
        """The levels that codes stand for."""
        return pl.Series(codes).cast(self._physical).cat.to(self._kind).cast(pl.String)


class _Booleans:
    """Booleans: 0 and 1."""

    def __init__(self, column: pl.Expr) -> None:
        self.expr = column.cast(pl.Int64).fill_null(-1)

    def codes(self, column: pl.Series) -> Codes:
        return column.to_numpy()

    def texts(self, codes: Codes) -> pl.Series:
        return pl.Series([BOOLEAN_LEVELS[code] for code in codes.tolist()], dtype=pl.String)


class _Numbers:
    """Numbers: the codes are places among the distinct values."""

    def __init__(self, column: pl.Expr) -> None:
        self.expr = column
        self._keys: Keys | None = None

    def codes(self, column: pl.Series) -> Codes:
        if column.dtype.is_float():
            column = column.fill_nan(None)
        valid = column.drop_nulls().to_numpy()
        if self._keys is None:
            self._keys = Keys(valid.dtype)
        found = self._keys.codes(valid)
        if len(found) == len(column):
            return found
        codes = np.full(len(column), -1, dtype=np.int64)
        codes[column.is_not_null().to_numpy()] = found
        return codes

    def texts(self, codes: Codes) -> pl.Series:
        values = np.zeros(0) if self._keys is None else self._keys.values()[codes]
        if values.dtype.kind in "iu":
            return pl.Series(values).cast(pl.String)
        return pl.Series(list(map(level_text, values.tolist())), dtype=pl.String)
