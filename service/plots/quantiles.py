"""Normal quantile plots: of the residuals, and of the effects of a group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine import NormalQuantiles, normal_quantiles, row_diagnostics
from service.caps import REQUEST
from service.plots.figure import Figure, numbers, selection, short
from service.plots.subject import Subject, group_of, term_of
from service.schemas.plots import PlotQuery


def of_residuals(subject: Subject, asked: PlotQuery) -> Figure:  # noqa: ARG001  no parameters
    """Return the normal quantile plot of the residuals."""
    residual = row_diagnostics(subject.fit, subject.rows).pearson
    found = normal_quantiles(residual, REQUEST.plot_points)
    return _figure(
        found,
        [f"row {place}" for place in found.place.tolist()],
        "rows",
        title="Normal quantiles of the residuals",
        y=f"residual of {subject.response}",
    )


def of_effects(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the normal quantile plot of the effects of a term."""
    effects = group_of(subject.fit, asked.group)
    place = term_of(effects, asked.term)
    found = normal_quantiles(effects.modes[:, place], REQUEST.plot_points)
    return _figure(
        found,
        [effects.levels[i] for i in found.place],
        f"levels of {effects.group}",
        title=f"Normal quantiles of the effects of {effects.group}: {effects.terms[place]}",
        y=f"effect on {subject.response}",
    )


def _figure(
    found: NormalQuantiles, names: Sequence[str], what: str, *, title: str, y: str
) -> Figure:
    outside = (found.values < found.lower) | (found.values > found.upper)
    ends = np.array([found.expected[0], found.expected[-1]])
    return Figure(
        chart="quantiles",
        title=title,
        subtitle=(
            "line through the quartiles; band: 95 % for each point alone",
            *selection(len(found.values), found.n, what),
        ),
        alt=(
            f"{title}: {found.n:,} {what} in order against what a normal sample would be. Values "
            f"go from {short(found.values[0])} to {short(found.values[-1])}; "
            f"{int(outside.sum())} of {len(outside):,} points are outside the 95 % band. Points "
            "on the line are as a normal distribution has them."
        ),
        tables={
            "points": {
                "name": list(names),
                "x": numbers(found.expected),
                "y": numbers(found.values),
                "lower": numbers(found.lower),
                "upper": numbers(found.upper),
            },
            "line": {
                "x": numbers(ends),
                "y": numbers(found.intercept + found.slope * ends),
            },
        },
        words={"x": "normal quantile", "y": y},
    )
