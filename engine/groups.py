"""The groups of the rows of a scan, as codes in the order they were met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.cooccurrence import HALF, MASK
from engine.design import interact
from engine.groupkeys import key_of
from engine.keys import Keys
from engine.levels import Levels, factor_of
from engine.state import combined
from engine.sums import Order
from engine.table import Codes, Factor


class GroupCodes:
    """The codes of groups: those of a column, or of the combinations of several that occur.

    Args:
        columns: the columns that make the groups together.
        levels: of these columns.
    """

    def __init__(self, columns: Sequence[str], levels: Mapping[str, Levels]) -> None:
        self._columns = tuple(columns)
        self._levels = levels
        self._pairs = [Keys(np.dtype(np.int64)) for _ in self._columns[1:]]

    def codes(self, columns: Mapping[str, Codes]) -> Codes:
        """The group of each row, from the codes of the columns."""
        codes = columns[self._columns[0]]
        for name, pairs in zip(self._columns[1:], self._pairs, strict=True):
            codes = pairs.codes(codes << HALF | columns[name])
        return codes

    def factors(self, groups: Codes) -> list[Factor]:
        """By column, the factor whose row i is the level that group i has."""
        parts, codes = [], groups
        for name, pairs in zip(self._columns[:0:-1], self._pairs[::-1], strict=True):
            wide = pairs.values()[codes]
            codes = wide >> HALF
            parts.append(factor_of(self._levels[name], wide & MASK))
        return [factor_of(self._levels[self._columns[0]], codes), *parts[::-1]]

    def order(self, rows: Codes) -> Order:
        """The levels of the groups that have rows (by code), in the order of memory."""
        used = np.flatnonzero(rows)
        factor = interact(self.factors(used))
        return _order(factor, used, len(rows))

    def keys(self, rows: Codes) -> Order:
        """The same with keys for names, which are in that order wherever they come together."""
        used = np.flatnonzero(rows)
        codes, levels = combined(self.factors(used))
        return _order(Factor(codes, tuple(map(key_of, levels))), used, len(rows))


def _order(factor: Factor, used: Codes, n_codes: int) -> Order:
    ranks = np.full(n_codes, -1, dtype=np.int64)
    ranks[used] = factor.codes
    return Order(factor.levels, ranks)
