"""Cholesky factors: batched over the levels of a group, and of the small dense rest."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.table import Floats

BATCH_LOOP = 4
"""Up to this size a batch is factored by columns, with vector operations over all levels."""

ALIAS_TOLERANCE = 1e-11
"""A column is aliased when no more of its squared length is left beside the columns before it."""

ROUNDING = 1e-14
"""What rounding leaves of a diagonal element that is zero."""


def batched_cholesky(a: Floats) -> Floats:
    """Lower factors L of I + A, A positive semidefinite: a = L L', (J, k, k).

    No pivot is less than 1, also where A is so large that rounding takes the 1 away.
    """
    k = a.shape[-1]
    if k == 1:
        return np.sqrt(a)
    if k > BATCH_LOOP:
        with suppress(np.linalg.LinAlgError):
            return np.asarray(np.linalg.cholesky(a), dtype=np.float64)
    lower = np.zeros(a.shape)
    for c in range(k):
        pivot = a[:, c, c] - _inner(lower[:, c, :c], lower[:, c, :c])
        lower[:, c, c] = np.sqrt(np.maximum(pivot, 1.0))
        for r in range(c + 1, k):
            inner = _inner(lower[:, r, :c], lower[:, c, :c])
            lower[:, r, c] = (a[:, r, c] - inner) / lower[:, c, c]
    return lower


def _inner(left: Floats, right: Floats) -> Floats | float:
    """The inner product of the rows of each level, (J, c): (J,)."""
    if left.shape[1] < 2:  # einsum's start costs more than the product
        return left[:, 0] * right[:, 0] if left.shape[1] else 0.0
    return np.asarray(np.einsum("ji,ji->j", left, right))


def batched_forward(lower: Floats, b: Floats) -> Floats:
    """Solve L x = b for every level: (J, k, k), (J, k, m) -> (J, k, m)."""
    k = lower.shape[-1]
    if k == 1:
        return b / lower
    out = np.empty_like(b)
    for r in range(k):
        row = b[:, r]
        if r:
            row = row - np.matmul(lower[:, r, None, :r], out[:, :r])[:, 0]
        out[:, r] = row / lower[:, r, r, None]
    return out


def batched_root(gram: Floats, products: Floats) -> tuple[Floats, Floats]:
    """Turn sums of products into the R and Q'M of a QR of the rows of each level.

    With Z_j = Q_j R_j: ``gram`` Z_j'Z_j (J, k, k) gives R_j upper triangular, ``products`` Z_j'M_j
    (J, k, m) gives Q_j'M_j. Where the rows of a level do not span the k columns, the rows of R and
    Q'M that they lack are zero.
    """
    k = gram.shape[-1]
    if k == 1:
        root = np.sqrt(gram)
        if root.all():
            return root, products / root
    root, inner = np.zeros(gram.shape), np.array(products)
    left = np.array(gram)
    for c in range(k):
        pivot = left[:, c, c]
        lacks = ~(pivot > ALIAS_TOLERANCE * gram[:, c, c])
        length = np.sqrt(np.where(lacks, 1.0, pivot))[:, None]
        root[:, c, c:] = left[:, c, c:] / length
        inner[:, c] /= length
        if lacks.any():
            root[lacks, c] = inner[lacks, c] = 0.0
        for r in range(c + 1, k):
            left[:, r, c + 1 :] -= root[:, c, r, None] * root[:, c, c + 1 :]
            inner[:, r] -= root[:, c, r, None] * inner[:, c]
    return root, inner


def independent_columns(gram: Floats) -> NDArray[np.intp]:
    """Indices of the columns that are no linear combination of earlier ones, as R's pivoted QR.

    ``gram`` is X'X (p, p) of shifted and scaled columns.
    """
    left = np.array(gram)
    kept = []
    for c in range(len(gram)):
        pivot = left[c, c]
        if pivot > ALIAS_TOLERANCE * gram[c, c]:
            kept.append(c)
            row = left[c] / np.sqrt(pivot)
            left -= row[:, None] * row
    return np.array(kept, dtype=np.intp)


def dense_cholesky(a: Floats) -> Floats | None:
    """Upper factor R of a = R'R, (q, q); ``None`` when ``a`` is not positive definite."""
    upper: Floats
    upper, info = scipy.linalg.lapack.dpotrf(a, lower=0, clean=1)
    return upper if info == 0 else None


def triangular_inverse(upper: Floats) -> Floats:
    """Inverse of an upper triangular matrix (q, q) without zeros on its diagonal."""
    if not len(upper):  # LAPACK complains of what has no rows
        return upper
    inverse: Floats
    inverse, _ = scipy.linalg.lapack.dtrtri(upper, lower=0)
    return inverse


def semidefinite_root(a: Floats) -> Floats:
    """The lower L with a = L L', a positive semidefinite (k, k); dependent columns are zero."""
    k = len(a)
    if k:
        lower, info = scipy.linalg.lapack.dpotrf(a, lower=1, clean=1)
        if not info and (np.square(lower.diagonal()) > ROUNDING * a.diagonal()).all():
            return np.asarray(lower)
    lower, left = np.zeros_like(a), np.array(a)
    for c in range(k):
        if left[c, c] > ROUNDING * a[c, c]:
            lower[c:, c] = left[c:, c] / np.sqrt(left[c, c])
            left -= np.outer(lower[:, c], lower[:, c])
    return lower
