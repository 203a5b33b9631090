"""The table of fixed effects: estimates, errors, degrees of freedom, p values, intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import special

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.satterthwaite import degrees_of_freedom
from engine.table import Floats

DegreesOfFreedom = Literal["satterthwaite", "residual", "none"]


@dataclass(frozen=True, slots=True)
class FixedEffect:
    """A row of the table; ``df`` and ``p_value`` are ``None`` where they are not asked for.

    Without degrees of freedom the interval has normal quantiles, otherwise those of t.
    """

    term: str
    estimate: float
    std_error: float
    df: float | None
    t_value: float
    p_value: float | None
    lower: float
    upper: float


def fixed_effects(
    fit: Fit, *, df: str = "satterthwaite", level: float = 0.95
) -> tuple[FixedEffect, ...]:
    """The table of fixed effects with Wald intervals.

    Args:
        fit: the model.
        df: "satterthwaite", "residual" (n - p) or "none" (no p values, normal quantiles).
        level: of the intervals, between 0 and 1.

    Raises:
        SpecError: an option is not one of those offered.
    """
    require_level(level)
    if df not in get_args(DegreesOfFreedom):
        offered = ", ".join(get_args(DegreesOfFreedom))
        raise SpecError(
            Problem(
                "unknown_option", f"df is not one of {offered}", f"use one of {offered}", ("df",)
            )
        )
    if df == "satterthwaite":
        dfs = degrees_of_freedom(fit)
    else:
        residual = float(fit.n_rows - len(fit.beta))
        dfs = np.full(len(fit.beta), residual if df == "residual" else np.inf)
    errors = fit.std_errors
    t_values = fit.beta / errors
    quantiles = -t_quantiles((1.0 - level) / 2.0, dfs)  # the lower tail keeps its digits
    p_values = 2.0 * special.stdtr(np.where(np.isinf(dfs), 1.0, dfs), -np.abs(t_values))
    return tuple(
        FixedEffect(
            term=term,
            estimate=estimate,
            std_error=error,
            df=None if math.isinf(own_df) else own_df,
            t_value=t_value,
            p_value=None if math.isinf(own_df) else p_value,
            lower=estimate - quantile * error,
            upper=estimate + quantile * error,
        )
        for term, estimate, error, own_df, t_value, p_value, quantile in zip(
            fit.coefficients,
            fit.beta.tolist(),
            errors.tolist(),
            dfs.tolist(),
            t_values.tolist(),
            p_values.tolist(),
            quantiles.tolist(),
            strict=True,
        )
    )


def t_quantiles(probability: float, df: Floats) -> Floats:
    """Quantiles of t with the given degrees of freedom; of the normal where they are infinite."""
    finite = np.isfinite(df)
    return np.where(
        finite, special.stdtrit(np.where(finite, df, 1.0), probability), special.ndtri(probability)
    )


def require_level(level: float) -> None:
    """Refuse a level that is no probability.

    Raises:
        SpecError: it is not strictly between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise SpecError(
            Problem(
                "bad_level",
                "level is not between 0 and 1",
                "use 0.95 for 95 % intervals",
                ("level",),
            )
        )
