"""How the covariance of the fixed effects and the degrees of freedom of their tests are taken."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from msgspec import Struct

from engine.cholesky import triangular_inverse
from engine.fit import Fit
from engine.table import Floats


class Approximation(Protocol):
    """A covariance of beta, and the distribution that its tests are given."""

    @property
    def covariance(self) -> Floats:
        """The covariance of beta, (p, p)."""

    def degrees_of_freedom(self, contrasts: Floats) -> Floats:
        """Degrees of freedom of t for single contrasts (c, p) of beta, (c,)."""

    def f_approximation(self, contrasts: Floats) -> tuple[float, float]:
        """What F is multiplied by, and its denominator df, for independent contrasts (q, p)."""


class Constant(Struct, frozen=True):
    """The same degrees of freedom for every test; infinite for tests by the normal distribution.

    Attributes:
        covariance: of beta, (p, p).
        df: degrees of freedom.
    """

    covariance: Floats
    df: float

    def degrees_of_freedom(self, contrasts: Floats) -> Floats:
        """The same for each contrast (c, p): (c,)."""
        return np.full(len(contrasts), self.df)

    def f_approximation(self, contrasts: Floats) -> tuple[float, float]:
        """No scale, and the same denominator."""
        del contrasts
        return 1.0, self.df


class Curved(Struct, frozen=True):
    """Degrees of freedom of L beta from the variance that the estimate of L Phi L' has.

    Attributes:
        covariance: of beta, (p, p).
        half: A with Phi = A A', (p, p).
        slopes: A^-1 (d Phi / d phi_i) A'^-1 for the variance parameters phi, (t + 1, p, p); their
            common sign does not matter.
        weight: covariance of the estimates of phi, (t + 1, t + 1).
    """

    covariance: Floats
    half: Floats
    slopes: Floats
    weight: Floats

    def degrees_of_freedom(self, contrasts: Floats) -> Floats:
        """2 (L Phi L')^2 / var(L Phi L') of single contrasts (c, p), (c,)."""
        rows = contrasts @ self.half
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        by = np.einsum("cp,rpq,cq->cr", rows, self.slopes, rows, optimize=True)
        return np.asarray(2.0 / np.einsum("cr,rs,cs->c", by, self.weight, by))


def half_covariance(fit: Fit) -> Floats:
    """A with sigma^2 (X'V^-1X)^-1 = A A', in the data's units, (p, p)."""
    inverse = triangular_inverse(fit.solution.upper[:-1, :-1])
    return fit.units.x @ inverse * (fit.solution.sigma * fit.units.y)
