"""The effects of all levels of a group in order, each with its interval."""

from __future__ import annotations

import numpy as np

from service.caps import REQUEST
from service.plots.figure import Figure, numbers, selection, short, thinned
from service.plots.subject import Subject, group_of, term_of
from service.schemas.plots import PlotQuery

NORMAL_95 = 1.959963984540054


def caterpillar(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the effects of a term, sorted, with 95 % intervals."""
    effects = group_of(subject.fit, asked.group)
    place, found = term_of(effects, asked.term), subject.fitted.group(effects.group)
    term, estimate = found.terms[place], found.effects[:, place]
    order = np.argsort(estimate, kind="stable")
    shown = order[thinned(len(order), REQUEST.plot_labels)]
    half = NORMAL_95 * found.effects_std_error[:, place]
    lower, upper = estimate - half, estimate + half
    apart = (lower > 0.0) | (upper < 0.0)
    low, high = order[0], order[-1]
    return Figure(
        chart="caterpillar",
        title=f"Effects of {effects.group}: {term}",
        subtitle=(
            "conditional mode and 95 % interval; filled where the interval leaves out 0",
            *selection(len(shown), len(order), f"levels of {effects.group}"),
        ),
        alt=(
            f"The effects ({term}) of {len(order)} levels of {effects.group} in order, each with "
            f"its 95 % interval: from {short(estimate[low])} ({found.levels[low]}) to "
            f"{short(estimate[high])} ({found.levels[high]}). {int(apart.sum())} intervals leave "
            "out 0."
        ),
        tables={
            "effects": {
                "level": [found.levels[i] for i in shown],
                "n": found.n[shown].tolist(),
                "estimate": numbers(estimate[shown]),
                "lower": numbers(lower[shown]),
                "upper": numbers(upper[shown]),
                "apart": apart[shown].tolist(),
            }
        },
        words={"x": f"effect on {subject.response}", "y": effects.group},
    )
