"""Conjugate gradients for many right-hand sides at once, and the tridiagonal matrices they find.

Every column has its own step lengths (no block Krylov space), so that the products are shared and
nothing else. From the step lengths follows Lanczos's matrix of the column, of which quadrature of
the logarithm is made (Hestenes, Stiefel 1952; Golub, Meurant 2010, Matrices, Moments and
Quadrature, chapter 4; Saad 2003, section 6.7.3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.table import Floats

MAX_ITERATIONS = 1_000


class Solved(Struct, frozen=True):
    """What the iterations found.

    Attributes:
        x: the solutions, (q, c).
        steps: step lengths by iteration, NaN once a column has converged, (m, c).
        ratios: of the squared residual after an iteration and before it, (m, c).
        squares: squared length of each right-hand side, (c,).
        converged: whether every column came to its tolerance.
    """

    x: Floats
    steps: Floats
    ratios: Floats
    squares: Floats
    converged: bool

    def log_forms(self, columns: slice) -> Floats:
        """b'log(B) b of some right-hand sides, by Gauss quadrature, (c,)."""
        own = range(*columns.indices(len(self.squares)))
        return np.array([self.squares[c] * self._log_node(c) for c in own])

    def _log_node(self, column: int) -> float:
        """The first element of the logarithm of a column's tridiagonal matrix."""
        steps = self.steps[:, column]
        m = int(np.count_nonzero(~np.isnan(steps)))
        if not m:
            return 0.0
        steps, ratios = steps[:m], self.ratios[:m, column]
        diagonal = 1.0 / steps
        diagonal[1:] += ratios[:-1] / steps[:-1]
        nodes, vectors = scipy.linalg.eigh_tridiagonal(diagonal, np.sqrt(ratios[:-1]) / steps[:-1])
        return float(np.square(vectors[0]) @ np.log(nodes))


def solve(times: Callable[[Floats], Floats], rhs: Floats, tolerance: Floats) -> Solved:
    """Solve B x = b for positive definite B.

    Args:
        times: products B v, (q, c) -> (q, c).
        rhs: the right-hand sides, (q, c).
        tolerance: of each column: the length of the residual relative to that of b, (c,).
    """
    squares = np.einsum("qc,qc->c", rhs, rhs)
    x = np.zeros_like(rhs)
    goal = np.square(tolerance) * squares
    active: NDArray[np.intp] = np.flatnonzero(squares > 0.0)
    residual = rhs[:, active]
    direction, left = residual.copy(), squares[active]
    own = np.zeros_like(residual)
    all_steps: list[Floats] = []
    all_ratios: list[Floats] = []
    while len(active) and len(all_steps) < MAX_ITERATIONS:
        moved = times(direction)
        step = left / np.einsum("qc,qc->c", direction, moved)
        own += step * direction
        residual -= step * moved
        after = np.einsum("qc,qc->c", residual, residual)
        ratio = after / left
        for kept, values in ((all_steps, step), (all_ratios, ratio)):
            row = np.full(len(squares), np.nan)
            row[active] = values
            kept.append(row)
        going = after > goal[active]
        direction *= ratio
        direction += residual
        left = after
        if not going.all():
            x[:, active[~going]] = own[:, ~going]
            active, left = active[going], left[going]
            residual, direction, own = (
                np.ascontiguousarray(part[:, going]) for part in (residual, direction, own)
            )
    x[:, active] = own
    shape = (len(all_steps), len(squares))
    return Solved(
        x,
        np.array(all_steps).reshape(shape),
        np.array(all_ratios).reshape(shape),
        squares,
        not len(active),
    )
