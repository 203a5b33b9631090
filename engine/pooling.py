"""Complete pooling, no pooling and partial pooling of the levels of a group, side by side.

For a model with one grouping factor the three are computed from the same cross-products:

    complete  y ~ X            one line for all levels
    none      y ~ 0 + level + X    a line for each level, by its own rows alone
    partial   y ~ X + (1 | level)  the model itself: between the two, nearer to the level's own
                                   line the more rows it has

(Gelman, Hill 2007, Data Analysis Using Regression and Multilevel/Hierarchical Models, chapter 12.)
What is compared is the line of each level where the predictors that vary within levels are zero;
predictors of the level itself have the level's own value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.cholesky import dense_cholesky, triangular_inverse
from engine.design import INTERCEPT
from engine.effects import group_effects, random_effects
from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.lines import lines
from engine.table import Codes, Floats
from engine.within import CONSTANT, Within


@dataclass(frozen=True, slots=True)
class Pooling:
    """The lines of J levels in three ways, in the data's units, each (J,).

    Attributes:
        group: name of the factor.
        levels: J names.
        n: rows per level.
        pooling_weight: the weight of the level's own rows in partial pooling: 0 complete, 1 none.
        complete, complete_std_error: least squares without random terms; NaN where no row is left
            to estimate the error. The same for all levels unless the model has predictors of the
            level.
        none, none_std_error: least squares with all levels as fixed effects; NaN likewise.
        partial, partial_std_error: of the model, fixed and random effects jointly.
    """

    group: str
    levels: tuple[str, ...]
    n: Codes
    pooling_weight: Floats
    complete: Floats
    complete_std_error: Floats
    none: Floats
    none_std_error: Floats
    partial: Floats
    partial_std_error: Floats


def pooling(fit: Fit, group: str) -> Pooling:
    """Compare the three ways of pooling.

    Raises:
        SpecError: the model has no such group, several groups, or no intercept, fixed and by
            level, to compare.
    """
    which, random = random_effects(fit, group)
    _require_comparable(fit, random.terms)
    intercept = random.terms.index(INTERCEPT)
    within = Within.of(fit, which, intercept)
    x = _x(fit, within)
    index = np.arange(len(random.levels))
    own = lines(fit, x, [_z(fit, intercept)], [index])
    effects = group_effects(fit, group)
    complete, complete_std_error = _least_squares(fit, x)
    return Pooling(
        group=group,
        levels=random.levels,
        n=random.rows,
        pooling_weight=effects.pooling_weight,
        complete=complete,
        complete_std_error=complete_std_error,
        none=effects.no_pooling,
        none_std_error=effects.no_pooling_std_error,
        partial=fit.units.y * own.estimate + fit.y_centre,
        partial_std_error=fit.units.y * np.sqrt(own.variance),
    )


def _require_comparable(fit: Fit, terms: tuple[str, ...]) -> None:
    if len(fit.random) != 1:
        detail = "pooling is compared for models with one grouping factor"
        hint = "fit the model with this group alone"
    elif INTERCEPT not in terms or INTERCEPT not in fit.coefficients:
        detail = "there are no intercepts to compare"
        hint = "fit a model with an intercept and (1 | group)"
    else:
        return
    raise SpecError(Problem("not_comparable", detail, hint, ("formula",)))


def _x(fit: Fit, within: Within) -> Floats:
    """The row of X of each level, in the pilots' units, (J, p)."""
    pilot = fit.products.pilot
    x = np.array(within.mean)
    x[:, within.varying] = -(pilot.centre / pilot.scale)[within.varying]
    return x[:, fit.kept]


def _z(fit: Fit, intercept: int) -> Floats:
    """The row of Z of each level, in the pilots' units, (J, k)."""
    group = fit.products.groups[0]
    weight = group.zz[:, intercept, intercept]
    mean = group.zz[:, intercept, :] / weight[:, None]
    squares = np.diagonal(group.zz, axis1=1, axis2=2)
    deviations = (squares - mean**2 * weight[:, None]).sum(axis=0)
    varies = deviations > CONSTANT * squares.sum(axis=0)
    return np.where(varies, -group.pilot.centre / group.pilot.scale, mean)


def _least_squares(fit: Fit, x: Floats) -> tuple[Floats, Floats]:
    """Lines x beta of least squares without random terms, and their standard errors."""
    columns = np.append(fit.kept, len(fit.products.mm) - 1)
    upper = dense_cholesky(fit.products.mm[np.ix_(columns, columns)])
    df = fit.n_rows - len(fit.kept)
    if upper is None or df <= 0:
        return np.full(len(x), np.nan), np.full(len(x), np.nan)
    half = x @ triangular_inverse(upper[:-1, :-1])
    sigma = upper[-1, -1] / np.sqrt(df)
    estimate = half @ upper[:-1, -1]
    std_error = sigma * np.sqrt(np.square(half).sum(axis=1))
    return fit.units.y * estimate + fit.y_centre, fit.units.y * std_error
