"""Profile curves: how fast the likelihood falls as a parameter moves away from its estimate."""

from __future__ import annotations

import numpy as np

from engine import Fit, Problem, Profile, Progress, SpecError, parameters, profile
from service.plots.figure import Figure, numbers, short
from service.plots.subject import Subject
from service.schemas.plots import PlotQuery
from service.schemas.profiles import ProfileCurve, ProfileCurves, ProfileQuery

POINTS = 12
"""Of a curve, on either side of the estimate."""
DEFAULT_PARAMETERS = 6


def chosen(fit: Fit, asked: PlotQuery) -> ProfileQuery:
    """Return what has to be computed for a plot; raises ``SpecError`` for an unknown parameter."""
    known = [parameter.name for parameter in parameters(fit)]
    problems = [
        Problem("unknown_parameter", f"parameter {i + 1} is not one of the model", "", path)
        for i, name in enumerate(asked.parameter)
        for path in [("parameter", i)]
        if name not in known
    ]
    if problems:
        raise SpecError(*problems)
    names = list(dict.fromkeys(asked.parameter)) or known[:DEFAULT_PARAMETERS]
    return ProfileQuery(parameter=names, level=asked.level)


def curves(fit: Fit, asked: ProfileQuery, progress: Progress) -> ProfileCurves:
    """Return the curves of some parameters."""
    found = profile(fit, names=asked.parameter, level=asked.level, points=POINTS, progress=progress)
    return ProfileCurves(level=asked.level, items=[_curve(each) for each in found])


def profiles(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the profile curves of some parameters, computed before."""
    found = ProfileCurves.model_validate(subject.found)
    columns: dict[str, list[object]] = {
        name: [] for name in ("parameter", "x", "zeta", "estimate", "lower", "upper")
    }
    drawn = [each for each in found.items if each.values]
    for each in drawn:
        count = len(each.values)
        columns["parameter"] += [each.name] * count
        columns["x"] += each.values
        columns["zeta"] += each.zeta
        for name in ("estimate", "lower", "upper"):
            columns[name] += [getattr(each, name)] * count
    ends = "; ".join(f"{each.name}: {_end(each.lower)} to {_end(each.upper)}" for each in drawn)
    percent = short(100 * asked.level)
    every = len(parameters(subject.fit))
    return Figure(
        chart="profiles",
        title="Profile curves",
        subtitle=(
            f"signed root of the deviance (ML); {percent} % interval between the dashed lines",
            *((f"{len(drawn)} of {every} parameters",) if len(drawn) < every else ()),
        ),
        alt=(
            f"Profile curves of {len(drawn)} parameters; straight ones are those of a normal "
            f"estimate. {percent} % intervals: {ends}."
        ),
        tables={"curves": columns},
        words={"x": "value of the parameter", "y": "zeta"},
        numbers={"level": asked.level},
    )


def _end(value: float | None) -> str:
    return "?" if value is None else short(value)


def _curve(found: Profile) -> ProfileCurve:
    finite = np.isfinite(found.zeta)
    return ProfileCurve(
        name=found.parameter.name,
        estimate=found.estimate,
        lower=found.lower,
        upper=found.upper,
        values=[x for x in numbers(found.values[finite]) if x is not None],
        zeta=[x for x in numbers(found.zeta[finite]) if x is not None],
    )
