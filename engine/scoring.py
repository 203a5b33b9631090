"""Fisher's scoring from a point of the scan: a long step to where Newton's method is quick.

The expected information does not depend on how far a point is from the optimum, and in the
variances themselves, sigma^2 G and sigma^2, the equations of scoring are linear: for balanced data
one step from anywhere ends at the optimum (Searle, Casella, McCulloch 1992, Variance Components,
chapter 8). In the relative G, with P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1 for REML and V^-1 for ML,

    I_il = tr(Z'PZ B_i Z'PZ B_l) - a_i a_l / c,  a_i = tr(Z'PZ B_i),

once sigma is profiled out, for directions B of G and c degrees of freedom.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy

from engine.criterion import Structure
from engine.descent import Start
from engine.surface import LevelSums, StackedCriterion, log_diagonal, roots
from engine.table import Floats

LEAST = 0.01
"""In no direction does a variance become less than this part of what it was."""


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def scored(criterion: StackedCriterion, thetas: Floats) -> list[Start]:
    """The start that a step of scoring leads to from each theta (s, t), if there is such a step."""
    found = criterion.whitened(thetas)
    exists, upper, inverse = roots(found.d)
    sums = criterion.level_sums(found.root, found.inner, inverse, criterion.fixed_weight)
    values = criterion.values(log_diagonal(upper), found.log_det).tolist()
    out = []
    for i, theta in enumerate(thetas):
        moved = _moved(criterion, theta, sums.of(i)) if exists[i] else None
        out.append(Start(theta) if moved is None else Start(moved, theta, values[i]))
    return out


def _moved(criterion: StackedCriterion, theta: Floats, sums: LevelSums) -> Floats | None:
    """The theta that the step leads to, if there is such a step."""
    structure, c = criterion.structure, float(criterion.count)
    directions = _directions(structure)
    trace, pairs = directions @ sums.slope.ravel(), directions @ sums.joint
    information = directions @ sums.curved @ -directions.T
    if criterion.reml:
        own = pairs * criterion.fixed_pairs
        information += own @ own.T
    information = 0.5 * (information + information.T) - trace[:, None] * trace / c
    _, step, info = scipy.linalg.lapack.dposv(information, c * pairs[:, -1] - trace)
    sigma2 = 1.0 - float(trace @ step) / c
    if info or not sigma2 > 0.0:
        return None
    t = _bounded(structure.matrix(theta), (step / sigma2) @ directions)
    return None if t is None else structure.theta(t)


def _bounded(t: Floats, move: Floats) -> Floats | None:
    """The T of T T' + move, or as far as it is positive definite relative to T, if T is regular."""
    k = len(t)
    inverse, info = scipy.linalg.lapack.dtrtri(t, lower=1)
    relative = inverse @ move.reshape(k, k) @ inverse.T
    if info or not np.isfinite(relative).all():
        return None
    sizes, axes, _ = scipy.linalg.lapack.dsyev(relative)
    lower, _ = scipy.linalg.lapack.dpotrf(
        (axes * np.maximum(1.0 + sizes, LEAST)) @ axes.T, lower=1, clean=1
    )
    return np.asarray(t @ lower)


@lru_cache(maxsize=64)
def _directions(structure: Structure) -> Floats:
    """A symmetric matrix for each element of theta, (t, k k)."""
    identity = structure.theta(np.eye(structure.k))
    return np.asarray(structure.directions(identity[None])[0].reshape(len(identity), -1))
