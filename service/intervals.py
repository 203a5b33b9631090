"""Intervals other than Wald's of the fixed effects: pure, of a fit and what is asked of it.

What may take long is told to ``progress``, which ends it by raising.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from engine import (
    Bootstrap,
    BootstrapInterval,
    Fit,
    Interval,
    Parameter,
    Profile,
    Progress,
    bootstrap,
    profile,
)
from engine import variance_intervals as intervals
from service.schemas.inference import FixedEffectsQuery
from service.schemas.intervals import (
    FixedIntervals,
    Replicates,
    VarianceParameters,
    VarianceQuery,
    VarianceRow,
)


def fixed_intervals(fit: Fit, asked: FixedEffectsQuery, progress: Progress) -> FixedIntervals:
    """Return the ends of the interval of each fixed effect, by profiles or by the bootstrap."""
    drawn = None
    found: Sequence[Profile | BootstrapInterval]
    if asked.interval == "profile":
        found = profile(fit, names=fit.coefficients, level=asked.level, progress=progress)
    else:
        drawn = bootstrap(
            fit, n_sim=asked.n_sim, seed=asked.seed, level=asked.level, progress=progress
        )
        found = drawn.intervals
    ends = {
        own.parameter.name: (own.lower, own.upper) for own in found if own.parameter.kind == "fixed"
    }
    return FixedIntervals(ends=ends, bootstrap=_replicates(drawn))


def variance_parameters(fit: Fit, asked: VarianceQuery, progress: Progress) -> VarianceParameters:
    """Return the variance parameters with the intervals asked for."""
    found = intervals(
        fit,
        asked.interval,
        level=asked.level,
        scale=asked.scale,
        n_sim=asked.n_sim,
        seed=asked.seed,
        progress=progress,
    )
    return VarianceParameters(
        level=asked.level,
        scale=asked.scale,
        items=[
            VarianceRow.showing(
                {**_fields(own.parameter), **_fields(own), "method": asked.interval}
            )
            for own in found.items
        ],
        bootstrap=_replicates(found.bootstrap),
    )


def _fields(found: Interval | Parameter) -> dict[str, object]:
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _replicates(drawn: Bootstrap | None) -> Replicates | None:
    return None if drawn is None else Replicates.showing(drawn)
