"""Linear contrasts of the fixed effects: estimates, tests and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.denominator import approximation
from engine.inference.fixed import require_level, t_quantiles, wald
from engine.table import Floats


@dataclass(frozen=True, slots=True)
class Contrast:
    """A linear function of the fixed effects, L beta, and its test against a value.

    Attributes:
        estimate: L beta.
        std_error: of the estimate.
        df: degrees of freedom of t; ``None`` for the normal distribution.
        t_value: (estimate - value) / std_error.
        p_value: two-sided.
        lower, upper: interval for L beta.
    """

    estimate: float
    std_error: float
    df: float | None
    t_value: float
    p_value: float
    lower: float
    upper: float


def contrast(
    fit: Fit,
    L: ArrayLike,
    rhs: float | Sequence[float] = 0.0,
    *,
    df: str = "satterthwaite",
    level: float = 0.95,
) -> tuple[Contrast, ...]:
    """Estimate rows of L times beta, each with its own test and interval.

    Args:
        fit: the model.
        L: one row per contrast, a number for each of ``fit.coefficients``: (c, p), or (p,).
        rhs: the value that each is tested against, one for all or (c,).
        df: "satterthwaite", "kenward-roger", "residual" or "none".
        level: of the intervals, between 0 and 1.

    Raises:
        SpecError: shapes do not fit, a row is all zeros, or an option is wrong.
    """
    require_level(level)
    rows, values = hypothesis(fit, L, rhs)
    own = wald(fit, approximation(fit, df), rows, values)
    lower, upper = own.interval(-t_quantiles((1.0 - level) / 2.0, own.df))
    return tuple(
        Contrast(estimate, error, None if np.isinf(own_df) else own_df, t, p, low, high)
        for estimate, error, own_df, t, p, low, high in zip(
            own.estimate.tolist(),
            own.std_error.tolist(),
            own.df.tolist(),
            own.t_value.tolist(),
            own.p_value.tolist(),
            lower.tolist(),
            upper.tolist(),
            strict=True,
        )
    )


def hypothesis(fit: Fit, L: ArrayLike, rhs: float | Sequence[float]) -> tuple[Floats, Floats]:
    """L beta = rhs as arrays (c, p) and (c,).

    Raises:
        SpecError: shapes do not fit, a value is not finite or a row is all zeros.
    """
    p = len(fit.beta)
    try:
        rows = np.atleast_2d(np.asarray(L, dtype=np.float64))
        values = np.broadcast_to(np.asarray(rhs, dtype=np.float64), rows.shape[:1])
    except (TypeError, ValueError):
        raise SpecError(_shape(p)) from None
    if rows.ndim != 2 or rows.shape[1] != p or not len(rows):
        raise SpecError(_shape(p))
    if not (np.isfinite(rows).all() and np.isfinite(values).all()):
        raise SpecError(
            Problem("bad_contrast", "a contrast is not finite", "use finite numbers", ("L",))
        )
    if not rows.any(axis=1).all():
        raise SpecError(
            Problem("bad_contrast", "a contrast is all zeros", "leave the row out", ("L",))
        )
    return rows, values


def _shape(p: int) -> Problem:
    return Problem(
        "bad_contrast",
        f"a contrast is {p} numbers, one for each coefficient, and rhs one for each contrast",
        "the coefficients are in the order of the table of fixed effects",
        ("L",),
    )
