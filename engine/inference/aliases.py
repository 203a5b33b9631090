"""The columns of X that were left out as aliased, as functions of those that were kept."""

from __future__ import annotations

import numpy as np

from engine.fit import Fit
from engine.table import Floats
from engine.units import Units

ROUNDING = 1e-9
"""What rounding leaves of a coefficient that is zero, or of a difference between equal rows."""


def reduction(fit: Fit) -> Floats:
    """B with X = X_kept B in the data's units, for all P columns of the design, (p, P)."""
    first = 0 if fit.design.fixed.intercept else 1
    mm, kept = fit.products.mm, fit.kept
    every = np.arange(first, len(mm) - 1)
    out = np.zeros((len(kept), len(every)))
    if len(kept) < len(every):
        shifted = np.linalg.solve(mm[np.ix_(kept, kept)], mm[np.ix_(kept, every)])
        units = Units.of(fit.design, fit.products, every)
        out = fit.units.x @ shifted @ np.linalg.inv(units.x)
        out[np.abs(out) < ROUNDING * np.abs(out).max(axis=0)] = 0.0
    own = kept - first
    out[:, own] = np.eye(len(kept))
    return out


def estimable(fit: Fit, rows: Floats) -> tuple[Floats, Floats]:
    """Rows over all columns of X (c, P) as contrasts of beta (c, p), and which are estimable, (c,).

    A row whose entries do not agree with the aliases, such as the mean of a cell without
    observations, is not estimable.
    """
    first = 0 if fit.design.fixed.intercept else 1
    contrasts = rows[:, fit.kept - first]
    gap = np.abs(rows - contrasts @ reduction(fit)).max(axis=1, initial=0.0)
    return contrasts, gap <= ROUNDING * np.abs(rows).max(axis=1, initial=0.0)
