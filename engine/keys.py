"""Whole numbers (or doubles) as codes, in order of first appearance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.table import Codes

if TYPE_CHECKING:
    import pandas as pd


class Keys:
    """The distinct values seen so far; the code of a value is its place among them.

    They are kept in hash tables of falling size. A table that is no longer much larger than the
    one after it takes that one in, so that a value is hashed a logarithm of times.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._tables: list[pd.Index[Any]] = []

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def values(self) -> NDArray[Any]:
        """The values, by code."""
        if not self._tables:
            return np.zeros(0, self._dtype)
        return np.concatenate([table.to_numpy() for table in self._tables])

    def codes(self, values: NDArray[Any]) -> Codes:
        """The code of each value (n,); values not seen before get new ones."""
        import pandas as pd  # a tenth of a second, for those who read numbers as keys

        codes = np.empty(len(values), dtype=np.int64)
        left = np.arange(len(values))  # rows whose value is in no table so far
        rest, first = pd.Index(values), 0
        for table in self._tables:
            found = table.get_indexer(rest)
            known = found >= 0
            if known.all():
                codes[left] = found + first
                return codes
            codes[left[known]] = found[known] + first
            left, rest, first = left[~known], rest[~known], first + len(table)
        if len(rest):
            new = rest.unique()
            codes[left] = new.get_indexer(rest) + first
            self._keep(new)
        return codes

    def _keep(self, new: pd.Index[Any]) -> None:
        self._tables.append(new)
        while len(self._tables) > 1 and len(self._tables[-2]) < 2 * len(self._tables[-1]):
            last = self._tables.pop()
            self._tables[-1] = self._tables[-1].append(last)
