"""Residuals against fitted values: points, or how many fall into each cell where there are many."""

from __future__ import annotations

import numpy as np

from engine import row_diagnostics
from service.caps import REQUEST
from service.plots.figure import Columns, Figure, numbers, short
from service.plots.subject import Subject
from service.schemas.plots import PlotQuery

BINS = (80, 50)


def residuals(subject: Subject, asked: PlotQuery) -> Figure:  # noqa: ARG001  it takes no parameters
    """Return the residuals of all rows against their fitted values."""
    found = row_diagnostics(subject.fit, subject.rows)
    fitted, residual, n = found.fitted, found.residual, len(found.fitted)
    binned = n > REQUEST.plot_points
    largest = int(np.argmax(np.abs(residual)))
    return Figure(
        chart="binned" if binned else "residuals",
        title="Residuals against fitted values",
        subtitle=(f"{n:,} rows, counted in {BINS[0]} × {BINS[1]} cells",)
        if binned
        else (f"{n:,} rows",),
        alt=(
            f"Residuals of {n:,} rows against fitted values from {short(fitted.min())} to "
            f"{short(fitted.max())}. The standard deviation of the model is "
            f"{short(subject.fit.sigma)}; the largest residual is {short(residual[largest])}. "
            "Look for a bend, or a spread that changes from left to right."
        ),
        tables={"rows": _cells(fitted, residual)}
        if binned
        else {
            "rows": {
                "row": found.row.tolist(),
                "x": numbers(fitted),
                "y": numbers(residual),
            }
        },
        words={"x": f"fitted {subject.response}", "y": f"residual of {subject.response}"},
    )


def _cells(x: np.ndarray, y: np.ndarray) -> Columns:
    """Return the cells that have rows, and how many."""
    counts, across, up = np.histogram2d(x, y, BINS)
    i, j = np.nonzero(counts)
    return {
        "x": numbers(across[i]),
        "x2": numbers(across[i + 1]),
        "y": numbers(up[j]),
        "y2": numbers(up[j + 1]),
        "rows": counts[i, j].astype(int).tolist(),
    }
