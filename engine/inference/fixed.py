"""The table of fixed effects: estimates, errors, degrees of freedom, p values, intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from msgspec import Struct

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.approximation import Approximation
from engine.inference.denominator import approximation
from engine.table import Floats


@dataclass(frozen=True, slots=True)
class FixedEffect:
    """A row of the table; ``df`` and ``p_value`` are ``None`` where they are not asked for.

    Without degrees of freedom the interval has normal quantiles, otherwise those of t. With those
    of Kenward and Roger ``std_error`` is from their adjusted covariance.
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
        df: "satterthwaite", "kenward-roger" (REML fits), "residual" (n - p) or "none" (no p values,
            normal quantiles).
        level: of the intervals, between 0 and 1.

    Raises:
        SpecError: an option is not one of those offered, or does not go with the fit.
    """
    require_level(level)
    own = wald(fit, approximation(fit, df), np.eye(len(fit.beta)))
    lower, upper = own.interval(
        -t_quantiles((1.0 - level) / 2.0, own.df)  # the lower tail keeps its digits
    )
    without = np.isinf(own.df)
    return tuple(
        FixedEffect(
            term=term,
            estimate=float(own.estimate[i]),
            std_error=float(own.std_error[i]),
            df=None if without[i] else float(own.df[i]),
            t_value=float(own.t_value[i]),
            p_value=None if without[i] else float(own.p_value[i]),
            lower=float(lower[i]),
            upper=float(upper[i]),
        )
        for i, term in enumerate(fit.coefficients)
    )


class Wald(Struct, frozen=True):
    """Estimates of c linear functions of the fixed effects, and their tests; all (c,).

    ``df`` is infinite, and the p values those of the normal distribution, without degrees of
    freedom.
    """

    estimate: Floats
    std_error: Floats
    df: Floats
    t_value: Floats
    p_value: Floats

    def interval(self, quantiles: Floats) -> tuple[Floats, Floats]:
        """The interval of each, so many standard errors to both sides."""
        margin = quantiles * self.std_error
        return self.estimate - margin, self.estimate + margin


def wald(fit: Fit, by: Approximation, contrasts: Floats, against: Floats | float = 0.0) -> Wald:
    """Estimate contrasts (c, p), none of zeros alone, and test each against a value."""
    estimate = contrasts @ fit.beta
    std_error = np.sqrt(np.einsum("cp,pq,cq->c", contrasts, by.covariance, contrasts))
    df = by.degrees_of_freedom(contrasts)
    t_value = (estimate - against) / std_error
    return Wald(estimate, std_error, df, t_value, two_sided(t_value, df))


def two_sided(t: Floats, df: Floats) -> Floats:
    """P values of t; of the normal distribution where the degrees of freedom are infinite."""
    finite = np.isfinite(df)
    tail = np.where(
        finite,
        scipy.special.stdtr(np.where(finite, df, 1.0), -np.abs(t)),
        scipy.special.ndtr(-np.abs(t)),
    )
    return 2.0 * tail


def t_quantiles(probability: float | Floats, df: Floats) -> Floats:
    """Quantiles of t with the given degrees of freedom; of the normal where they are infinite."""
    finite = np.isfinite(df)
    return np.where(
        finite,
        scipy.special.stdtrit(np.where(finite, df, 1.0), probability),
        scipy.special.ndtri(probability),
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
