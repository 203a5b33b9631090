"""Sums of h' dG_r S dG_s h over all pairs of directions, each pair with its weight.

With S = Z'V^-1 Z and h = Z'V^-1 X R_X^-1 these are the Q_rs of Kenward and Roger (1997),
X'V^-1 G_r V^-1 G_s V^-1 X, between R_X^-1' and R_X^-1. Only their weighted sum is made, so that
the work stays that of one gradient however many directions there are.
"""

from __future__ import annotations

import numpy as np

from engine.cholesky import triangular_inverse
from engine.criterion import Criterion, Factorised
from engine.crossed import CrossedCriterion
from engine.crossed_blocks import CrossedFactor
from engine.dense import DenseCriterion
from engine.table import Floats


def sandwich(
    criterion: Criterion, factor: Factorised, directions: Floats, weights: Floats
) -> Floats:
    """The sum over r and s of weights_rs h' dG_r S dG_s h, (p, p).

    Args:
        criterion: of the model.
        factor: its blocked factor.
        directions: symmetric dG_r, each within one random term, (t, k, k).
        weights: symmetric, (t, t).
    """
    if isinstance(criterion, CrossedCriterion) and isinstance(factor, CrossedFactor):
        return _of_several(criterion, factor, directions, weights)
    if isinstance(criterion, DenseCriterion):
        return _of_few(criterion, factor, directions, weights)
    return _of_one(factor, directions, weights)


def _of_one(factor: Factorised, directions: Floats, weights: Floats) -> Floats:
    """One grouping factor: S is block-diagonal, and each level has its own sum in the middle."""
    inverse = triangular_inverse(factor.upper[:-1, :-1])
    n_levels, k, _ = factor.root.shape
    p = len(inverse)
    transposed = np.swapaxes(factor.root, 1, 2)
    s = transposed @ factor.root
    h = (transposed @ factor.inner[:, :, :-1]) @ inverse
    flat = directions.reshape(-1, k * k)
    each = (flat.T @ weights @ flat).reshape(k, k, k, k)  # (a, b, c, d) of dG_ab and dG_cd
    turn = each.transpose(1, 2, 0, 3).reshape(k * k, k * k)
    middle = (s.reshape(n_levels, k * k) @ turn).reshape(n_levels, k, k)
    return np.asarray(h.reshape(-1, p).T @ (middle @ h).reshape(-1, p))


def _of_few(
    criterion: DenseCriterion, factor: Factorised, directions: Floats, weights: Floats
) -> Floats:
    """Several grouping factors of few levels: S is one matrix."""
    inverse = triangular_inverse(factor.upper[:-1, :-1])
    root = factor.root[0]
    h = root.T @ (factor.inner[0, :, :-1] @ inverse)
    out = np.zeros((h.shape[1], h.shape[1]))
    for direction, mixed in zip(directions, np.tensordot(weights, directions, axes=1), strict=True):
        left, right = (root @ criterion.blocks.applied(each, h) for each in (direction, mixed))
        out += left.T @ right
    return out


def _of_several(
    criterion: CrossedCriterion, factor: CrossedFactor, directions: Floats, weights: Floats
) -> Floats:
    """Several grouping factors: S joins their levels, so S is applied to whole columns."""
    view = criterion.view(factor)
    q = len(factor.upper)
    out = np.zeros((q, q))
    for direction, mixed in zip(directions, np.tensordot(weights, directions, axes=1), strict=True):
        left = criterion.own(direction)
        for f, by in enumerate(criterion.own(mixed)):
            if not by.any():
                continue
            applied = view.times_s(f, by @ view.hu[f])
            for own, hu, there in zip(left, view.hu, applied, strict=True):
                if own.any():
                    out += (own @ hu).reshape(-1, q).T @ there.reshape(-1, q)
    return out[:-1, :-1]
