"""Intervals other than Wald's of the fixed effects: pure, of a fit and what is asked of it.

What may take long is told to ``progress``, which ends it by raising; or it has been made in pieces
beforehand: profiles of single parameters, some of the replicates of a bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TypeAlias

from engine import (
    Bootstrap,
    BootstrapInterval,
    Fit,
    Interval,
    Parameter,
    Profile,
    Progress,
    bootstrap,
    chunks,
    parameters,
    profile,
    replicates,
)
from engine import Replicates as Drawn
from engine import variance_intervals as intervals
from service.schemas.inference import FixedEffectsQuery
from service.schemas.intervals import (
    FixedIntervals,
    Replicates,
    VarianceParameters,
    VarianceQuery,
    VarianceRow,
)

Query: TypeAlias = FixedEffectsQuery | VarianceQuery
Piece: TypeAlias = str | tuple[int, int]
"""The name of a parameter, or the indices from and up to which replicates are drawn."""
Made: TypeAlias = Profile | Drawn


def pieces(fit: Fit, asked: Query) -> list[Piece]:
    """Return the pieces that an answer can be made in; those of profiles, in their order."""
    if asked.interval == "bootstrap":
        return [*chunks(asked.n_sim)]
    fixed = isinstance(asked, FixedEffectsQuery)
    return [own.name for own in parameters(fit) if (own.kind == "fixed") == fixed]


def made(fit: Fit, asked: Query, piece: Piece, progress: Progress) -> Made:
    """Return one piece of an answer."""
    if isinstance(piece, str):
        (found,) = profile(fit, names=[piece], level=asked.level, progress=progress)
        return found
    return replicates(fit, *piece, asked.seed, progress=progress)


def fixed_intervals(
    fit: Fit, asked: FixedEffectsQuery, progress: Progress, ready: Sequence[Made] = ()
) -> FixedIntervals:
    """Return the ends of the interval of each fixed effect, by profiles or by the bootstrap."""
    drawn = None
    found: Sequence[Profile | BootstrapInterval]
    profiles, draws = _sorted(ready)
    if asked.interval == "profile":
        names, level = fit.coefficients, asked.level
        found = profiles or profile(fit, names=names, level=level, progress=progress)
    else:
        drawn = bootstrap(
            fit,
            n_sim=asked.n_sim,
            seed=asked.seed,
            level=asked.level,
            drawn=draws,
            progress=progress,
        )
        found = drawn.intervals
    ends = {
        own.parameter.name: (own.lower, own.upper) for own in found if own.parameter.kind == "fixed"
    }
    return FixedIntervals(ends=ends, bootstrap=_replicates(drawn))


def variance_parameters(
    fit: Fit, asked: VarianceQuery, progress: Progress, ready: Sequence[Made] = ()
) -> VarianceParameters:
    """Return the variance parameters with the intervals asked for."""
    profiles, draws = _sorted(ready)
    found = intervals(
        fit,
        asked.interval,
        level=asked.level,
        scale=asked.scale,
        n_sim=asked.n_sim,
        seed=asked.seed,
        profiles=profiles,
        drawn=draws,
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


def _sorted(ready: Sequence[Made]) -> tuple[list[Profile] | None, list[Drawn] | None]:
    """The pieces of either kind, ``None`` where there are none."""
    profiles = [own for own in ready if isinstance(own, Profile)]
    return profiles or None, [own for own in ready if isinstance(own, Drawn)] or None


def _fields(found: Interval | Parameter) -> dict[str, object]:
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _replicates(drawn: Bootstrap | None) -> Replicates | None:
    return None if drawn is None else Replicates.showing(drawn)
