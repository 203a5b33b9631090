"""The effects of the levels of a group: conditional modes, coefficients, pooling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.cholesky import dense_cholesky, triangular_inverse
from engine.design import INTERCEPT
from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.lines import lines
from engine.randomeffects import RandomEffects
from engine.table import Codes, Floats
from engine.within import Within


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """The effects of J levels of a group, in the data's units.

    Attributes:
        group: name of the factor.
        levels: J names.
        n: rows per level (J,).
        terms: k names of random effects.
        effects, effects_std_error: conditional modes and their conditional standard deviations
            (lme4's ranef), (J, k).
        coefficient_terms: names of the fixed effects, then of random effects without a fixed one.
        coefficients: fixed plus random (lme4's coef), (J, c).
        coefficients_std_error: carrying the uncertainty of the fixed effects too, (J, c).
        pooling_weight: share of the prior variance that the level's own rows remove, for the
            intercept or else the first effect: n / (n + sigma^2 / sigma_a^2) for random intercepts;
            (J,).
        no_pooling, no_pooling_std_error: the level's own intercept by least squares with all levels
            as fixed effects; NaN where the design has no such intercept or nothing is left to
            estimate its error; (J,).
    """

    group: str
    levels: tuple[str, ...]
    n: Codes
    terms: tuple[str, ...]
    effects: Floats
    effects_std_error: Floats
    coefficient_terms: tuple[str, ...]
    coefficients: Floats
    coefficients_std_error: Floats
    pooling_weight: Floats
    no_pooling: Floats
    no_pooling_std_error: Floats


def random_effects(fit: Fit, group: str) -> tuple[int, RandomEffects]:
    """The random effects of a group, and its index.

    Raises:
        SpecError: the model has no such group.
    """
    for i, effects in enumerate(fit.random):
        if effects.group == group:
            return i, effects
    known = ", ".join(effects.group for effects in fit.random) or "none"
    raise SpecError(
        Problem(
            "unknown_group", "the model has no such group", f"the groups are: {known}", ("group",)
        )
    )


def group_effects(fit: Fit, group: str) -> GroupEffects:
    """Effects, coefficients and pooling of every level of a group.

    Raises:
        SpecError: the model has no such group.
    """
    which, random = random_effects(fit, group)
    coefficient_terms, coefficients, std_errors = _coefficients(fit, which, random)
    anchor = random.terms.index(INTERCEPT) if INTERCEPT in random.terms else 0
    prior = random.covariance[anchor, anchor]
    posterior = random.conditional[:, anchor, anchor]
    pooling = 1.0 - posterior / prior if prior > 0.0 else np.zeros(len(random.levels))
    no_pooling, no_pooling_std_error = _no_pooling(fit, which, random)
    return GroupEffects(
        group=group,
        levels=random.levels,
        n=random.rows,
        terms=random.terms,
        effects=random.modes,
        effects_std_error=np.sqrt(
            np.maximum(np.diagonal(random.conditional, axis1=1, axis2=2), 0.0)
        ),
        coefficient_terms=coefficient_terms,
        coefficients=coefficients,
        coefficients_std_error=std_errors,
        pooling_weight=np.clip(pooling, 0.0, 1.0),
        no_pooling=no_pooling,
        no_pooling_std_error=no_pooling_std_error,
    )


def _coefficients(
    fit: Fit, which: int, random: RandomEffects
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Beta + b_j by term, with standard errors from the joint covariances, each (J, c)."""
    terms = (
        *fit.coefficients,
        *dict.fromkeys(term for term in random.terms if term not in fit.coefficients),
    )
    # Rows select: term = x_pick @ beta + z_pick @ b.
    x_pick = np.array([[term == name for name in fit.coefficients] for term in terms], dtype=float)
    z_pick = np.array([[term == name for name in random.terms] for term in terms], dtype=float)
    x_pick = x_pick.reshape(len(terms), -1)
    coefficients = x_pick @ fit.beta + random.modes @ z_pick.T
    units, n = fit.units, len(random.levels)
    z = [np.zeros((n * len(terms), len(own.terms))) for own in fit.random]
    index = [np.zeros(n * len(terms), dtype=np.intp) for _ in fit.random]
    z[which] = np.tile(z_pick @ units.z[which], (n, 1))
    index[which] = np.repeat(np.arange(n), len(terms))
    own = lines(fit, np.tile(x_pick @ units.x, (n, 1)), z, index)
    return terms, coefficients, units.y * np.sqrt(own.variance).reshape(n, -1)


def _no_pooling(fit: Fit, which: int, random: RandomEffects) -> tuple[Floats, Floats]:
    """Each level's own intercept by least squares: y ~ 0 + level + X, from the cross-products.

    The other predictors have one slope for all levels; those that do not vary within levels are
    aliased and drop out.
    """
    products = fit.products
    nothing = np.full(len(random.levels), np.nan)
    if INTERCEPT not in random.terms:
        return nothing, nothing
    own = Within.of(fit, which, random.terms.index(INTERCEPT))
    weight, mean, within, slopes = own.weight, own.mean, own.products, own.slopes
    df = products.n - len(random.levels) - len(slopes)
    columns = np.append(slopes, len(products.mm) - 1)
    upper = dense_cholesky(within[np.ix_(columns, columns)])
    if df <= 0 or upper is None:
        return nothing, nothing
    inverse = triangular_inverse(upper[:-1, :-1])
    beta = inverse @ upper[:-1, -1]
    sigma = upper[-1, -1] / np.sqrt(df)
    # The intercept is where the predictors are zero, which is -centre / scale in the pilots' units.
    pilot = products.pilot
    at = mean[:, slopes] + pilot.centre[slopes] / pilot.scale[slopes]
    estimate = mean[:, -1] - at @ beta
    variance = 1.0 / weight + np.square(at @ inverse).sum(axis=1)
    return (
        estimate * pilot.scale[-1] + pilot.centre[-1],
        np.sqrt(variance) * sigma * pilot.scale[-1],
    )
