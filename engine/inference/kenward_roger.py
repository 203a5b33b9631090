"""Kenward and Roger's covariance of the fixed effects and df of their tests, from sums over levels.

V = sum_r gamma_r G_r is linear in gamma: the variances and covariances of the random effects, and
sigma^2. With P_r = -X'V^-1 G_r V^-1 X, Q_rs = X'V^-1 G_r V^-1 G_s V^-1 X and Phi = (X'V^-1X)^-1

    W = 2 E^-1,  E_rs = tr(V^-1 G_r V^-1 G_s) - 2 tr(Phi Q_rs) + tr(Phi P_r Phi P_s)
    Phi_A = Phi + 2 Phi (sum_rs W_rs (Q_rs - P_r Phi P_s)) Phi

(Kenward and Roger 1997, Biometrics 53, 983, with their names; W from the expected information, as
in Halekoh and Hojsgaard 2014, J. Stat. Softw. 59(9), and their R package pbkrtest). No n by n
matrix is needed: with S = Z'V^-1 Z and H = Z'V^-1 X, where G_r = Z E_r Z',

    P_r = -H'E_r H,  Q_rs = H'E_r S E_s H,  tr(V^-1 G_r V^-1 G_s) = tr(S E_r S E_s).

Nothing here depends on which basis of the matrices G_r is taken, so V itself, which is a sum of
them, stands in the place of the residual's: P_V = -Phi^-1, Q_Vs = -P_s, Q_VV = Phi^-1 and the trace
of V^-1 V V^-1 V is n. So E_VV = n - p and E_Vs = tr(S E_s) + tr(Phi P_s), and to Phi_A V adds
nothing. All is kept between R_X^-1' and R_X^-1, where Phi is the identity.
"""

from __future__ import annotations

import numpy as np

from engine.criterion import Criterion, Factorised, Structure
from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.approximation import Curved, half_covariance
from engine.inference.sandwich import sandwich
from engine.table import Floats

FLAT = 1e-10
"""Directions with less information than this part of the greatest are left out."""
ZERO, ROUNDING = 1e-10, 1e-14
"""Less than these V_0, or both terms of a ratio, are zero."""
NEARLY_TWO = 0.01
"""So near to 2 degrees of freedom the scaling of F is left out, as pbkrtest does."""


class KenwardRoger(Curved, frozen=True):
    """What Kenward and Roger's tests of a fit need; ``slopes`` hold Phi P_r Phi."""

    @classmethod
    def of(cls, fit: Fit) -> KenwardRoger:
        """Adjust the covariance of the fixed effects of a REML fit.

        Raises:
            SpecError: the fit is one by maximum likelihood.
        """
        if fit.spec.method != "REML":
            raise SpecError(
                Problem(
                    "needs_reml",
                    "Kenward and Roger's method is made for REML, and this fit is by ML",
                    'fit with method "REML", or use df "satterthwaite"',
                    ("df",),
                )
            )
        p = len(fit.beta)
        half = half_covariance(fit)
        if not fit.random:
            weight = np.array([[2.0 / (fit.n_rows - p)]])
            return cls(half @ half.T, half, np.eye(p)[None], weight)
        criterion, factor = fit.at_optimum
        slopes, weight, spread = _adjustment(criterion, factor)
        return cls(half @ (np.eye(p) + 2.0 * spread) @ half.T, half, slopes, weight)

    def f_approximation(self, contrasts: Floats) -> tuple[float, float]:
        """The scale of F and its denominator degrees of freedom, for independent rows (q, p).

        With Theta = L'(L Phi L')^-1 L, A_1 = sum_rs W_rs tr(Theta Phi P_r Phi) tr(Theta Phi P_s
        Phi) and A_2 = sum_rs W_rs tr(Theta Phi P_r Phi Theta Phi P_s Phi).
        """
        q = len(contrasts)
        if q == 1:  # the scale is 1, and the rest comes down to this
            return 1.0, float(self.degrees_of_freedom(contrasts)[0])
        basis, _ = np.linalg.qr((contrasts @ self.half).T)
        by = basis.T @ self.slopes @ basis
        traces = np.trace(by, axis1=1, axis2=2)
        a1 = traces @ self.weight @ traces
        a2 = np.einsum("rab,rs,sab->", by, self.weight, by, optimize=True)
        with np.errstate(all="ignore"):
            scale, df = _scale_and_df(q, np.float64(a1), np.float64(a2))
        return float(scale), float(df)


def _adjustment(criterion: Criterion, factor: Factorised) -> tuple[Floats, Floats, Floats]:
    """The slopes (t + 1, p, p), W (t + 1, t + 1), and what is added to Phi, halved, (p, p)."""
    p = criterion.blocks.p
    directions = _elements(criterion.structure)
    weight = np.ones(p + 1)
    weight[-1] = 0.0  # the residuals have no part in the expected information
    sums = criterion.sums(factor, directions, weight)
    pairs = sums.pairs[:, :-1, :-1]
    flat = pairs.reshape(len(pairs), -1)
    products = flat @ flat.T
    with_residual = np.tensordot(directions, sums.slope, axes=2)
    information = np.block(
        [
            [products - sums.curvature, with_residual[:, None]],
            [with_residual[None, :], np.array([[float(criterion.blocks.n - p)]])],
        ]
    )
    w = 2.0 * _inverse(information)
    own = w[:-1, :-1]
    spread = sandwich(criterion, factor, directions, own)
    spread -= np.einsum("rab,rbc->ac", pairs, np.tensordot(own, pairs, axes=1))
    return np.concatenate([pairs, np.eye(p)[None]]), w, (spread + spread.T) / 2.0


def _elements(structure: Structure) -> Floats:
    """The derivatives of G in each variance and covariance, in the order of theta, (t, k, k)."""
    rows, cols = structure.rows, structure.cols
    i = np.arange(len(rows))
    out = np.zeros((len(rows), structure.k, structure.k))
    out[i, rows, cols] = out[i, cols, rows] = 1.0
    return out


def _inverse(information: Floats) -> Floats:
    """The inverse on the directions that have information, whatever the units of each."""
    length = np.sqrt(np.maximum(information.diagonal(), 0.0))
    length[length == 0.0] = 1.0
    both = np.outer(length, length)
    return np.asarray(np.linalg.pinv(information / both, rcond=FLAT, hermitian=True) / both)


def _scale_and_df(q: int, a1: np.float64, a2: np.float64) -> tuple[np.float64, np.float64]:
    """Match mean and variance of the scaled F to an F distribution (Kenward and Roger 1997).

    B, g and c_1 to c_3 are theirs; where the scale is not defined it is what pbkrtest makes it.
    """
    b = (a1 + 6.0 * a2) / (2.0 * q)
    g = ((q + 1.0) * a1 - (q + 4.0) * a2) / ((q + 2.0) * a2)
    whole = 3.0 * q + 2.0 * (1.0 - g)
    v0 = 1.0 + g / whole * b
    v1 = 1.0 - (q - g) / whole * b
    v2 = 1.0 - (q + 2.0 - g) / whole * b
    mean = 1.0 - a2 / q  # the inverse of the mean of F
    ratio = np.float64(1.0) if max(abs(mean), abs(v1)) < ROUNDING else mean / v1
    rho = ratio**2 * (v0 if abs(v0) >= ZERO else 0.0) / (q * v2)
    df = 4.0 + (q + 2.0) / (q * rho - 1.0)
    if abs(df - 2.0) < NEARLY_TWO:
        return np.float64(1.0), df
    return mean if np.isinf(df) else mean * df / (df - 2.0), df
