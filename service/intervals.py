"""Intervals of the fixed effects other than Wald's: by profiles, by the parametric bootstrap."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine import Fit, LimitError, Problem, bootstrap, profile
from service.schemas.inference import FixedEffectsQuery

Ends = tuple[float | None, float | None]


def intervals_of(fit: Fit, asked: FixedEffectsQuery, seconds: float) -> dict[str, Ends]:
    """Return the ends of the interval of each fixed effect.

    Raises ``LimitError`` when they take longer than ``seconds``: then the work has ended.
    """
    until = _until(seconds)
    if asked.interval == "profile":
        curves = profile(fit, names=fit.coefficients, level=asked.level, progress=until)
        return {
            own.parameter.name: (own.lower, own.upper)
            for own in curves
            if own.parameter.kind == "fixed"
        }
    drawn = bootstrap(
        fit, n_sim=asked.n_sim, seed=asked.seed, level=asked.level, progress=until
    ).intervals
    return {
        own.parameter.name: (own.lower, own.upper) for own in drawn if own.parameter.kind == "fixed"
    }


def _until(seconds: float) -> Callable[[float, str], None]:
    """Return what ends a computation that has not come to its end after so many seconds."""
    end = time.monotonic() + seconds

    def check(done: float, _: str) -> None:
        if done < 1.0 and time.monotonic() > end:
            raise LimitError(
                Problem(
                    "too_slow",
                    f"these intervals take longer than {seconds:g} seconds",
                    "ask for fewer replicates (n_sim), or for Wald intervals",
                    ("interval",),
                )
            )

    return check
