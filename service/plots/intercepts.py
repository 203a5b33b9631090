"""The intercepts of levels against a predictor of the level, with the line of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import Fit, LevelMeans, Problem, SpecError, level_means, pooling
from service.caps import REQUEST
from service.plots.figure import Figure, listed, numbers, selection, short, thinned
from service.plots.subject import Subject, group_of, held_at_zero, not_one_group
from service.schemas.plots import PlotQuery


def intercepts(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the lines of levels where what varies within levels is 0, against a predictor."""
    fit = subject.fit
    means = level_means(fit, group_of(fit, asked.group).group)
    group, place = means.group, _place(means, asked.predictor)
    term, values, found = means.terms[place], means.values[:, place], pooling(fit, means.group)
    slope = float(fit.beta[fit.coefficients.index(term)])
    effects = subject.fitted.group(group)
    fixed = found.partial - effects.effects[:, 0]
    start = float(fixed.mean() - slope * values.mean())
    ends = np.array([values.min(), values.max()])
    shown = thinned(len(values), REQUEST.plot_points)
    lower, upper = found.partial - found.partial_std_error, found.partial + found.partial_std_error
    others = ", other predictors at their means" if len(means.terms) > 1 else ""
    return Figure(
        chart="intercepts",
        title=f"Intercepts of {group} against {term}",
        subtitle=(
            f"estimate ± 1 standard error; line: fixed effects{others}",
            *selection(len(shown), len(values), f"levels of {group}"),
        ),
        alt=(
            f"The intercepts of {len(values)} levels of {group} with one standard error each way "
            f"against {subject.titled(term)}, and the line of the fixed effects, which "
            f"{'rises' if slope > 0 else 'falls'} by {short(abs(slope))} for each unit."
        ),
        tables={
            "levels": {
                "level": [means.levels[i] for i in shown],
                "n": means.n[shown].tolist(),
                "x": numbers(values[shown]),
                "estimate": numbers(found.partial[shown]),
                "lower": numbers(lower[shown]),
                "upper": numbers(upper[shown]),
            },
            "line": {"x": numbers(ends), "y": numbers(start + slope * ends)},
        },
        words={
            "x": subject.titled(term),
            "y": f"{subject.response}{held_at_zero(fit, group)}",
            "level": group,
        },
    )


def without_level_predictor(fit: Fit) -> Problem | None:
    """Tell that a model has no predictor that belongs to the levels."""
    if (missing := not_one_group(fit)) is not None:
        return missing
    if level_means(fit, fit.random[0].group).terms:
        return None
    detail = f"the model has no predictor that is the same in all rows of a {fit.random[0].group}"
    return Problem("no_level_predictor", detail, "add one to the fixed effects", ())


def level_predictors(fit: Fit) -> tuple[str, ...]:
    """Return the predictors that may stand on the x axis."""
    return level_means(fit, fit.random[0].group).terms


def _place(means: LevelMeans, name: str | None) -> int:
    if name is None:
        return 0
    if name not in means.terms:
        detail = f"no predictor of this name belongs to the levels of {means.group}"
        problem = Problem("unknown_predictor", detail, "", ("predictor",))
        raise SpecError(replace(problem, hint=f"use {listed(means.terms)}"))
    return means.terms.index(name)
