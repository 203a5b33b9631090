"""Wald's intervals of standard deviations and correlations, on scales where they are near normal.

The estimates of (theta, log sigma) have twice the inverse of the deviance's exact Hessian for
covariance. It is carried to the logarithm of a standard deviation and to Fisher's z of a
correlation by their slopes, and the ends are carried back, as nlme's ``intervals`` does (Pinheiro,
Bates 2000, Mixed-Effects Models in S and S-PLUS, section 2.4.3). lme4's ``confint(method =
"Wald")`` has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.criterion import Derivatives
from engine.fit import Fit
from engine.inference.parameters import Parameter, vanishing
from engine.inference.satterthwaite import curvature
from engine.table import Floats

FLAT = 1e-8
"""The least curvature, in that of log sigma, with which estimates have a covariance."""
WIDEST = 100.0
"""Margin of a logarithm beyond which nothing is known of it."""
ROUNDING = 1e-15
"""What rounding leaves between a correlation of 1 and 1."""


def asymptotic(
    fit: Fit, wanted: Sequence[Parameter], level: float
) -> list[tuple[float, float] | tuple[None, None]]:
    """The ends for standard deviations and correlations of random effects, and for sigma.

    None where the estimate is at its limit or too near it, or does not exist, and for all where
    the deviance is flat in some direction.
    """
    quantile = float(scipy.special.ndtri(0.5 + level / 2.0))
    if fit.approximation is not None:
        return [_informed(fit, parameter, quantile) for parameter in wanted]
    criterion, factor = fit.at_optimum
    if not fit.random:
        ratio = math.exp(quantile / math.sqrt(2.0 * criterion.count))
        return [(fit.sigma / ratio, fit.sigma * ratio) for _ in wanted]
    sums = criterion.derivatives(factor)
    root = _root(curvature(criterion, sums, fit.solution.sigma), fit.solution.sigma)
    if root is None:
        return [(None, None) for _ in wanted]
    slopes = _Slopes.of(fit, factor.t, sums)
    return [_ends(parameter, slopes, quantile * root) for parameter in wanted]


def _informed(
    fit: Fit, parameter: Parameter, quantile: float
) -> tuple[float, float] | tuple[None, None]:
    """The ends where every factor has one effect, by the average information."""
    direction = np.zeros(len(fit.random) + 1)
    direction[-1] = 1.0  # a standard deviation is theta sigma
    value = fit.sigma
    if parameter.kind != "sigma":
        value = math.sqrt(fit.random[parameter.at[0]].covariance[0, 0])
        direction[parameter.at[0]] = 1.0
    if value == 0.0 or fit.approximation is None:
        return None, None
    margin = quantile * math.sqrt(direction @ fit.approximation.variance @ direction)
    return value * math.exp(-margin), value * math.exp(margin)


def _ends(
    parameter: Parameter, slopes: _Slopes, reach: Floats
) -> tuple[float, float] | tuple[None, None]:
    found = slopes.of_parameter(parameter)
    if found is None:
        return None, None
    value, slope = found
    margin = float(np.linalg.norm(slope @ reach))
    if margin > WIDEST:
        return None, None
    if parameter.kind == "correlation":
        z = math.atanh(value)
        return math.tanh(z - margin), math.tanh(z + margin)
    return value * math.exp(-margin), value * math.exp(margin)


def _root(hessian: Floats, sigma: float) -> Floats | None:
    """A with A A' the covariance of (theta, log sigma), (t + 1, t + 1); ``None`` where flat.

    ``hessian`` is that of the deviance in (theta, sigma).
    """
    by_log = np.ones(len(hessian))
    by_log[-1] = sigma  # d sigma = sigma d log sigma
    hessian = hessian * np.outer(by_log, by_log)
    values, axes = np.linalg.eigh(hessian)
    if values[0] <= FLAT * hessian[-1, -1]:
        return None
    return np.asarray(axes * np.sqrt(2.0 / values))


class _Slopes(Struct, frozen=True):
    """The relative covariance of all effects in the data's units, and its derivatives.

    Attributes:
        covariance: G, (k, k).
        by_theta: dG / dtheta, (t, k, k).
        first: index of the first effect of each grouping factor.
        vanish: which effects do not vary, (k,).
        sigma: residual standard deviation.
    """

    covariance: Floats
    by_theta: Floats
    first: tuple[int, ...]
    vanish: NDArray[np.bool_]
    sigma: float

    @classmethod
    def of(cls, fit: Fit, t: Floats, sums: Derivatives) -> _Slopes:
        units = fit.units.z_joint
        half = units @ t
        first = np.cumsum([0, *(len(effects.terms) for effects in fit.random)])
        return cls(
            covariance=half @ half.T,
            by_theta=units @ sums.directions @ units.T,
            first=tuple(first.tolist()),
            vanish=np.concatenate(vanishing(fit)),
            sigma=fit.sigma,
        )

    def of_parameter(self, parameter: Parameter) -> tuple[float, Floats] | None:
        """Its value; the slope of its logarithm or Fisher's z in (theta, log sigma), (t + 1,)."""
        if parameter.kind == "sigma":
            return self.sigma, np.append(np.zeros(len(self.by_theta)), 1.0)
        i, *others = (self.first[parameter.at[0]] + effect for effect in parameter.at[1:])
        j = others[0] if others else i
        if self.vanish[[i, *others]].any():
            return None
        if not others:
            value = self.sigma * math.sqrt(self.covariance[i, i])
            return value, np.append(self._of_logarithm(i), 1.0)
        j = others[0]
        length = math.sqrt(self.covariance[i, i] * self.covariance[j, j])
        value = float(self.covariance[i, j]) / length
        if not abs(value) < 1.0 - ROUNDING:
            return None
        by_logs = self._of_logarithm(i) + self._of_logarithm(j)
        slope = (self.by_theta[:, i, j] / length - value * by_logs) / (1.0 - value**2)
        return value, np.append(slope, 0.0)

    def _of_logarithm(self, i: int) -> Floats:
        """The slope of the logarithm of a relative standard deviation, (t,)."""
        return np.asarray(0.5 * self.by_theta[:, i, i] / self.covariance[i, i])
