"""The few directions that B nearly loses, taken out exactly.

For any orthonormal V (q, k), with K = V'B V, J = (I - VV')B V, L = V + J K^-1 and T = I - V L',

    |B| = |K| |B_c|,    B^-1 = V K^-1 V' + T B_c^-1 T',    B_c = T'B T on what is orthogonal to V

so that what is left to iterations and to chance is B_c alone, whatever V is. With V near the
eigenvectors of B farthest from 1 (the mean of all effects first) both become easy (Gambhir,
Stathopoulos, Orginos 2017, SIAM J. Sci. Comput. 39, A532, for traces).
"""

from __future__ import annotations

import numpy as np
import scipy
from msgspec import Struct

from engine.iterative.gradients import Solved, solve
from engine.iterative.operator import Operator
from engine.table import Floats

ROUNDS = 8
"""Of subspace iteration."""


def leading_space(operator: Operator, extra: int, seed: int) -> Floats:
    """An orthonormal basis near the eigenvectors of R of largest size, (q, k).

    There are ``extra`` directions beside the mean of each factor of the rest.
    """
    spans = operator.blocks.spans
    q = len(operator.p)
    k = min(q - 1, len(spans) + extra)
    basis = np.random.default_rng(seed).normal(size=(q, k))
    for column, span in enumerate(spans[:k]):
        basis[:, column] = 0.0
        basis[span, column] = np.sqrt(operator.p[span])
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(basis)
        basis = basis - operator.times(basis)
    return np.asarray(np.linalg.qr(basis)[0])


class Deflated(Struct, frozen=True):
    """B with the directions V taken out.

    Attributes:
        operator: B.
        v: V, (q, k).
        moved: B V.
        k: V'B V.
        j: what of B V is orthogonal to V.
        l: V + J K^-1.
    """

    operator: Operator
    v: Floats
    moved: Floats
    k: Floats
    j: Floats
    l: Floats  # noqa: E741  the symbol of the page

    @classmethod
    def of(cls, operator: Operator, v: Floats) -> Deflated:
        """``v`` is orthonormal, (q, k)."""
        moved = operator.times(v)
        k = v.T @ moved
        k = (k + k.T) / 2.0
        j = moved - v @ (v.T @ moved)
        return cls(
            operator, v, moved, k, j, v + scipy.linalg.cho_solve(scipy.linalg.cho_factor(k), j.T).T
        )

    @property
    def log_det(self) -> float:
        """log|K|."""
        return float(np.linalg.slogdet(self.k)[1])

    def within(self, matrix: Floats) -> Floats:
        """K^-1 matrix."""
        return np.asarray(scipy.linalg.cho_solve(scipy.linalg.cho_factor(self.k), matrix))

    def orthogonal(self, vectors: Floats) -> Floats:
        """What of vectors (q, c) is orthogonal to V."""
        return vectors - self.v @ (self.v.T @ vectors)

    def spread(self, vectors: Floats) -> Floats:
        """T v."""
        return vectors - self.v @ (self.l.T @ vectors)

    def gathered(self, vectors: Floats) -> Floats:
        """T'v."""
        return vectors - self.l @ (self.v.T @ vectors)

    def times(self, vectors: Floats) -> Floats:
        """B_c v for v orthogonal to V."""
        moved = self.operator.times(vectors)
        moved -= self.v @ (self.v.T @ moved)
        moved -= self.j @ self.within(self.j.T @ vectors)
        return moved

    def solve(self, gathered: Floats, tolerance: Floats) -> Solved:
        """B_c^-1 of columns that are orthogonal to V."""
        return solve(self.times, gathered, tolerance)

    def whole(self, rhs: Floats, solved: Floats) -> Floats:
        """B^-1 b from B_c^-1 T'b."""
        return self.v @ self.within(self.v.T @ rhs) + self.spread(solved)
