"""Satterthwaite's degrees of freedom, as lmerTest computes them but with exact derivatives.

For a contrast L of the fixed effects with V(phi) = Var(beta) and phi = (theta, sigma):

    df = 2 (L'VL)^2 / (g' A g),  g = d(L'VL)/dphi,  A = 2 (d2 deviance / dphi2)^-1

where the deviance is -2 log-likelihood (restricted for REML) with beta profiled out
(Kuznetsova, Brockhoff, Christensen 2017, J. Stat. Softw. 82(13), section 2.2).
"""

from __future__ import annotations

import numpy as np

from engine.cholesky import triangular_inverse
from engine.criterion import Criterion
from engine.fit import Fit
from engine.table import Floats

FLAT = 1e-8
"""Directions in which the deviance curves less than this are left out, as lmerTest does."""


def degrees_of_freedom(fit: Fit, contrasts: Floats | None = None) -> Floats:
    """Degrees of freedom of contrasts (c, p) of beta; of each coefficient by default.

    For a model without random effects they are the residual degrees of freedom.
    """
    p = len(fit.beta)
    rows = np.eye(p) if contrasts is None else np.asarray(contrasts, dtype=np.float64)
    if not fit.random:
        return np.full(len(rows), float(fit.n_rows - p))
    sigma, units = fit.solution.sigma, fit.units
    criterion, factor = fit.at_optimum
    sums = criterion.derivatives(factor)
    variance = _variance_of_parameters(criterion, sums.slope, sums.curvature, sums.pairs, sigma)
    half = (rows @ units.x) @ triangular_inverse(
        factor.upper[:-1, :-1]
    )  # L'VL = sigma^2 half half'
    length = np.square(half).sum(axis=1)
    by_theta = sigma**2 * np.einsum("cp,tpq,cq->ct", half, sums.pairs[:, :-1, :-1], half)
    gradient = np.column_stack([by_theta, 2.0 * sigma * length])
    spread = np.einsum("ct,ts,cs->c", gradient, variance, gradient)
    return np.asarray(2.0 * (sigma**2 * length) ** 2 / spread)


def _variance_of_parameters(
    criterion: Criterion, slope: Floats, curvature: Floats, pairs: Floats, sigma: float
) -> Floats:
    """A = 2 H^-1 for H the Hessian of the deviance in (theta, sigma), (t + 1, t + 1)."""
    structure, c = criterion.structure, criterion.count
    weight = np.full(pairs.shape[1:], 1.0 if criterion.reml else 0.0)
    weight[-1, :] = weight[:, -1] = c
    weight[-1, -1] = 0.0  # sigma is a parameter of its own here, not profiled out
    flat = pairs.reshape(len(pairs), -1)
    by_theta = curvature - (flat * weight.ravel()) @ flat.T
    by_theta += slope[structure.rows[:, None], structure.rows] * structure.same_column
    # d(r^2 / sigma^2)/dtheta = -c s, so that the cross derivative is 2 c s / sigma.
    cross = 2.0 * c * pairs[:, -1, -1] / sigma
    hessian = np.block(
        [[by_theta, cross[:, None]], [cross[None, :], np.array([[4.0 * c / sigma**2]])]]
    )
    values, axes = np.linalg.eigh(hessian)
    use = values > FLAT
    return np.asarray(2.0 * (axes[:, use] / values[use]) @ axes[:, use].T)
