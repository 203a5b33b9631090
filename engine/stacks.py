"""Stacks of dense symmetric matrices (m, s, s): many small by batches, few large ones in place.

A contiguous matrix whose upper triangle is read by rows is one whose lower triangle LAPACK reads by
columns, so that no copy is made.
"""

from __future__ import annotations

import numpy as np
import scipy

from engine.table import Floats

MANY = 64
SMALL = 16
"""A stack of more matrices than MANY, or not larger than SMALL, goes through numpy's batches."""
BLOCK = 256
"""Rows of a triangle that are copied at once."""


def stacked_cholesky(a: Floats) -> Floats | None:
    """Upper factors U of a = U'U, with zeros below; ``None`` when one does not exist.

    ``a`` is overwritten.
    """
    if _batched(a):
        try:
            return np.asarray(np.linalg.cholesky(a, upper=True), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
    for own in a:
        _, info = scipy.linalg.lapack.dpotrf(own.T, lower=1, clean=1, overwrite_a=1)
        if info != 0:
            return None
    return a


def stacked_forward(upper: Floats, b: Floats) -> Floats:
    """Solve U'x = b for a stack of dense factors: (m, s, s), (m, s, c) -> (m, s, c)."""
    if _batched(upper):
        return np.asarray(np.linalg.solve(np.swapaxes(upper, 1, 2), b), dtype=np.float64)
    return np.stack(
        [
            scipy.linalg.solve_triangular(one.T, own, lower=True, check_finite=False)
            for one, own in zip(upper, b, strict=True)
        ]
    )


def stacked_inverse(upper: Floats, *, overwrite: bool = False) -> Floats:
    """(U'U)^-1 for a stack of dense factors, (m, s, s), in the place of U where it may go."""
    if _batched(upper):
        half = np.linalg.inv(upper)
        return np.asarray(half @ np.swapaxes(half, 1, 2))
    out = upper if overwrite else upper.copy()
    for own in out:
        scipy.linalg.lapack.dpotri(own.T, lower=1, overwrite_c=1)
        mirror(own)
    return out


def stacked_times(a: Floats, b: Floats) -> Floats:
    """A B for symmetric A: (m, s, s), (m, s, c) -> (m, s, c)."""
    if _batched(a):
        return np.asarray(a @ b)
    return np.stack(
        [scipy.linalg.blas.dsymm(1.0, one.T, own, lower=1) for one, own in zip(a, b, strict=True)]
    )


def mirror(a: Floats) -> None:
    """Copy the upper triangle of a (s, s) to the lower one, in place."""
    s = len(a)
    for start in range(0, s, BLOCK):
        stop = min(start + BLOCK, s)
        square = a[start:stop, start:stop]
        square[...] = np.triu(square) + np.triu(square, 1).T
        a[stop:, start:stop] = a[start:stop, stop:].T


def _batched(a: Floats) -> bool:
    return len(a) > MANY or a.shape[-1] <= SMALL
