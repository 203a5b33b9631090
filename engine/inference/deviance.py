"""The ML deviance that profiles and their signed roots are made of, beside its optimum."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from engine.cholesky import triangular_inverse
from engine.criterion import LOG_2PI, Criterion, Evaluation
from engine.fit import Fit
from engine.optimum import minimise
from engine.table import Floats

FAR = 12.0
"""Sigma is not looked for beyond this of its logarithm: sums would lose their digits there."""


class Optimal(Struct, frozen=True):
    """The ML fit that profiles start from, in the pilots' units.

    Attributes:
        fit: the model, whatever its criterion.
        criterion: of ML.
        theta: its optimum.
        deviance: there, up to constants.
        beta, sigma: estimates there.
        spread: relative standard errors of beta, the upper triangular inverse of R_X.
    """

    fit: Fit
    criterion: Criterion
    theta: Floats
    deviance: float
    beta: Floats
    sigma: float
    spread: Floats

    @classmethod
    def of(cls, fit: Fit) -> Optimal:
        """Fit by ML, as lme4 does to profile a REML fit too."""
        own, factor = fit.at_optimum
        criterion, theta = own.with_method("ML"), own.structure.theta(factor.t)
        if own.reml:
            theta = minimise(criterion).theta
            found = criterion.factorise(theta)
            if found is None:
                raise ValueError("a model fitted by REML has an ML optimum")
            factor = found
        spread = triangular_inverse(factor.upper[:-1, :-1])
        return cls(
            fit=fit,
            criterion=criterion,
            theta=theta,
            deviance=criterion.value(factor),
            beta=spread @ factor.upper[:-1, -1],
            sigma=math.sqrt(factor.r2 / criterion.count),
            spread=spread,
        )

    @property
    def covariance(self) -> Floats:
        """Relative covariance of the effects of all factors, T T'."""
        t = self.criterion.structure.matrix(self.theta)
        return t @ t.T


class KnownSigma(Struct, frozen=True, dict=True):
    """The deviance of (theta, log sigma): sum log|N_j| + n log(2 pi sigma^2) + r^2 / sigma^2.

    Its derivatives are those of the profiled criterion with w = r^2 / sigma^2 in the place of n,
    and sigma as a parameter of its own (as in ``satterthwaite``).
    """

    criterion: Criterion
    usual: float
    """Log sigma at the ML optimum; the search keeps within ``FAR`` of it."""

    def __call__(self, theta: Floats, log_sigma: float) -> Evaluation | None:
        """Value, gradient (t + 1,) and Hessian; ``None`` where the deviance does not exist."""
        if abs(log_sigma - self.usual) > FAR:
            return None
        factor = self.criterion.factorise(theta)
        if factor is None:
            return None
        n, structure = self.criterion.count, self.criterion.structure
        w = factor.r2 * math.exp(-2.0 * log_sigma)
        value = factor.log_det + n * (LOG_2PI + 2.0 * log_sigma) + w
        t = len(theta)
        gradient, hessian = np.empty(t + 1), np.zeros((t + 1, t + 1))
        gradient[t], hessian[t, t] = 2.0 * (n - w), 4.0 * w
        if t:
            counts = np.zeros(self.criterion.blocks.p + 1)
            counts[-1] = w
            sums = self.criterion.derivatives(factor, counts)
            rows, cols = structure.rows, structure.cols
            cross = sums.pairs[:, :-1, -1]
            gradient[:t] = 2.0 * (sums.slope @ factor.t)[rows, cols]
            hessian[:t, :t] = sums.curvature - 2.0 * w * (cross @ cross.T)
            hessian[:t, :t] += sums.slope[rows[:, None], rows] * structure.same_column
            hessian[t, :t] = hessian[:t, t] = 2.0 * w * sums.pairs[:, -1, -1]
        return Evaluation(value, gradient, hessian)
