"""Shares of variance, and principal components of the random effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.fit import Fit
from engine.randomeffects import RandomEffects
from engine.table import Floats


@dataclass(frozen=True, slots=True)
class VarianceShare:
    """The variance that one source adds, in the data's units squared.

    Attributes:
        group: name of the factor; ``None`` for the residual.
        terms: names of the effects of one random term; empty for the residual.
        variance: of z'b averaged over the rows (by weight) for a random term; sigma^2.
        share: of the sum of all random terms and the residual; the shares add up to 1.
    """

    group: str | None
    terms: tuple[str, ...]
    variance: float
    share: float


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of the k random effects of a group, as lme4's rePCA.

    Attributes:
        group: name of the factor.
        terms: k names.
        std_dev: singular values of the relative covariance factor: standard deviations of the
            components in units of sigma, (k,). One that is zero is a direction without variance.
        cumulative: share of the variance in the first components, (k,); NaN without variance.
        rotation: columns are the components, (k, k).
    """

    group: str
    terms: tuple[str, ...]
    std_dev: Floats
    cumulative: Floats
    rotation: Floats


def variance_partition(fit: Fit) -> tuple[VarianceShare, ...]:
    """The share of each random term, and of the residual, in what the fixed effects leave."""
    weight = fit.products.mm[0, 0]
    found: list[tuple[str | None, tuple[str, ...], float]] = []
    for effects, group, t in zip(fit.random, fit.products.groups, fit.solution.t, strict=True):
        # (sigma t)(sigma t)' and the mean of zz', block by block, in the pilots' units.
        g, zz = t @ t.T, group.zz.sum(axis=0)
        for block in effects.blocks:
            variance = fit.sigma**2 * float(np.vdot(g[block, block], zz[block, block])) / weight
            found.append((effects.group, effects.terms[block], variance))
    found.append((None, (), fit.sigma**2))
    whole = sum(variance for *_, variance in found)
    return tuple(VarianceShare(*own, own[-1] / whole) for own in found)


def principal_components(fit: Fit) -> tuple[Components, ...]:
    """Principal components of the random effects of each group."""
    return tuple(_components(effects, fit.sigma) for effects in fit.random)


def _components(effects: RandomEffects, sigma: float) -> Components:
    # lme4's factor is lower triangular with these singular values, whichever root is taken.
    values, axes = np.linalg.eigh(effects.covariance / sigma**2)
    values = np.maximum(values[::-1], 0.0)
    values[values <= 1e-14 * values[0]] = 0.0
    with np.errstate(invalid="ignore"):
        cumulative = np.cumsum(values) / values.sum()
    return Components(
        effects.group, effects.terms, np.sqrt(values), cumulative, np.array(axes[:, ::-1])
    )
