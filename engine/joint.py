"""Joint covariances of fixed and random effects of a model with one grouping factor.

Henderson's mixed-model equations give, for the errors of beta and of the effects b_j of one level,

    Var(beta) = Phi,  Cov(beta, b^_j - b_j) = -Phi H_j' G,  Var(b^_j - b_j) = sigma^2 T M_j^-1 T' +
    G H_j Phi H_j' G

with M_j = I + T'Z_j'Z_j T and H_j = Z_j'V_j^-1 X (Henderson 1975, Biometrics 31, 423; Searle,
Casella, McCulloch 1992, section 7.4). Everything here is in the pilots' units, where no digits
cancel.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import batched_cholesky, batched_forward, batched_root, triangular_inverse
from engine.fit import Fit
from engine.table import Floats


class Joint(Struct, frozen=True):
    """Covariances for L levels, in the pilots' units.

    Attributes:
        fixed: Phi (p, p).
        cross: Cov(beta, b^_j - b_j), (L, p, k).
        effects: Var(b^_j - b_j), (L, k, k).
        modes: conditional modes, (L, k).
        between: covariance of the effects of a level not seen, sigma^2 G, (k, k).
    """

    fixed: Floats
    cross: Floats
    effects: Floats
    modes: Floats
    between: Floats

    @classmethod
    def of(cls, fit: Fit, levels: NDArray[np.intp] | slice = slice(None)) -> Joint:
        """The joint covariances of the levels with the given indices; all by default."""
        solution = fit.solution
        half = triangular_inverse(solution.upper[:-1, :-1]) * solution.sigma
        fixed = half @ half.T
        if not fit.products.groups:
            p = len(fixed)
            return cls(
                fixed, np.zeros((0, p, 0)), np.zeros((0, 0, 0)), np.zeros((0, 0)), np.zeros((0, 0))
            )
        group, t = fit.products.groups[0], solution.t[0]
        columns = np.append(fit.kept, len(fit.products.mm) - 1)
        root, inner = batched_root(group.zz[levels], group.zm[levels][:, :, columns])
        rt = root @ t
        # T'H_j = (I + R T T'R')^-1 applied from the left: T'R_j'N_j^-1 Q_j'[X y].
        n = rt @ rt.mT + np.eye(len(t))
        lower = batched_cholesky(n)
        th = batched_forward(lower, rt).mT @ batched_forward(lower, inner)
        gh = t @ th
        m_lower = batched_cholesky(rt.mT @ rt + np.eye(len(t)))
        own = batched_forward(m_lower, np.broadcast_to(t.T, m_lower.shape))
        gh_half = gh[:, :, :-1] @ half
        return cls(
            fixed=fixed,
            cross=-(gh_half @ half.T).mT,
            effects=solution.sigma**2 * (own.mT @ own) + gh_half @ gh_half.mT,
            modes=gh[:, :, -1] - gh[:, :, :-1] @ solution.beta,
            between=solution.sigma**2 * (t @ t.T),
        )
