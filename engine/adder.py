"""Rows added to the sums of their levels, by numpy; ``engine.native`` has the same compiled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from msgspec import Struct

from engine.columns import Columns
from engine.crossproducts import Pilot
from engine.table import Codes, Floats

NARROW = 16
"""Up to so many long columns a product of each with all is quicker than BLAS's symmetric one."""
LEAST_ROWS = 2_048
"""So many rows are long."""


class LevelSums(Struct, frozen=True):
    """The sums of a grouping factor with k effects, which are added to in place.

    Attributes:
        sums: by level (levels, s), of every column of Z times every column of M (k m of them, those
            of the first column of Z first), then of the products of every two columns of Z, and of
            each with itself, among those that are not ones.
        rows: of each level (levels,).
    """

    sums: Floats
    rows: Codes


class Adder:
    """Adds rows, some at a time.

    Args:
        pilots: of M, then of Z of each grouping factor.
        first: the first column of M whose products with one another are wanted.
        ones: by grouping factor, which columns of Z are one everywhere.
    """

    def __init__(
        self, pilots: Sequence[Pilot], first: int, ones: Sequence[tuple[bool, ...]]
    ) -> None:
        self._pilots, self._first, self._ones = pilots, first, ones

    def add(
        self, columns: Columns, codes: Sequence[Codes], into: Sequence[LevelSums]
    ) -> tuple[Floats, list[Floats]]:
        """Add rows.

        Without weights the products of two columns of ones, which are the rows of a level, may be
        left out.

        Args:
            columns: of n rows.
            codes: the level of each row in each grouping factor, each (n,) and among the levels.
            into: by grouping factor.

        Returns:
            M'WM of these rows from the first column on, and the sums of squares of the same columns
            of M, then of those of each Z; 0 for a Z that is one column of ones.
        """
        weights = columns.weights
        m = self._pilots[0].apply(columns.m)
        weighted = m if weights is None else m * weights
        rest = m[self._first :]
        mm = products(rest, None if weights is None else weighted[self._first :])
        squares = [mm.diagonal() if weights is None else np.vecdot(rest, rest)]
        for i, group in enumerate(into):
            own = columns.z[i]
            z = None if own is None else self._pilots[i + 1].apply(own)
            squares.append(np.zeros(1) if z is None else np.vecdot(z, z))
            np.add.at(group.rows, codes[i], 1)
            for s, values in enumerate(_values(z, weighted, weights, self._ones[i])):
                np.add.at(group.sums[:, s], codes[i], values)
        return mm, squares


def products(m: Floats, weighted: Floats | None) -> Floats:
    """M W M' for M and, where rows have weights, M W of shape (columns, n)."""
    if weighted is not None:
        return np.asarray(weighted @ m.T)
    width, n = m.shape
    if width > NARROW or n < LEAST_ROWS:
        return np.asarray(m @ m.T)
    out = np.empty((width, width))
    for i in range(width):
        out[i, i:] = out[i:, i] = m[i:] @ m[i]
    return out


def _values(
    z: Floats | None, weighted: Floats, weights: Floats | None, ones: tuple[bool, ...]
) -> list[Floats]:
    """What the rows add to each sum of a level: Z (k, n) or ones, M times the weights (m, n)."""
    if z is None:
        return list(weighted)
    out = [values for own in z for values in own * weighted]
    slopes = [own for own, one in zip(z, ones, strict=True) if not one]
    for a, b in combinations_with_replacement(slopes, 2):
        out.append(a * b if weights is None else a * b * weights)
    return out
