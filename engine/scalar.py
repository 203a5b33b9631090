"""The criterion with one random effect per level, where each matrix of a level is a number.

With rho_j = |Z_j| and w_j = 1 / (1 + theta^2 rho_j^2), D and all sums of the derivatives are
weighted sums of the same products of Q_j'[X y], with weights w, rho^2 w^2 and rho^4 w^3. Levels of
equal rho (for random intercepts: of equally many rows) share their weights, so they are summed
once, and a theta costs as much for a million levels as for a thousand.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from engine.cholesky import dense_cholesky, triangular_inverse
from engine.criterion import LOG_2PI, Blocks, Criterion, Evaluation, Factorised, Structure
from engine.table import Floats

FEW_LEVELS = 256
"""So few levels are not worth gathering."""
MAX_DOUBLES = 1 << 24
"""Most doubles that the products of all rho may take; beyond, the general criterion serves."""


class ScalarCriterion(Criterion, frozen=True, dict=True):
    """A criterion with theta of length one.

    Attributes:
        rho2: distinct rho^2 (L,).
        count_of: levels of each (L,).
        outer: sums of their Q_j'[X y] [X y]'Q_j, (L, (p + 1)^2).
    """

    rho2: Floats
    count_of: Floats
    outer: Floats

    def with_method(self, method: Literal["REML", "ML"]) -> ScalarCriterion:
        """The other criterion of the same model."""
        return structs.replace(self, method=method)

    def modes(self, factor: Factorised, beta: Floats) -> list[tuple[Floats, Floats]]:
        """Conditional modes (J, 1) and relative covariances (J, 1, 1), as numbers."""
        t = float(factor.t[0, 0])
        root, inner = self.blocks.root[:, 0], self.blocks.inner[:, 0]
        pivot = 1.0 + (t * root) ** 2
        residual = inner[:, -1:] - inner[:, :-1] @ beta[:, None]
        return [(t * t * root * residual / pivot, (t * t / pivot)[:, :, None])]

    def scan(self, thetas: Floats) -> Floats:
        """Values at many thetas (s,) at once; infinite where the criterion does not exist."""
        pivot = 1.0 + np.multiply.outer(thetas * thetas, self.rho2)
        d = self.blocks.within.ravel() + (1.0 / pivot) @ self.outer
        try:
            upper = np.linalg.cholesky(d.reshape(-1, *self.blocks.within.shape))
        except np.linalg.LinAlgError:
            return np.full(len(thetas), np.inf)
        logs = np.log(upper.diagonal(axis1=1, axis2=2))
        values = np.log(pivot) @ self.count_of
        values += self.count * (1.0 + LOG_2PI + 2.0 * logs[:, -1] - np.log(self.count))
        if self.reml:
            values += 2.0 * logs[:, :-1].sum(axis=1)
        return values

    def __call__(self, theta: Floats) -> Evaluation | None:
        """Value, gradient and Hessian at theta (1,); ``None`` where there is no criterion."""
        own = float(theta[0])
        w = 1.0 / (1.0 + own * own * self.rho2)
        s = self.rho2 * w
        weights = np.empty((3, len(w)))
        weights[0] = w
        np.multiply(s, w, out=weights[1])
        np.multiply(s, weights[1], out=weights[2])
        q = len(self.blocks.within)
        sums = (weights @ self.outer).reshape(3, q, q)
        upper = dense_cholesky(self.blocks.within + sums[0])
        if upper is None:
            return None
        inverse = triangular_inverse(upper)
        pairs, inner = inverse.T @ sums[1:] @ inverse
        c, reml = self.count, self.reml
        diagonal = pairs.diagonal()
        slope = float(self.count_of @ s) - c * float(diagonal[-1])
        curvature = 2.0 * c * float(inner[-1, -1]) - float(self.count_of @ (s * s))
        last = pairs[-1]
        curvature -= c * (2.0 * float(last @ last) - float(last[-1]) ** 2)
        logs = np.log(upper.diagonal())
        value = -float(self.count_of @ np.log(w))
        value += c * (1.0 + LOG_2PI + 2.0 * float(logs[-1]) - np.log(c))
        if reml:
            slope -= float(diagonal[:-1].sum())
            own_pairs = pairs[:-1, :-1]
            curvature += 2.0 * float(inner.diagonal()[:-1].sum()) - float(
                (own_pairs * own_pairs).sum()
            )
            value += 2.0 * float(logs[:-1].sum())
        return Evaluation(
            value,
            np.array([2.0 * own * slope]),
            np.array([[4.0 * own * own * curvature + 2.0 * slope]]),
        )


def scalar_criterion(
    blocks: Blocks, structure: Structure, method: Literal["REML", "ML"]
) -> ScalarCriterion | None:
    """The criterion of a model with one effect per level; ``None`` where it would not pay."""
    rho2, inner = np.square(blocks.root[:, 0, 0]), blocks.inner[:, 0, :]
    count, start = np.ones(len(rho2)), np.arange(len(rho2))
    if len(rho2) > FEW_LEVELS:
        order = np.argsort(rho2, kind="stable")
        rho2, start, number = np.unique(rho2[order], return_index=True, return_counts=True)
        count, inner = number.astype(np.float64), inner[order]
    if len(rho2) * inner.shape[1] ** 2 > MAX_DOUBLES:
        return None
    outer = _outer_sums(inner, start, len(rho2))
    return ScalarCriterion(blocks, structure, method, rho2, count, outer)


def _outer_sums(inner: Floats, start: NDArray[np.intp], n_distinct: int) -> Floats:
    """Sums of c c' over runs of the rows c of ``inner`` that begin at ``start``, flattened."""
    q = inner.shape[1]
    if n_distinct == len(inner):
        return (inner[:, :, None] * inner[:, None, :]).reshape(-1, q * q)
    stops = np.append(start[1:], len(inner))
    out = np.empty((n_distinct, q, q))
    for i, (a, b) in enumerate(zip(start.tolist(), stops.tolist(), strict=True)):
        np.matmul(inner[a:b].T, inner[a:b], out=out[i])
    return out.reshape(n_distinct, q * q)
