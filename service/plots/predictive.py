"""The predictive distribution of a new row on the scale of the response's column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine import Predictive, describe_response
from service.plots.figure import Figure, numbers, short
from service.plots.subject import Subject
from service.plots.typical import Typical, read_row
from service.schemas.plots import PlotQuery

BINS = 240
SHOWN = 0.98
"""How much of the distribution is in the picture."""
ACTION_LEVEL = 4.0
"""EPA's, in pCi/L."""


def predictive(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the density of a new observation, with intervals and the action level."""
    model, level = subject.fitted.predictive, action_level(subject, asked)
    row = Typical.of(subject).row(read_row(subject.fit, asked.at))
    columns = {name: [value] for name, value in row.items()}
    median, halves = _outcome(model, columns, 0.5)
    _, wide = _outcome(model, columns, asked.level)
    _, shown = _outcome(model, columns, SHOWN)
    edges = _edges(shown, level)
    found = model.predict(columns, thresholds=edges.tolist()).outcome
    assert found is not None  # noqa: S101  a model without a way back has not this plot
    above = found.exceedance[0]
    density = -np.diff(above) / np.diff(edges)
    middle = (edges[1:] + edges[:-1]) / 2.0
    over = None if level is None else float(above[np.searchsorted(edges, level)])
    percent = short(100 * asked.level)
    told = (
        f"median {short(median)}; half between {short(halves[0])} and {short(halves[1])}; "
        f"{percent} % between {short(wide[0])} and {short(wide[1])}"
    )
    risk = "" if level is None or over is None else f"P(over {short(level)}) = {over:.0%}"
    unit = subject.unit_of(describe_response(subject.fit).column or "")
    return Figure(
        chart="predictive",
        title=f"Predictive distribution: {_shown(row)}",
        subtitle=(told, *([risk] if risk else [])),
        alt=(f"Density of {subject.outcome} of a new row ({_shown(row)}): {told}. {risk}".strip()),
        tables={
            "density": {
                "x": numbers(middle),
                "y": numbers(density),
                "over": (middle >= (np.inf if level is None else level)).tolist(),
            },
            "intervals": {
                "share": ["50 %", f"{percent} %"],
                "lower": numbers(np.array([halves[0], wide[0]])),
                "upper": numbers(np.array([halves[1], min(wide[1], edges[-1])])),
            },
        },
        words={
            "x": subject.outcome,
            "y": f"density per {unit}" if unit else "density",
            "level": "" if level is None else f"action level {short(level)}",
        },
        numbers={"median": median, **({} if level is None else {"level": level})},
    )


def action_level(subject: Subject, asked: PlotQuery) -> float | None:
    """Return the action level: as asked, or that of radon in pCi/L."""
    if asked.action_level is not None:
        return asked.action_level
    return ACTION_LEVEL if subject.outcome.endswith("(pCi/L)") else None


def _outcome(
    model: Predictive, columns: Mapping[str, list[object]], level: float
) -> tuple[float, tuple[float, float]]:
    outcome = model.predict(columns, level=level).outcome
    assert outcome is not None  # noqa: S101  a model without a way back has not this plot
    return float(outcome.median[0]), (float(outcome.lower[0]), float(outcome.upper[0]))


def _edges(shown: tuple[float, float], level: float | None) -> np.ndarray:
    """Return the ends of the bins, the action level being one of them."""
    low, high = shown
    if level is not None:
        low, high = min(low, level), max(high, 1.25 * level)
    edges = np.linspace(low, high, BINS + 1)
    return edges if level is None else np.unique(np.append(edges, level))


def _shown(row: Mapping[str, object]) -> str:
    values = (
        (name, f"{value:.3g}" if isinstance(value, float) else value) for name, value in row.items()
    )
    return ", ".join(f"{name} {value}" for name, value in values) or "any row"
