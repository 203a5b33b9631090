"""Estimates against sample size: the means of levels, and no pooling beside partial pooling."""

from __future__ import annotations

import numpy as np

from engine import level_means, pooling
from service.caps import REQUEST
from service.plots.figure import Figure, jittered, numbers, selection, short, thinned
from service.plots.subject import INTERCEPT, Subject, group_of, held_at_zero, no_intercepts
from service.schemas.plots import PlotQuery


def means(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the mean of each level with its standard error against its number of rows."""
    name = asked.group or _first_with_intercepts(subject)
    found = level_means(subject.fit, group_of(subject.fit, name).group)
    group, shown = found.group, thinned(len(found.levels), REQUEST.plot_points)
    columns = _points(
        [found.levels[i] for i in shown], found.n[shown], found.mean[shown], found.std_error[shown]
    )
    few, many = int(np.argmin(found.n)), int(np.argmax(found.n))
    return Figure(
        chart="sizes",
        title=f"Means by {group} against sample size",
        subtitle=(
            "mean ± 1 standard error (one standard deviation within all levels)",
            *selection(len(shown), len(found.levels), f"levels of {group}"),
        ),
        alt=(
            f"Means of {subject.response} of {len(found.levels)} levels of {group} against their "
            f"number of rows, {found.n[few]} to {found.n[many]}, with one standard error each way. "
            f"Means lie between {short(found.mean.min())} and {short(found.mean.max())} and "
            "spread less the more rows a level has."
        ),
        tables={"Means": columns},
        words={"x": _size(group), "y": f"mean of {subject.response}", "level": group},
    )


def poolings(subject: Subject, asked: PlotQuery) -> Figure:
    """Return no pooling and partial pooling side by side, with complete pooling as a line."""
    found = pooling(subject.fit, group_of(subject.fit, asked.group).group)
    group, shown = found.group, thinned(len(found.levels), REQUEST.plot_points)
    levels, n = [found.levels[i] for i in shown], found.n[shown]
    sides = {
        "No pooling": _points(levels, n, found.none[shown], found.none_std_error[shown]),
        "Partial pooling": _points(levels, n, found.partial[shown], found.partial_std_error[shown]),
    }
    same = bool(np.ptp(found.complete) <= 1e-9 * np.abs(found.complete).max())
    line = ("dashed line: complete pooling",) if same else ()
    return Figure(
        chart="sizes",
        title=f"No pooling and partial pooling by {group}",
        subtitle=(
            "; ".join(("estimate ± 1 standard error", *line)),
            *selection(len(shown), len(found.levels), f"levels of {group}"),
        ),
        alt=(
            f"Two panels of the lines of {len(found.levels)} levels of {group} against their "
            "number of rows. Left by their own rows alone: from "
            f"{short(np.nanmin(found.none))} to {short(np.nanmax(found.none))}. Right by the "
            f"model: from {short(found.partial.min())} to {short(found.partial.max())}, the fewer "
            "rows the nearer to the whole."
        ),
        tables=sides,
        words={
            "x": _size(group),
            "y": f"{subject.response}{held_at_zero(subject.fit, group)}",
            "level": group,
        },
        numbers={"complete": float(found.complete[0])} if same else {},
    )


def _first_with_intercepts(subject: Subject) -> str | None:
    own = [effects.group for effects in subject.fit.random if INTERCEPT in effects.terms]
    return own[0] if own and no_intercepts(subject.fit) is None else None


def _points(
    levels: list[str], n: np.ndarray, estimate: np.ndarray, std_error: np.ndarray
) -> dict[str, list[object]]:
    return {
        "level": list(levels),
        "n": n.tolist(),
        "size": numbers(jittered(n)),
        "estimate": numbers(estimate),
        "std_error": numbers(std_error),
        "lower": numbers(estimate - std_error),
        "upper": numbers(estimate + std_error),
    }


def _size(group: str) -> str:
    return f"rows of the {group} (log scale, jittered)"
