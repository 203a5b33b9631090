"""Means by level of a group: of the response, and of the predictors that belong to the level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.design import INTERCEPT
from engine.effects import random_effects
from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.table import Codes, Floats
from engine.within import Within


@dataclass(frozen=True, slots=True)
class LevelMeans:
    """Means of J levels, in the data's units.

    Attributes:
        group: name of the factor.
        levels: J names.
        n: rows per level (J,).
        mean: of the response less the offset (J,).
        std_error: the standard deviation within levels, the same for all of them, over the root of
            the level's weight; NaN where no row is left to estimate it; (J,).
        terms: names of the t fixed effects, intercept aside, whose columns do not vary within
            levels.
        values: of these columns (J, t).
    """

    group: str
    levels: tuple[str, ...]
    n: Codes
    mean: Floats
    std_error: Floats
    terms: tuple[str, ...]
    values: Floats


def level_means(fit: Fit, group: str) -> LevelMeans:
    """Means of the levels of a group, from the cross-products.

    Raises:
        SpecError: the model has no such group, or no intercepts that vary by it.
    """
    which, random = random_effects(fit, group)
    if INTERCEPT not in random.terms:
        detail = f"no intercepts vary by {group}"
        hint = f"fit a model with (1 | {group})"
        raise SpecError(Problem("no_intercepts", detail, hint, ("group",)))
    within = Within.of(fit, which, random.terms.index(INTERCEPT))
    pilot, df = fit.products.pilot, fit.n_rows - len(random.levels)
    means = within.mean * pilot.scale + pilot.centre
    variance = max(float(within.products[-1, -1]), 0.0) / df if df > 0 else np.nan
    names = dict(zip(fit.kept.tolist(), fit.coefficients, strict=True))
    own = [column for column in names if column and column not in set(within.varying.tolist())]
    return LevelMeans(
        group=group,
        levels=random.levels,
        n=random.rows,
        mean=means[:, -1],
        std_error=float(pilot.scale[-1]) * np.sqrt(variance / within.weight),
        terms=tuple(names[column] for column in own),
        values=means[:, own],
    )
