"""Profile-likelihood intervals, as lme4's ``confint(profile(fit))``.

With dev(x) the smallest ML deviance when a parameter is held at x, the signed root

    zeta(x) = sign(x - x^) sqrt(dev(x) - dev(x^))

is standard normal in large samples, and an interval ends where it is a normal quantile (Bates,
Maechler, Bolker, Walker 2015, J. Stat. Softw. 67(1), section 5.1; Bates, Watts 1988, Nonlinear
Regression Analysis, chapter 6). As in lme4 the deviance is that of ML, for a REML fit too, so
estimates and intervals are those of ML. Where zeta does not reach the quantile before the parameter
reaches the limit of what it can be, the interval ends there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from msgspec import Struct, field

from engine.descent import Optimum, descend
from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.deviance import Optimal
from engine.inference.fixed import require_level
from engine.inference.held import Held, hold
from engine.inference.parameters import Parameter, parameters
from engine.progress import Progress, part, silent, steps
from engine.table import Floats

ACCURACY = 1e-7
"""How close zeta comes to the quantile at an end."""
MAX_STEPS = 60
BEYOND = 1.25
"""How far a curve goes, in lengths from the estimate to the ends of the interval."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of one parameter.

    Attributes:
        parameter: which.
        estimate: of ML; NaN for the correlation of an effect that does not vary.
        lower, upper: ends of the interval.
        lower_at_limit, upper_at_limit: whether an end is the limit of what the parameter can be
            (0; -1 or 1) because the data do not speak against it.
        values: the points of the curve, (c,); empty when none was asked for.
        zeta: the signed root there, (c,).
    """

    parameter: Parameter
    estimate: float
    lower: float
    upper: float
    lower_at_limit: bool
    upper_at_limit: bool
    values: Floats
    zeta: Floats


def profile(
    fit: Fit,
    *,
    names: Sequence[str] | None = None,
    level: float = 0.95,
    points: int = 0,
    progress: Progress = silent,
) -> tuple[Profile, ...]:
    """Profile parameters of a model by their ML deviance.

    Args:
        fit: the model, fitted by REML or ML.
        names: of the parameters wanted, see ``parameters``; all when ``None``.
        level: of the intervals.
        points: of the curve on either side of the estimate; 0 for intervals alone.
        progress: told before every step; raise from it to cancel.

    Raises:
        SpecError: a name is not a parameter's, the level is no probability.
    """
    require_level(level)
    wanted = _chosen(parameters(fit), names)
    optimal = Optimal.of(fit)
    quantile = float(scipy.special.ndtri(0.5 + level / 2.0))
    out = []
    for i, parameter in enumerate(wanted):
        own = part(progress, i / len(wanted), (i + 1) / len(wanted))
        step = steps(own, f"profile of {parameter.name}")
        held = hold(optimal, parameter)
        out.append(
            _of_nothing(parameter)
            if held is None
            else _Search(held, optimal.deviance, step).profile(parameter, quantile, points)
        )
    progress(1.0, "profiled")
    return tuple(out)


def _chosen(every: tuple[Parameter, ...], names: Sequence[str] | None) -> list[Parameter]:
    if names is None:
        return list(every)
    unknown = [name for name in names if name not in {parameter.name for parameter in every}]
    if unknown:
        shown = ", ".join(parameter.name for parameter in every)
        raise SpecError(
            *(
                Problem(
                    "unknown_parameter",
                    f"the model has no parameter {name}",
                    f"the parameters are {shown}",
                    ("names", names.index(name)),
                )
                for name in unknown
            )
        )
    return [parameter for parameter in every if parameter.name in names]


def _value(end: Optimum) -> float:
    return end.value


def _of_nothing(parameter: Parameter) -> Profile:
    """Of a correlation with an effect that does not vary: it can be anything."""
    return Profile(parameter, math.nan, -1.0, 1.0, True, True, np.empty(0), np.empty(0))


class _Search(Struct, frozen=True, dict=True):
    """Points of one profile; each search of the free parameters starts from the nearest one's end.

    Held at some correlations the deviance has a second dip, where an effect vanishes.

    Attributes:
        held: the parameter.
        deviance: at the optimum.
        step: called before every point.
        found: coordinate and free parameters of the points so far.
    """

    held: Held
    deviance: float
    step: Callable[[], None]
    found: list[tuple[float, Floats]] = field(default_factory=list)

    def profile(self, parameter: Parameter, quantile: float, points: int) -> Profile:
        held = self.held
        self.found.append((held.at_optimum, held.start))
        lower, lower_limit = self.end(-1.0, quantile)
        upper, upper_limit = self.end(1.0, quantile)
        grid, zeta = self.curve(lower, upper, points)
        return Profile(
            parameter=parameter,
            estimate=held.value(held.at_optimum),
            lower=held.value(lower),
            upper=held.value(upper),
            lower_at_limit=lower_limit,
            upper_at_limit=upper_limit,
            values=np.array([held.value(x) for x in grid]),
            zeta=zeta,
        )

    def zeta(self, x: float) -> float:
        """The signed root at a coordinate; infinite where there is no deviance."""
        self.step()
        objective, best = self.held.objective(x), self.held.start
        if len(best):
            end = min((descend(objective, start) for start in self.starts(x)), key=_value)
            value = end.value
            self.found.append((x, end.theta))
        else:
            here = objective(best)
            value = math.inf if here is None else here.value
        return math.copysign(math.sqrt(max(0.0, value - self.deviance)), x - self.held.at_optimum)

    def starts(self, x: float) -> list[Floats]:
        """Where to search from: the end of the nearest point, and the optimum where it matters."""
        _, nearest = min(self.found, key=lambda point: abs(point[0] - x))
        if nearest is self.held.start or not self.held.can_vanish:
            return [nearest]
        return [nearest, self.held.start]

    def end(self, side: float, quantile: float) -> tuple[float, bool]:
        """Where zeta reaches the quantile on one side, or the limit when it does not."""
        origin, limit = self.held.at_optimum, self.held.limits[int(side > 0.0)]
        reach = math.inf
        if math.isfinite(limit):
            if origin == limit or abs(self.zeta(limit)) <= quantile:
                return limit, True
            reach = abs(limit - origin)
        return origin + side * self._crossing(side, quantile, reach), False

    def _crossing(self, side: float, quantile: float, reach: float) -> float:
        """The distance at which zeta is the quantile: secants, kept within what brackets it."""
        origin = self.held.at_optimum
        before, zeta_before, low, high = 0.0, 0.0, 0.0, reach
        x = min(self.held.step, 0.5 * reach)
        for _ in range(MAX_STEPS):
            zeta = abs(self.zeta(origin + side * x))
            if abs(zeta - quantile) < ACCURACY or high - low < 1e-13 * (abs(origin) + high):
                return x
            low, high = (x, high) if zeta < quantile else (low, x)
            rise = (zeta - zeta_before) / (x - before) if math.isfinite(zeta) else 0.0
            before, zeta_before = (x, zeta) if math.isfinite(zeta) else (0.0, 0.0)
            guess = x + (quantile - zeta) / rise if rise > 0.0 else math.inf
            if math.isinf(high):
                x = min(guess, 4.0 * x)
            else:
                x = guess if low < guess < high else 0.5 * (low + high)
        return x

    def curve(self, lower: float, upper: float, points: int) -> tuple[list[float], Floats]:
        """Points evenly spaced on either side of the estimate, somewhat beyond the ends."""
        if not points:
            return [], np.empty(0)
        origin, limits = self.held.at_optimum, self.held.limits
        ends = (
            max(limits[0], origin + BEYOND * (lower - origin)),
            min(limits[1], origin + BEYOND * (upper - origin)),
        )
        below: list[float] = np.linspace(origin, ends[0], points + 1)[1:].tolist()
        above: list[float] = np.linspace(origin, ends[1], points + 1)[1:].tolist()
        if ends[0] == origin:
            below = []
        if ends[1] == origin:
            above = []
        # From the estimate outwards, so that each point starts from its neighbour.
        left, right = [self.zeta(x) for x in below], [self.zeta(x) for x in above]
        return [*below[::-1], origin, *above], np.array([*left[::-1], 0.0, *right])
