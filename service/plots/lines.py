"""Regression lines of chosen levels by complete, no and partial pooling, with their rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine import (
    Fit,
    PooledLines,
    Problem,
    RandomEffects,
    SpecError,
    level_means,
    level_text,
    pooled_lines,
    predictors,
    row_diagnostics,
)
from service.caps import REQUEST
from service.plots.figure import Figure, listed, numbers, thinned
from service.plots.subject import Subject, group_of, not_one_group
from service.plots.typical import Typical
from service.schemas.plots import PlotQuery

DEFAULT_LEVELS = 8
GRID = 25
FEW_VALUES = 5
"""Points of a predictor with no more values than this are moved aside."""


def lines(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the rows and the three lines of some levels, against a predictor."""
    fit = subject.fit
    effects = group_of(fit, asked.group)
    predictor, levels = _predictor(fit, asked.predictor), _levels(effects, asked.levels)
    points = _points(subject, effects.group, levels, predictor)
    x = np.array(points["x"], dtype=float)
    grid = np.linspace(x.min(), x.max(), GRID)
    found = _lines(subject, effects.group, levels, predictor, grid)
    ways = {
        "complete pooling": found.complete,
        "no pooling": found.none,
        "partial pooling": found.partial,
    }
    drawn: dict[str, list[object]] = {"level": [], "way": [], "x": [], "y": []}
    for way, values in ways.items():
        for name, own in zip(levels, values.reshape(len(levels), GRID), strict=True):
            if np.isfinite(own).all():
                drawn["level"] += [name] * GRID
                drawn["way"] += [way] * GRID
                drawn["x"] += numbers(grid)
                drawn["y"] += numbers(own)
    jitter = 0.04 * np.ptp(x) if len(np.unique(x)) <= FEW_VALUES else 0.0
    aside = (np.arange(len(x)) * 0.6180339887) % 1.0 - 0.5
    sizes = dict(zip(effects.levels, effects.rows.tolist(), strict=True))
    return Figure(
        chart="lines",
        title=f"Regression lines of {len(levels)} levels of {effects.group}",
        subtitle=(
            "rows, and lines by complete, no and partial pooling"
            + ("; points moved aside a little" if jitter else ""),
        ),
        alt=(
            f"Panels of {len(levels)} levels of {effects.group} ({listed(levels)}), from "
            f"{min(sizes[name] for name in levels)} to {max(sizes[name] for name in levels)} rows: "
            f"{subject.response} against {subject.titled(predictor)}, with three lines. The line "
            "by partial pooling lies between that of all rows and the level's own, the nearer to "
            "its own the more rows it has."
        ),
        tables={
            "points": {**points, "x": numbers(x + 2.0 * jitter * aside)},
            "lines": drawn,
        },
        words={
            "x": subject.titled(predictor),
            "y": subject.response,
            "order": "\n".join(f"{name} (n = {sizes[name]})" for name in levels),
        },
    )


def without_line(fit: Fit) -> Problem | None:
    """Tell that a model has no number on which a line within levels could depend."""
    if (missing := not_one_group(fit)) is not None:
        return missing
    if ":" in fit.random[0].group:
        detail = "the levels of the group are combinations of columns"
        return Problem("several_columns", detail, "fit one with a single column as group", ())
    if candidates(fit):
        return None
    detail = "no predictor is a number that varies within the levels"
    return Problem("no_predictor", detail, "add one to the fixed effects", ())


def candidates(fit: Fit) -> tuple[str, ...]:
    """Return the predictors that may stand on the x axis."""
    same = set(level_means(fit, fit.random[0].group).terms)
    return tuple(
        each.name for each in predictors(fit) if each.kind == "number" and each.name not in same
    )


def _predictor(fit: Fit, name: str | None) -> str:
    known = candidates(fit)
    if name is None or name in known:
        return name or known[0]
    detail = "no number of this name varies within the levels"
    raise SpecError(Problem("unknown_predictor", detail, f"use {listed(known)}", ("predictor",)))


def _levels(effects: RandomEffects, names: Sequence[str]) -> list[str]:
    """Return the levels asked for, or some of different sizes, small ones first."""
    if not names:
        order = np.argsort(effects.rows, kind="stable")
        return [effects.levels[i] for i in order[thinned(len(order), DEFAULT_LEVELS)]]
    problems = [
        Problem("unknown_level", f"level {i + 1} is not one of {effects.group}", "", ("levels", i))
        for i, name in enumerate(names)
        if name not in effects.place
    ]
    if problems:
        raise SpecError(*problems)
    return list(dict.fromkeys(names))


def _points(
    subject: Subject, group: str, levels: Sequence[str], predictor: str
) -> dict[str, list[object]]:
    """Return the rows of the levels, not too many of each."""
    found = row_diagnostics(subject.fit, subject.rows)
    rows = subject.rows.select([group, predictor]).take(found.row)
    kinds = rows.column(group).to_pandas()
    texts = kinds.map({value: level_text(value) for value in kinds.unique()}).to_numpy(dtype=object)
    x = rows.column(predictor).to_numpy().astype(float)
    y = found.fitted + found.residual
    columns: dict[str, list[object]] = {"level": [], "x": [], "y": []}
    for name in levels:
        own = np.flatnonzero(texts == name)
        own = own[thinned(len(own), REQUEST.plot_points // len(levels))]
        columns["level"] += [name] * len(own)
        columns["x"] += numbers(x[own])
        columns["y"] += numbers(y[own])
    return columns


def _lines(
    subject: Subject, group: str, levels: Sequence[str], predictor: str, grid: np.ndarray
) -> PooledLines:
    """Return the lines of the levels one after the other; other predictors are as usual there."""
    typical = Typical.of(subject)
    rows = [typical.row({group: name}) for name in levels]
    columns: dict[str, list[object]] = {
        name: [row[name] for row in rows for _ in grid] for name in rows[0]
    }
    columns[predictor] = [float(x) for _ in levels for x in grid]
    return pooled_lines(subject.fit, columns)
