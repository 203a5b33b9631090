"""The parameters of a model as lme4's ``confint`` names them, and their values at a solution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.fit import Fit
from engine.table import Floats

Kind = Literal["sd", "correlation", "sigma", "fixed"]

NEGLIGIBLE = 1e-8
"""An effect that moves the rows of no level by more than this part of sigma does not vary."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a model.

    Attributes:
        name: ``sd_(Intercept)|county``, ``cor_floor.(Intercept)|county``, ``sigma``, or the name of
            a fixed effect.
        kind: standard deviation or correlation of random effects, residual standard deviation, or
            fixed effect.
        group: grouping factor of a random effect.
        term: the effect, random or fixed.
        other: the effect that ``term`` is correlated with.
        at: index of the grouping factor and of one or two of its effects; or of the fixed effect.
    """

    name: str
    kind: Kind
    group: str | None
    term: str | None
    other: str | None
    at: tuple[int, ...]


def parameters(fit: Fit) -> tuple[Parameter, ...]:
    """All parameters in lme4's order: of each random term by columns, sigma, fixed effects."""
    fixed = (
        Parameter(name, "fixed", None, name, None, (j,)) for j, name in enumerate(fit.coefficients)
    )
    return (*_of_random(fit), Parameter("sigma", "sigma", None, None, None, ()), *fixed)


def _of_random(fit: Fit) -> Iterator[Parameter]:
    for f, effects in enumerate(fit.random):
        for block in effects.blocks:
            for i in range(block.start, block.stop):
                term = effects.terms[i]
                name = f"sd_{term}|{effects.group}"
                yield Parameter(name, "sd", effects.group, term, None, (f, i))
                for j in range(i + 1, block.stop):
                    other = effects.terms[j]
                    name = f"cor_{other}.{term}|{effects.group}"
                    yield Parameter(name, "correlation", effects.group, other, term, (f, j, i))


def vanishing(fit: Fit) -> tuple[NDArray[np.bool_], ...]:
    """Which effects of each grouping factor do not vary, (k,) each."""
    out = []
    for effects, group, units in zip(fit.random, fit.products.groups, fit.units.z, strict=True):
        basis = np.linalg.inv(units)
        squares = np.einsum("ka,jkl,la->ja", basis, group.zz, basis).max(axis=0)
        moves = np.sqrt(effects.covariance.diagonal() * squares)
        out.append(moves < NEGLIGIBLE * fit.sigma)
    return tuple(out)


def values(
    wanted: Sequence[Parameter], covariances: Sequence[Floats], sigma: float, beta: Floats
) -> Floats:
    """The parameters' values, a correlation with an effect that does not vary being NaN.

    Args:
        wanted: the parameters.
        covariances: of the effects of each grouping factor, (k, k), in the data's units.
        sigma: residual standard deviation.
        beta: fixed effects.
    """
    out = np.empty(len(wanted))
    for place, parameter in enumerate(wanted):
        if parameter.kind == "fixed":
            out[place] = beta[parameter.at[0]]
        elif parameter.kind == "sigma":
            out[place] = sigma
        else:
            out[place] = _of_covariance(covariances[parameter.at[0]], *parameter.at[1:])
    return out


def _of_covariance(covariance: Floats, i: int, j: int | None = None) -> float:
    if j is None:
        return math.sqrt(covariance[i, i])
    product = float(covariance[i, i] * covariance[j, j])
    if not product > 0.0:
        return float("nan")
    return min(1.0, max(-1.0, float(covariance[i, j]) / math.sqrt(product)))
