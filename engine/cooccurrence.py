"""How the levels of two grouping factors meet: sums of products of their columns of Z."""

from __future__ import annotations

import numpy as np
import scipy
from msgspec import Struct, structs

from engine.table import Codes, Floats

HALF = 32
"""Bits of either index in the key of a cell."""
MASK = (1 << HALF) - 1
WAITING_ROWS = 1 << 20
"""Rows that wait for being sorted, at most; about 16 MB."""
CELLS_PER_ROW = 4
"""A table of all cells is worth while up to this many numbers for each row that waits."""


class Cooccurrence(Struct, frozen=True):
    """Z_a'WZ_b for two grouping factors, only where a level of one meets a level of the other.

    Attributes:
        first, second: indices of the two factors.
        rows, columns: index of the level of either in each of the c cells that occur, (c,), in
            order of rows, then columns.
        values: (c, k_a, k_b).
    """

    first: int
    second: int
    rows: Codes
    columns: Codes
    values: Floats

    def reindexed(self, rows: Codes, columns: Codes) -> Cooccurrence:
        """The same cells, with new indices of the levels; their order is to be made again."""
        return structs.replace(self, rows=rows[self.rows], columns=columns[self.columns])

    def gathered(self) -> Cooccurrence:
        """The cells in order, equal ones added."""
        return _gathered(self.first, self.second, self.rows, self.columns, self.values)

    def turned(self) -> Cooccurrence:
        """Z_b'WZ_a, for the factors in the other order."""
        swapped = self.values.swapaxes(1, 2)
        return _gathered(self.second, self.first, self.columns, self.rows, swapped)

    def __add__(self, other: Cooccurrence) -> Cooccurrence:
        """Sums of the rows of both; their levels must have equal indices."""
        rows = np.concatenate([self.rows, other.rows])
        columns = np.concatenate([self.columns, other.columns])
        values = np.concatenate([self.values, other.values])
        return _gathered(self.first, self.second, rows, columns, values)

    def matrix(self, n_rows: int, n_columns: int) -> scipy.sparse.csr_array:
        """The sparse matrix (n_rows k_a, n_columns k_b), effects of a level side by side."""
        k_a, k_b = self.values.shape[1:]
        shape = (len(self.rows), k_a, k_b)
        row = self.rows[:, None, None] * k_a + np.arange(k_a)[:, None]
        column = self.columns[:, None, None] * k_b + np.arange(k_b)
        return scipy.sparse.csr_array(
            (
                self.values.ravel(),
                (np.broadcast_to(row, shape).ravel(), np.broadcast_to(column, shape).ravel()),
            ),
            shape=(n_rows * k_a, n_columns * k_b),
        )


class MeetingSums:
    """The running sums of how two factors meet, whose levels may come as they appear.

    Rows wait until there are many. Where there are about as many rows that wait as cells in a
    table of all pairs of levels, they are added to that table; else they are sorted, and sorted
    runs of cells are merged when they are of like size: a cell is moved a logarithm of times.

    Args:
        indices: of the two factors.
        shape: how many columns of Z either has.
    """

    def __init__(self, indices: tuple[int, int], shape: tuple[int, int]) -> None:
        self._indices, self._shape = indices, shape
        self._waiting: list[tuple[Codes, Floats]] = []
        self._rows = 0
        self._runs: list[Cooccurrence] = []
        self._table = np.zeros((shape[0] * shape[1] + 1, 0, 0))  # the last counts rows

    def add(self, codes: tuple[Codes, Codes], values: Floats) -> None:
        """Add rows: the level of each in either factor (n,), products of columns (k_a k_b, n)."""
        self._waiting.append((codes[0] << HALF | codes[1], values))
        self._rows += len(codes[0])
        if self._rows >= WAITING_ROWS:
            self._settle()

    def total(self) -> Cooccurrence:
        """The sums of all rows."""
        self._settle()
        self._clear_table()
        while len(self._runs) > 1:
            self._merge()
        return self._runs[0] if self._runs else self._cells(*self._nothing())

    def _settle(self) -> None:
        """Add what waits to the table or to the runs."""
        if not self._rows:
            return
        keys = np.concatenate([keys for keys, _ in self._waiting])
        values = np.concatenate([values for _, values in self._waiting], axis=1)
        self._waiting, self._rows = [], 0
        rows, columns = keys >> HALF, keys & MASK
        size = (
            max(int(rows.max()) + 1, self._table.shape[1]),
            max(int(columns.max()) + 1, self._table.shape[2]),
        )
        if len(self._table) * size[0] * size[1] <= CELLS_PER_ROW * len(keys):
            self._tabulate(rows, columns, values, size)
            return
        self._clear_table()
        self._runs.append(self._sorted(keys, values))
        while len(self._runs) > 1 and len(self._runs[-2].rows) < 2 * len(self._runs[-1].rows):
            self._merge()

    def _tabulate(self, rows: Codes, columns: Codes, values: Floats, size: tuple[int, int]) -> None:
        if size != self._table.shape[1:]:
            grown = np.zeros((len(self._table), *size))
            grown[:, : self._table.shape[1], : self._table.shape[2]] = self._table
            self._table = grown
        cells = rows * size[1] + columns
        for total, own in zip(self._table.reshape(len(self._table), -1), values, strict=False):
            np.add.at(total, cells, own)
        np.add.at(self._table[-1].reshape(-1), cells, 1.0)

    def _clear_table(self) -> None:
        """Make a run of the table."""
        if not self._table.size:
            return
        cells = np.flatnonzero(self._table[-1])
        rows, columns = np.divmod(cells, self._table.shape[2])
        values = self._table[:-1].reshape(len(self._table) - 1, -1)[:, cells]
        self._runs.append(self._cells(rows, columns, values))
        self._table = np.zeros((len(self._table), 0, 0))

    def _merge(self) -> None:
        last = self._runs.pop()
        self._runs[-1] += last

    def _sorted(self, keys: Codes, values: Floats) -> Cooccurrence:
        cells, sums = _added(keys, values)
        return self._cells(cells >> HALF, cells & MASK, sums)

    def _cells(self, rows: Codes, columns: Codes, values: Floats) -> Cooccurrence:
        return Cooccurrence(*self._indices, rows, columns, values.T.reshape(-1, *self._shape))

    def _nothing(self) -> tuple[Codes, Codes, Floats]:
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros((len(self._table) - 1, 0))


def _gathered(first: int, second: int, rows: Codes, columns: Codes, values: Floats) -> Cooccurrence:
    """Cells in order, equal ones added."""
    keys = rows << HALF | columns
    flat = values.reshape(len(values), -1).T
    cells, sums = _added(keys, flat)
    shape = values.shape[1:]
    return Cooccurrence(first, second, cells >> HALF, cells & MASK, sums.T.reshape(-1, *shape))


def _added(keys: Codes, values: Floats) -> tuple[Codes, Floats]:
    """The distinct keys in order, and the sums (q, c) of the values (q, n) of each."""
    order = np.argsort(keys, kind="stable")  # quick where sorted runs stand one after the other
    keys = keys[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    if len(starts) == len(keys):
        return keys, values[:, order]
    sums = np.empty((len(values), len(starts)))
    for out, own in zip(sums, values, strict=True):
        np.add.reduceat(own[order], starts, out=out)
    return keys[starts], sums
