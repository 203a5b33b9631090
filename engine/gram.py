"""Sums over the levels of the eliminated factor of products of its rows, sum_j (A_j B_j)'(C_j B_j).

B_j = Q_j'Z_2 are the rows of one level, sparse, and A_j and C_j depend on theta. D is such a sum,
and so is everything that the derivatives in the first G need (see ``crossed``). With one effect per
level a sum is linear in one weight per level, so that it is a product of a fixed sparse matrix and
the weights, which is quickest for few pairs; beyond, and with several effects, it is a product of
sparse matrices, block of rows by block of rows, of one triangle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy
from msgspec import Struct

from engine.components import Batch
from engine.table import Floats

MAX_PAIRS = 1 << 17
"""Most pairs of elements in a row of B, in all rows, whose products are kept: beyond, making them
takes longer than the sparse products of a search that they would save."""
BLOCK = 512
"""Rows of a large sum that are made at once."""


class Gram(Struct, frozen=True):
    """The rows of all levels, and what their sums of products are made with.

    Attributes:
        rows: B, sparse (J k, q).
        columns: B', sparse (q, J k).
        k: rows of a level.
        batches: components of the rest.
        pairs: products of two elements of a row, (elements of all blocks, J), upper triangles;
            ``None`` where sparse products serve.
    """

    rows: scipy.sparse.csr_array
    columns: scipy.sparse.csc_array
    k: int
    batches: tuple[Batch, ...]
    pairs: scipy.sparse.csr_array | None

    @classmethod
    def of(cls, rows: scipy.sparse.csr_array, k: int, batches: tuple[Batch, ...]) -> Gram:
        """Make it from B and the components, which hold all columns of a row together."""
        width = np.diff(rows.indptr).astype(np.int64)
        few = k == 1 and int((width * (width + 1)).sum()) <= 2 * MAX_PAIRS
        return cls(
            rows, scipy.sparse.csc_array(rows.T), k, batches, _pairs(rows, batches) if few else None
        )

    def scaled(self, by: Floats) -> scipy.sparse.csr_array:
        """The rows A_j B_j of (J, c, k) matrices A_j, sparse (J c, q)."""
        return scipy.sparse.csr_array(by_level(by) @ self.rows)

    def times(self, vectors: Floats) -> Floats:
        """B v, (q, c) -> (J, k, c)."""
        return np.asarray(self.rows @ vectors).reshape(-1, self.k, vectors.shape[1])

    def transposed_times(self, vectors: Floats) -> Floats:
        """B'v, (J, k, c) -> (q, c)."""
        return np.asarray(self.columns @ vectors.reshape(-1, vectors.shape[2]))

    def add(self, left: Floats, right: Floats, out: Sequence[Floats]) -> None:
        """Add the sum of (A_j B_j)'(C_j B_j), if symmetric, to blocks (m, s, s), in place.

        Args:
            left: A_j, (J, c, k).
            right: C_j, (J, c, k).
            out: by batch.
        """
        if self.pairs is not None:
            for i, part in enumerate(self._linear(left, right)):
                np.add(out[i], part, out=out[i])
                diagonal = np.arange(part.shape[-1])
                part[:, diagonal, diagonal] = 0.0
                np.add(out[i], np.swapaxes(part, 1, 2), out=out[i])
            return
        if not self._whole:
            product = self._product(left, right)
            for i, batch in enumerate(self.batches):
                np.add(out[i], batch.dense(product), out=out[i])
            return
        (own,) = out
        for start, part in self._parts(left, right):
            stop = start + len(part)
            own[0, start:stop, start:] += part
            own[0, stop:, start:stop] += part[:, len(part) :].T

    def inner(self, left: Floats, right: Floats, of: Sequence[Floats]) -> float:
        """The sum of the products of its elements and those of symmetric blocks (m, s, s).

        The sum of (A_j B_j)'(C_j B_j) itself need not be symmetric.
        """
        if self.pairs is not None:
            total = 0.0
            for own, part in zip(of, self._linear(left, right), strict=True):
                diagonal = np.einsum("mii,mii->", own, part)
                total += 2.0 * float(np.vdot(own, part)) - float(diagonal)
            return total
        if not self._whole:
            product = self._product(left, right)
            dense = [batch.dense(product) for batch in self.batches]
            return sum(float(np.vdot(a, b)) for a, b in zip(of, dense, strict=True))
        (own,) = of
        total = 0.0
        for start, part in self._parts(left, right, triangle=left is right):
            stop = start + len(part)
            if left is right:
                square = part[:, : len(part)]
                total += float(np.vdot(own[0, start:stop, start:stop], square))
                total += 2.0 * float(np.vdot(own[0, start:stop, stop:], part[:, len(part) :]))
            else:
                total += float(np.vdot(own[0, start:stop], part))
        return total

    @property
    def _whole(self) -> bool:
        """Whether the rest is one component, in the order of its columns."""
        return len(self.batches) == 1 and len(self.batches[0].index) == 1

    def _linear(self, left: Floats, right: Floats) -> Iterator[Floats]:
        """Upper triangles of the sum from the weights of the levels, by batch."""
        if self.pairs is None:
            raise ValueError("there are no products of pairs")
        flat = np.asarray(self.pairs @ (left * right).sum(axis=(1, 2)))
        start = 0
        for batch in self.batches:
            m, s = batch.index.shape
            yield flat[start : start + m * s * s].reshape(m, s, s)
            start += m * s * s

    def _product(self, left: Floats, right: Floats) -> scipy.sparse.csr_array:
        """The whole sum, sparse (q, q)."""
        a = self.scaled(left)
        return scipy.sparse.csr_array(a.T @ (a if left is right else self.scaled(right)))

    def _parts(
        self, left: Floats, right: Floats, *, triangle: bool = True
    ) -> Iterator[tuple[int, Floats]]:
        """Blocks of rows of the sum from row a on, of the columns from a on: a, (b - a, s - a)."""
        a = self.scaled(left)
        b = a if left is right else self.scaled(right)
        across = scipy.sparse.csr_array(a.T)
        for start in range(0, across.shape[0], BLOCK):
            yield start, np.asarray((across[start : start + BLOCK] @ b).toarray())
            if triangle:
                b = scipy.sparse.csr_array(b[:, BLOCK:])


def by_level(blocks: Floats) -> scipy.sparse.csr_array:
    """The block-diagonal matrix of (J, c, k) blocks."""
    n, c, k = blocks.shape
    if c == k == 1:
        return scipy.sparse.csr_array(scipy.sparse.diags_array(blocks[:, 0, 0]))
    return scipy.sparse.csr_array(
        scipy.sparse.bsr_array((blocks, np.arange(n), np.arange(n + 1)), shape=(n * c, n * k))
    )


def _pairs(rows: scipy.sparse.csr_array, batches: Sequence[Batch]) -> scipy.sparse.csr_array:
    """The products of every two elements of a row at their place in an upper triangle."""
    q = rows.shape[1]
    base, place, width = (np.zeros(q, dtype=np.int64) for _ in range(3))
    start = 0
    for batch in batches:
        m, s = batch.index.shape
        filled = batch.index < q
        own = batch.index[filled]
        block, slot = np.nonzero(filled)
        base[own], place[own], width[own] = start + block * s * s, slot, s
        start += m * s * s
    count = np.diff(rows.indptr)
    ends = np.repeat(rows.indptr[1:], count)  # of the row of each element
    partners = ends - np.arange(rows.nnz)
    first = np.repeat(np.arange(rows.nnz), partners)
    second = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners) + first
    a, b = rows.indices[first], rows.indices[second]
    low, high = np.minimum(place[a], place[b]), np.maximum(place[a], place[b])
    level = np.repeat(np.repeat(np.arange(rows.shape[0]), count), partners)
    return scipy.sparse.csr_array(
        (rows.data[first] * rows.data[second], (base[a] + low * width[a] + high, level)),
        shape=(start, rows.shape[0]),
    )


def squares(rows: scipy.sparse.csr_array) -> Floats:
    """The sum of squares of each column, (q,)."""
    sums = np.bincount(rows.indices, weights=np.square(rows.data), minlength=rows.shape[1])
    return sums.astype(np.float64, copy=False)
