"""The Schur complement of the rest at one theta, scaled by its diagonal: products, never a matrix.

With A = Lambda'Z'Z Lambda + I, a the diagonal of its first factor's block and P that of the others'
blocks, elimination of the first factor leaves

    S = P^1/2 B P^1/2,    B = I - R,    R = W'W - D,    W = a^-1/2 A_12 P^-1/2

where D are the meetings of the other factors among one another (none for two factors). A has the
determinant prod a prod P |B|. B has its eigenvalues between 0 and 1 for two factors, nearly all of
them near 1, since a level of long tails is little tied to any other (Ghosh, Hastie, Owen 2022, Ann.
Statist. 50, 560, for the norm of W; Kuendig, Sigrist 2025, arXiv 2505.09552, for symmetric
Gauss-Seidel preconditioning of A, of which this is the form for two factors).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy
from msgspec import Struct

from engine.iterative.blocks import IterativeBlocks
from engine.table import Floats

THREADS = 2
"""Products of a matrix with many vectors are shared by so many threads."""
SHARED = 1 << 24
"""Multiplications of one product that are worth a thread of its own."""


class Operator(Struct, frozen=True):
    """B and what belongs to it, at one theta.

    Attributes:
        blocks: the cross-products.
        theta: relative standard deviation of each factor.
        a: diagonal of the first factor's block of A, (J,).
        p: diagonal of the others' blocks, (q,).
        left: theta_1 a^-1/2, (J,).
        right: theta_f P^-1/2, (q,).
    """

    blocks: IterativeBlocks
    theta: Floats
    a: Floats
    p: Floats
    left: Floats
    right: Floats

    @classmethod
    def of(cls, blocks: IterativeBlocks, theta: Floats) -> Operator:
        """At a theta with one element per factor."""
        spread = np.repeat(theta[1:], blocks.levels[1:])
        a = 1.0 + theta[0] ** 2 * blocks.first
        p = 1.0 + np.square(spread) * blocks.rest
        return cls(blocks, theta, a, p, theta[0] / np.sqrt(a), spread / np.sqrt(p))

    def times(self, vectors: Floats) -> Floats:
        """B v, (q, c)."""
        scaled = self.right[:, None] * vectors
        across = product(self.blocks.cross, scaled)
        across *= np.square(self.left)[:, None]
        moved = transposed(self.blocks.cross, across)
        if self.blocks.rest_cross is not None:
            moved -= product(self.blocks.rest_cross, scaled)
        moved *= -self.right[:, None]
        moved += vectors
        return moved

    def across(self, vectors: Floats) -> Floats:
        """W v, (q, c) -> (J, c)."""
        return self.left[:, None] * product(self.blocks.cross, self.right[:, None] * vectors)

    def across_transposed(self, vectors: Floats) -> Floats:
        """W'v, (J, c) -> (q, c)."""
        return self.right[:, None] * transposed(self.blocks.cross, self.left[:, None] * vectors)

    def diagonal(self) -> Floats:
        """The diagonal of R, (q,)."""
        return np.asarray(np.square(self.right) * (self.blocks.squares.T @ np.square(self.left)))

    def squares(self) -> Floats:
        """The squared length of each row of W, (J,)."""
        return np.asarray(np.square(self.left) * (self.blocks.squares @ np.square(self.right)))

    def weighted_squares(self) -> float:
        """The trace of W'a^-1 W."""
        own = self.blocks.squares @ np.square(self.right)
        return float(own @ (np.square(self.left) / self.a))


def product(matrix: scipy.sparse.csr_array, vectors: Floats) -> Floats:
    """A v, the columns of v shared by threads where that pays."""
    return _shared(matrix, vectors)


def transposed(matrix: scipy.sparse.csr_array, vectors: Floats) -> Floats:
    """A'v, from the same elements."""
    return _shared(matrix.T, vectors)


def _shared(matrix: scipy.sparse.csr_array | scipy.sparse.csc_array, vectors: Floats) -> Floats:
    width = vectors.shape[1]
    if width < 2 * THREADS or matrix.nnz * width < SHARED:
        return np.asarray(matrix @ np.ascontiguousarray(vectors))
    parts = [np.ascontiguousarray(part) for part in np.array_split(vectors, THREADS, axis=1)]
    with ThreadPoolExecutor(THREADS) as pool:  # scipy's loops hold no lock
        return np.concatenate(list(pool.map(matrix.__matmul__, parts)), axis=1)
