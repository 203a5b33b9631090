"""Intervals of the fixed effects other than Wald's: by profiles, by the parametric bootstrap.

Pure, of a fit and what is asked of it. What may take long is told to ``progress``, which ends it by
raising.
"""

from __future__ import annotations

from typing import TypeAlias

from engine import Fit, Parameter, Progress, bootstrap, profile
from service.schemas.inference import FixedEffectsQuery

Ends: TypeAlias = tuple[float | None, float | None]


def fixed_intervals(fit: Fit, asked: FixedEffectsQuery, progress: Progress) -> dict[str, Ends]:
    """Return the ends of the interval of each fixed effect."""
    found: dict[Parameter, Ends]
    if asked.interval == "profile":
        curves = profile(fit, names=fit.coefficients, level=asked.level, progress=progress)
        found = {own.parameter: (own.lower, own.upper) for own in curves}
    else:
        drawn = bootstrap(
            fit, n_sim=asked.n_sim, seed=asked.seed, level=asked.level, progress=progress
        ).intervals
        found = {own.parameter: (own.lower, own.upper) for own in drawn}
    return {parameter.name: ends for parameter, ends in found.items() if parameter.kind == "fixed"}
