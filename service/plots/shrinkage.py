"""Shrinkage: from what the rows of each level say alone to what the model says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import GroupEffects, Unpooled, unpooled
from service.caps import REQUEST
from service.plots.figure import Figure, jittered, numbers, selection, thinned
from service.plots.subject import INTERCEPT, Subject, group_of, term_of
from service.schemas.plots import PlotQuery


def shrinkage(subject: Subject, asked: PlotQuery) -> Figure:
    """Return arrows from no pooling to partial pooling.

    Of a term against the number of rows; when none is named and several vary, of the first two in
    their plane.
    """
    effects = group_of(subject.fit, asked.group)
    found, alone = subject.fitted.group(effects.group), unpooled(subject.fit, effects.group)
    if asked.term is None and len(effects.terms) > 1:
        return _plane(subject, found, alone)
    return _by_size(subject, found, alone, term_of(effects, asked.term))


def _by_size(subject: Subject, found: GroupEffects, alone: Unpooled, place: int) -> Figure:
    term = found.terms[place]
    start, end = alone.coefficients[:, place], _partial(found, term)
    figure = _figure(subject, found, jittered(found.n), jittered(found.n), start, end)
    fixed = dict(zip(subject.fit.coefficients, subject.fit.beta.tolist(), strict=True))
    return replace(
        figure,
        numbers={"log": 1.0, "y": fixed.get(term, 0.0)},
        title=f"Shrinkage of {term} by {found.group}",
        words={
            "x": f"rows of the {found.group} (log scale, jittered)",
            "y": _titled(subject, term),
            "level": found.group,
        },
    )


def _plane(subject: Subject, found: GroupEffects, alone: Unpooled) -> Figure:
    first, second = found.terms[:2]
    figure = _figure(
        subject,
        found,
        alone.coefficients[:, 0],
        _partial(found, first),
        alone.coefficients[:, 1],
        _partial(found, second),
    )
    fixed = dict(zip(subject.fit.coefficients, subject.fit.beta.tolist(), strict=True))
    return replace(
        figure,
        numbers={"x": fixed.get(first, 0.0), "y": fixed.get(second, 0.0)},
        title=f"Shrinkage of {first} and {second} by {found.group}",
        words={
            "x": _titled(subject, first),
            "y": _titled(subject, second),
            "level": found.group,
        },
    )


def _figure(
    subject: Subject,
    found: GroupEffects,
    x: np.ndarray,
    x2: np.ndarray,
    y: np.ndarray,
    y2: np.ndarray,
) -> Figure:
    told = np.flatnonzero(np.isfinite(x + y))
    shown = told[thinned(len(told), REQUEST.plot_arrows)]
    lacking = len(found.levels) - len(told)
    without = (f"{lacking} whose rows do not tell are left out",) if lacking else ()
    return Figure(
        chart="shrinkage",
        title="Shrinkage",
        subtitle=(
            "from no pooling (hollow) to partial pooling (arrow head); dashed: fixed effects",
            *without,
            *selection(len(shown), len(told), f"levels of {found.group}"),
        ),
        alt=(
            f"Arrows of {len(shown)} levels of {found.group} from the estimate by their own rows "
            f"to that of the model for {subject.response}: all point towards the fixed effects, "
            "the longer the fewer rows a level has."
        ),
        tables={
            "arrows": {
                "level": [found.levels[i] for i in shown],
                "n": found.n[shown].tolist(),
                "x": numbers(x[shown]),
                "x2": numbers(x2[shown]),
                "y": numbers(y[shown]),
                "y2": numbers(y2[shown]),
            }
        },
        words={},
    )


def _partial(found: GroupEffects, term: str) -> np.ndarray:
    return found.coefficients[:, found.coefficient_terms.index(term)]


def _titled(subject: Subject, term: str) -> str:
    return f"{subject.response} at 0" if term == INTERCEPT else f"slope of {subject.titled(term)}"
