"""Satterthwaite's degrees of freedom, as lmerTest computes them but with exact derivatives.

For a contrast L of the fixed effects with V(phi) = Var(beta) and phi = (theta, sigma):

    df = 2 (L'VL)^2 / (g' A g),  g = d(L'VL)/dphi,  A = 2 (d2 deviance / dphi2)^-1

where the deviance is -2 log-likelihood (restricted for REML) with beta profiled out
(Kuznetsova, Brockhoff, Christensen 2017, J. Stat. Softw. 82(13), section 2.2). An F of several
contrasts is the mean of the squares of as many independent t, one for each eigenvector of L V L'
(Fai and Cornelius 1996, J. Stat. Comput. Simul. 54, 363).
"""

from __future__ import annotations

import numpy as np

from engine.approximation import Approximation
from engine.criterion import Criterion, Derivatives
from engine.fit import Fit
from engine.inference.approximation import Curved, half_covariance
from engine.table import Floats

FLAT = 1e-8
"""Directions in which the deviance curves less than this are left out, as lmerTest does."""
SAME = 1e-8
"""Degrees of freedom no further apart than this are taken as one."""


class Satterthwaite(Curved, frozen=True):
    """What Satterthwaite's tests of a fit with random effects need."""

    @classmethod
    def of(cls, fit: Fit) -> Satterthwaite:
        """The derivatives of the covariance of beta in theta and sigma, and their covariance."""
        if fit.approximation is not None:
            return cls._informed(fit, fit.approximation)
        sigma = fit.solution.sigma
        criterion, factor = fit.at_optimum
        sums = criterion.derivatives(factor)
        values, axes = np.linalg.eigh(curvature(criterion, sums, sigma))
        use = values > FLAT
        weight = np.asarray(2.0 * (axes[:, use] / values[use]) @ axes[:, use].T)
        by_sigma = np.eye(len(fit.beta))[None] * (2.0 / sigma)
        slopes = np.concatenate([sums.pairs[:, :-1, :-1], by_sigma])
        return cls(fit.covariance, half_covariance(fit), slopes, weight)

    @classmethod
    def _informed(cls, fit: Fit, known: Approximation) -> Satterthwaite:
        """The same in (log theta, log sigma), by the average information."""
        slopes = np.concatenate([known.slopes, 2.0 * np.eye(len(fit.beta))[None]])
        return cls(fit.covariance, half_covariance(fit), slopes, known.variance)

    def f_approximation(self, contrasts: Floats) -> tuple[float, float]:
        """No scale, and the denominator that gives F the mean of the squares of t."""
        turned, _, _ = np.linalg.svd(contrasts @ self.half, full_matrices=False)
        return 1.0, _of_mean_square(self.degrees_of_freedom(turned.T @ contrasts))


def degrees_of_freedom(fit: Fit, contrasts: Floats | None = None) -> Floats:
    """Degrees of freedom of contrasts (c, p) of beta; of each coefficient by default.

    For a model without random effects they are the residual degrees of freedom.
    """
    p = len(fit.beta)
    rows = np.eye(p) if contrasts is None else np.asarray(contrasts, dtype=np.float64)
    if not fit.random:
        return np.full(len(rows), float(fit.n_rows - p))
    return Satterthwaite.of(fit).degrees_of_freedom(rows)


def _of_mean_square(df: Floats) -> float:
    """The df_2 for which F has the mean of the mean square of independent t, of df (q,)."""
    if np.ptp(df) < SAME:
        return float(df.mean())
    if (df <= 2.0).any():
        return 2.0
    mean = float((df / (df - 2.0)).sum())
    return 2.0 * mean / (mean - len(df))


def curvature(criterion: Criterion, sums: Derivatives, sigma: float) -> Floats:
    """The Hessian of the deviance in (theta, sigma) at the optimum, (t + 1, t + 1).

    The covariance of their estimates is twice its inverse; ``sigma`` is in the pilots' units.
    """
    structure, c, pairs = criterion.structure, criterion.count, sums.pairs
    weight = np.full(pairs.shape[1:], 1.0 if criterion.reml else 0.0)
    weight[-1, :] = weight[:, -1] = c
    weight[-1, -1] = 0.0  # sigma is a parameter of its own here, not profiled out
    flat = pairs.reshape(len(pairs), -1)
    by_theta = sums.curvature - (flat * weight.ravel()) @ flat.T
    by_theta += sums.slope[structure.rows[:, None], structure.rows] * structure.same_column
    # d(r^2 / sigma^2)/dtheta = -c s, so that the cross derivative is 2 c s / sigma.
    cross = 2.0 * c * pairs[:, -1, -1] / sigma
    return np.block(
        [[by_theta, cross[:, None]], [cross[None, :], np.array([[4.0 * c / sigma**2]])]]
    )
