"""Differences between all pairs of estimated marginal means, with p values for so many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from engine.errors import LimitError, Problem, SpecError
from engine.fit import Fit
from engine.inference import studentized
from engine.inference.denominator import approximation
from engine.inference.fixed import Wald, require_level, t_quantiles
from engine.inference.means import Grid, estimate
from engine.table import Floats

Adjustment = Literal["tukey", "holm", "none"]

MAX_MEANS = 100
"""Most means whose pairs are compared: 4,950 of them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two estimated marginal means, first - second.

    All numbers are NaN where the data do not determine it.

    Attributes:
        first, second: the levels of both, one per factor asked for.
        estimate, std_error: the difference.
        df: degrees of freedom; ``None`` for the normal distribution.
        t_value: estimate / std_error.
        p_value: two-sided, adjusted.
        lower, upper: interval, adjusted.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    estimate: float
    std_error: float
    df: float | None
    t_value: float
    p_value: float
    lower: float
    upper: float


def pairwise_differences(
    fit: Fit,
    factors: Sequence[str],
    *,
    at: Mapping[str, float] | None = None,
    df: str = "satterthwaite",
    level: float = 0.95,
    adjust: str = "tukey",
) -> tuple[Difference, ...]:
    """All differences between the means of :func:`marginal_means`.

    Args:
        fit: the model.
        factors: columns that are factors in the fixed effects.
        at: values at which numeric columns are held, in place of their means.
        df: "satterthwaite", "kenward-roger", "residual" or "none".
        level: of the intervals, all together unless ``adjust`` is "none".
        adjust: "tukey" (studentized range), "holm" (its intervals are Bonferroni's) or "none". A
            single pair is not adjusted.

    Raises:
        SpecError: a column is no factor of the model, or an option is wrong.
        LimitError: more than ``MAX_MEANS`` means.
    """
    require_level(level)
    if adjust not in get_args(Adjustment):
        offered = ", ".join(get_args(Adjustment))
        raise SpecError(
            Problem(
                "unknown_option",
                f"adjust is not one of {offered}",
                f"use one of {offered}",
                ("adjust",),
            )
        )
    grid = Grid.of(fit, factors, at or {})
    k = len(grid.levels)
    _require_few(k)
    pairs = list(combinations(range(k), 2))
    rows = np.array([grid.rows[i] - grid.rows[j] for i, j in pairs]).reshape(len(pairs), -1)
    own = estimate(fit, approximation(fit, df), rows)
    p_values, quantiles = _adjusted(own, k, adjust if k > 2 else "none", level)
    lower, upper = own.interval(quantiles)
    return tuple(
        Difference(
            grid.levels[i],
            grid.levels[j],
            float(own.estimate[c]),
            float(own.std_error[c]),
            None if np.isinf(own.df[c]) else float(own.df[c]),
            float(own.t_value[c]),
            float(p_values[c]),
            float(lower[c]),
            float(upper[c]),
        )
        for c, (i, j) in enumerate(pairs)
    )


def _adjusted(own: Wald, k: int, adjust: str, level: float) -> tuple[Floats, Floats]:
    """P values and quantiles of the intervals of all pairs of k means."""
    tail = 0.5 * (1.0 - level)
    if adjust == "tukey":
        ranges = np.sqrt(2.0) * np.abs(own.t_value)
        p = [studentized.survival(q, k, v) for q, v in zip(ranges, own.df, strict=True)]
        quantile = lru_cache(lambda df: studentized.quantile(level, k, df))
        return np.array(p), np.array([quantile(v) for v in own.df.tolist()]) / np.sqrt(2.0)
    if adjust == "holm":
        return _holm(own.p_value), t_quantiles(1.0 - tail / len(own.df), own.df)
    return own.p_value, t_quantiles(1.0 - tail, own.df)


def _holm(p: Floats) -> Floats:
    """Holm's p values (1979, Scand. J. Stat. 6, 65); those that are NaN count as tests too."""
    order = np.argsort(p)
    order = order[np.isfinite(p[order])]
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(order))))
    out = np.full(len(p), np.nan)
    out[order] = np.minimum(stepped, 1.0)
    return out


def _require_few(k: int) -> None:
    if k > MAX_MEANS:
        raise LimitError(
            Problem(
                "too_many_means",
                f"{k} means have too many pairs; the most is {MAX_MEANS} means",
                "ask for fewer factors at once, or for single contrasts",
                ("factors",),
            )
        )
