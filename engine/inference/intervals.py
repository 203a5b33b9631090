"""Intervals of a model's parameters by any method, as one table.

Profiles (``profile``), percentiles of the bootstrap (``bootstrap``), or Wald's (``asymptotic``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.asymptotic import asymptotic
from engine.inference.bootstrap import Bootstrap, Replicates, bootstrap
from engine.inference.fixed import require_level
from engine.inference.parameters import Parameter, parameters, values, vanishing
from engine.inference.profile import Profile, profile
from engine.progress import Progress, silent

IntervalMethod = Literal["profile", "bootstrap", "wald"]
Scale = Literal["sd", "variance"]

LIMITS: Final = {
    "sd": (0.0, math.inf),
    "sigma": (0.0, math.inf),
    "correlation": (-1.0, 1.0),
    "fixed": (-math.inf, math.inf),
}
"""What a parameter can be, by its kind."""

UNDECIDED: Final = "the data do not speak against any correlation"
NOT_EXCLUDED: Final = (
    "it ends at the limit of what the parameter can be: the data do not speak against that"
)
TOO_FEW: Final = "in most replicates the parameter does not exist"
AT_LIMIT: Final = (
    "the estimate is at the limit of what it can be, or too near it: there is no Wald interval"
)


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval of one parameter.

    Attributes:
        parameter: which; on the variance scale its name begins with ``var_``, or is ``sigma^2``.
        estimate: of the fit, by its own criterion; ``None`` for the correlation of an effect that
            does not vary.
        lower, upper: ends; ``None`` where there is none.
        lower_at_limit, upper_at_limit: whether an end is the limit of what the parameter can be
            (0; -1 or 1).
        reason: why an end is missing or says nothing; ``None`` where none is.
    """

    parameter: Parameter
    estimate: float | None
    lower: float | None
    upper: float | None
    lower_at_limit: bool
    upper_at_limit: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of several parameters.

    Attributes:
        method: how they were found.
        level: of all of them.
        items: one per parameter.
        bootstrap: the replicates; ``None`` for other methods.
    """

    method: IntervalMethod
    level: float
    items: tuple[Interval, ...]
    bootstrap: Bootstrap | None


def variance_intervals(
    fit: Fit,
    method: str = "profile",
    *,
    level: float = 0.95,
    scale: str = "sd",
    n_sim: int = 1000,
    seed: int = 0,
    executor: Executor | None = None,
    profiles: Sequence[Profile] | None = None,
    drawn: Iterable[Replicates] | None = None,
    progress: Progress = silent,
) -> Intervals:
    """Intervals of standard deviations and correlations of random effects, and of sigma.

    Args:
        fit: the model.
        method: "profile" (of the ML likelihood, as lme4's ``confint``), "bootstrap" (percentiles of
            the model fitted again by its own criterion) or "wald".
        level: of the intervals.
        scale: "sd", or "variance" for the squares of standard deviations; correlations stay.
        n_sim: replicates of the bootstrap.
        seed: of their draws.
        executor: where they run, see ``bootstrap``.
        profiles: of these parameters in their order, when they have been made elsewhere.
        drawn: likewise the replicates of the bootstrap.
        progress: told as the work goes on; raise from it to cancel.

    Raises:
        SpecError: an option is not one of those offered.
        LimitError: ``n_sim`` or the seed is out of range.
    """
    require_level(level)
    _require("method", method, get_args(IntervalMethod))
    _require("scale", scale, get_args(Scale))
    wanted = tuple(own for own in parameters(fit) if own.kind != "fixed")
    sampled = None
    match method:
        case "profile":
            if profiles is None:
                names = [own.name for own in wanted]
                profiles = profile(fit, names=names, level=level, progress=progress)
            found = [_between(own.parameter, own.lower, own.upper, "") for own in profiles]
        case "bootstrap":
            sampled = bootstrap(
                fit,
                n_sim=n_sim,
                seed=seed,
                level=level,
                executor=executor,
                drawn=drawn,
                progress=progress,
            )
            found = [
                _between(own.parameter, own.lower, own.upper, TOO_FEW)
                for own in sampled.intervals
                if own.parameter.kind != "fixed"
            ]
        case _:
            ends = asymptotic(fit, wanted, level)
            found = [
                _between(own, lower, upper, AT_LIMIT)
                for own, (lower, upper) in zip(wanted, ends, strict=True)
            ]
    items = _with_estimates(fit, found)
    if scale == "variance":
        items = [_squared(own) for own in items]
    return Intervals(method, level, tuple(items), sampled)  # type: ignore[arg-type]  # checked above


def _require(name: str, value: str, offered: tuple[str, ...]) -> None:
    if value not in offered:
        shown = ", ".join(offered)
        raise SpecError(
            Problem("unknown_option", f"{name} is not one of {shown}", f"use {shown}", (name,))
        )


def _with_estimates(fit: Fit, found: list[Interval]) -> list[Interval]:
    wanted = [own.parameter for own in found]
    estimates = values(wanted, [own.covariance for own in fit.random], fit.sigma, fit.beta)
    vanish = vanishing(fit)
    return [
        own
        if own.parameter.kind == "correlation" and vanish[at[0]][list(at[1:])].any()
        else replace(own, estimate=float(estimate))
        for own, at, estimate in zip(found, [each.at for each in wanted], estimates, strict=True)
    ]


def _between(
    parameter: Parameter, lower: float | None, upper: float | None, missing: str
) -> Interval:
    """An interval still without its estimate; ``missing`` says why its ends would be."""
    least, most = LIMITS[parameter.kind]
    at_limit = lower == least, upper == most
    reason = None
    if lower is None:
        reason = missing
    elif any(at_limit):
        reason = UNDECIDED if all(at_limit) else NOT_EXCLUDED
    return Interval(parameter, None, lower, upper, *at_limit, reason)


def _squared(own: Interval) -> Interval:
    parameter = own.parameter
    match parameter.kind:
        case "sd":
            name = "var" + parameter.name.removeprefix("sd")
        case "sigma":
            name = "sigma^2"
        case _:
            return own
    estimate, lower, upper = (
        None if value is None else value**2 for value in (own.estimate, own.lower, own.upper)
    )
    parameter = replace(parameter, name=name)
    return replace(own, parameter=parameter, estimate=estimate, lower=lower, upper=upper)
