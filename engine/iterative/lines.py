"""Lines x beta + z b of a fit whose joint covariances are not known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.approximation import Approximation
from engine.fit import Fit
from engine.table import Floats


def single_levels(
    fit: Fit,
    known: Approximation,
    root: Floats,
    x: Floats,
    z: Sequence[Floats],
    index: Sequence[NDArray[np.intp]],
) -> tuple[Floats, Floats]:
    """Estimates and variances of rows that meet a known level of one factor at most, (r,) each.

    Args:
        fit: the model.
        known: what is known of it.
        root: W with Var(beta) = W W', in the pilots' units, (p, p).
        x: rows of X, (r, p).
        z: rows of Z of each grouping factor, (r, 1).
        index: the level of each row in each factor, -1 for one that the model has not seen, (r,).

    Raises:
        LimitError: a row meets known levels of several factors.
    """
    meets = [np.logical_and(at >= 0, own.any(axis=1)) for own, at in zip(z, index, strict=True)]
    if (np.sum(meets, axis=0) > 1).any():
        raise fit.without_joint_covariances()
    units, sigma = fit.units, fit.solution.sigma
    estimate, leverage = x @ fit.solution.beta, np.zeros_like(x)
    variance = np.zeros(len(x))
    for f, (own, place, met) in enumerate(zip(z, index, meets, strict=True)):
        level, by, to_data = place[met], own[met, 0], units.z[f][0, 0] * units.y
        effects = fit.random[f]
        estimate[met] += by * effects.modes[level, 0] / to_data
        variance[met] += np.square(by / to_data) * effects.conditional[level, 0, 0]
        leverage[met] += by[:, None] * known.leverage[f][level]
        new = place < 0
        variance[new] += np.square(own[new] @ fit.solution.t[f])[:, 0] * sigma**2
    variance += np.square((x - leverage) @ root).sum(axis=1)
    return estimate, variance
