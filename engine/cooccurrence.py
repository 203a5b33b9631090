"""How the levels of two grouping factors meet: sums of products of their columns of Z."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.table import Codes, Factor, Floats


@dataclass(frozen=True, slots=True)
class Cooccurrence:
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
        """The same cells, with new indices of the levels."""
        return replace(self, rows=rows[self.rows], columns=columns[self.columns])

    def __add__(self, other: Cooccurrence) -> Cooccurrence:
        """Sums of the rows of both; their levels must have equal indices."""
        rows = np.concatenate([self.rows, other.rows])
        columns = np.concatenate([self.columns, other.columns])
        values = np.concatenate([self.values, other.values])
        return _gathered(self.first, self.second, rows, columns, values)

    def matrix(self, n_rows: int, n_columns: int) -> sparse.csr_array:
        """The sparse matrix (n_rows k_a, n_columns k_b), effects of a level side by side."""
        k_a, k_b = self.values.shape[1:]
        shape = (len(self.rows), k_a, k_b)
        row = self.rows[:, None, None] * k_a + np.arange(k_a)[:, None]
        column = self.columns[:, None, None] * k_b + np.arange(k_b)
        return sparse.csr_array(
            (
                self.values.ravel(),
                (np.broadcast_to(row, shape).ravel(), np.broadcast_to(column, shape).ravel()),
            ),
            shape=(n_rows * k_a, n_columns * k_b),
        )


def cooccurrence(
    indices: tuple[int, int],
    factors: tuple[Factor, Factor],
    z: tuple[Floats, Floats],
    weights: Floats | None,
) -> Cooccurrence:
    """Sums over rows of two factors and their columns of Z, (k_a, n) and (k_b, n)."""
    wide = factors[0].codes * len(factors[1].levels) + factors[1].codes
    cells, place = np.unique(wide, return_inverse=True)
    left = z[0] if weights is None else z[0] * weights
    values = np.empty((len(cells), len(z[0]), len(z[1])))
    for a, own in enumerate(left):
        for b, its in enumerate(z[1]):
            values[:, a, b] = np.bincount(place, weights=own * its, minlength=len(cells))
    rows, columns = np.divmod(cells, len(factors[1].levels))
    return Cooccurrence(*indices, rows, columns, values)


def _gathered(first: int, second: int, rows: Codes, columns: Codes, values: Floats) -> Cooccurrence:
    """Cells in order, equal ones added."""
    wide = rows * (int(columns.max()) + 1) + columns
    order: NDArray[np.intp] = np.argsort(wide, kind="stable")  # linear for two sorted runs
    rows, columns, values = rows[order], columns[order], values[order]
    starts = np.flatnonzero(
        np.append(True, (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1]))
    )
    summed = np.add.reduceat(values, starts, axis=0)
    return Cooccurrence(first, second, rows[starts], columns[starts], summed)
