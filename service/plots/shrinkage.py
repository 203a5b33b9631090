"""Shrinkage: from what the rows of each level say alone to what the model says of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import structs

from engine import GroupEffects, Unpooled, level_means, unpooled
from service.caps import REQUEST
from service.plots.figure import Figure, jittered, numbers, selection, thinned
from service.plots.subject import INTERCEPT, Subject, group_of, held_at_zero, term_of
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
    term, sizes = found.terms[place], jittered(found.n)
    start, end = alone.coefficients[:, place], _partial(subject, found, term)
    figure = _figure(subject, found, (sizes, sizes), (start, end), {"y": term})
    return structs.replace(
        figure,
        numbers={**figure.numbers, "log": 1.0},
        title=f"Shrinkage of {term} by {found.group}",
        words={
            "x": f"rows of the {found.group} (log scale, jittered)",
            "y": _titled(subject, found.group, term),
            "level": found.group,
        },
    )


def _plane(subject: Subject, found: GroupEffects, alone: Unpooled) -> Figure:
    first, second = found.terms[:2]
    across = alone.coefficients[:, 0], _partial(subject, found, first)
    up = alone.coefficients[:, 1], _partial(subject, found, second)
    return structs.replace(
        _figure(subject, found, across, up, {"x": first, "y": second}),
        title=f"Shrinkage of {first} and {second} by {found.group}",
        words={
            "x": _titled(subject, found.group, first),
            "y": _titled(subject, found.group, second),
            "level": found.group,
        },
    )


def _figure(
    subject: Subject,
    found: GroupEffects,
    across: tuple[np.ndarray, np.ndarray],
    up: tuple[np.ndarray, np.ndarray],
    terms: Mapping[str, str],
) -> Figure:
    """Return arrows from the first to the second of each pair; ``terms`` by axis."""
    told = np.flatnonzero(np.isfinite(across[0] + up[0]))
    shown = told[thinned(len(told), REQUEST.plot_arrows)]
    lacking = len(found.levels) - len(told)
    without = (f"{lacking} whose rows do not tell are left out",) if lacking else ()
    fixed = dict(zip(subject.fit.coefficients, subject.fit.beta.tolist(), strict=True))
    lines = {
        axis: fixed.get(term, 0.0)
        for axis, term in terms.items()
        if not _added(subject, found, term).any()
    }
    dashed = "; dashed: fixed effects" if lines else ""
    return Figure(
        chart="shrinkage",
        title="Shrinkage",
        subtitle=(
            f"from no pooling (hollow) to partial pooling (arrow head){dashed}",
            *without,
            *selection(len(shown), len(told), f"levels of {found.group}"),
        ),
        alt=(
            f"Arrows of {len(shown)} levels of {found.group} from the estimate by their own rows "
            f"to that of the model for {subject.response}: they point to what the fixed effects "
            "say, and are the longer the fewer rows a level has."
        ),
        tables={
            "arrows": {
                "level": [found.levels[i] for i in shown],
                "n": found.n[shown].tolist(),
                "x": numbers(across[0][shown]),
                "x2": numbers(across[1][shown]),
                "y": numbers(up[0][shown]),
                "y2": numbers(up[1][shown]),
            }
        },
        words={},
        numbers=lines,
    )


def _partial(subject: Subject, found: GroupEffects, term: str) -> np.ndarray:
    """Return what the model says of each level, predictors of the level at their own values."""
    place = found.coefficient_terms.index(term)
    return np.asarray(found.coefficients[:, place] + _added(subject, found, term))


def _added(subject: Subject, found: GroupEffects, term: str) -> np.ndarray:
    """Return what predictors of the level add to a term, which no pooling has in it too."""
    added = np.zeros(len(found.levels))
    if INTERCEPT not in found.terms:
        return added
    means = level_means(subject.fit, found.group)
    own = dict(zip(means.terms, means.values.T, strict=True))
    for name, value in zip(subject.fit.coefficients, subject.fit.beta.tolist(), strict=True):
        others = [part for part in name.split(":") if part != term]
        if term == INTERCEPT and name in own:
            added += value * own[name]
        elif len(others) < len(name.split(":")) and others and all(x in own for x in others):
            added += value * np.prod([own[x] for x in others], axis=0)
    return added


def _titled(subject: Subject, group: str, term: str) -> str:
    if term == INTERCEPT:
        return f"{subject.response}{held_at_zero(subject.fit, group)}"
    return f"slope of {subject.titled(term)}"
