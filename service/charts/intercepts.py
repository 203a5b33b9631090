"""Estimates with errors against a predictor, and a line."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure


def intercepts(figure: Figure) -> Any:
    """Return points with errors, and the line that goes through them."""
    table, line = figure.tables["levels"], figure.tables["line"]
    x = theme.x_axis(figure, "x", alt.Scale(domain=theme.span(table["x"]), nice=False))
    ends = theme.span(table["lower"], table["upper"], line["y"])
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    y = theme.y_axis(figure, "estimate", scale)
    base = alt.Chart(theme.data(table)).encode(x=x)
    told = theme.tooltips(
        **{figure.words["level"]: "level", "rows": "n", "estimate": "estimate", "predictor": "x"}
    )
    return alt.layer(
        base.mark_rule(color=theme.PALE, strokeWidth=1).encode(
            y=alt.Y("lower:Q", scale=scale), y2=alt.Y2("upper:Q")
        ),
        alt.Chart(theme.data(line))
        .mark_line(color=theme.INK, strokeWidth=2)
        .encode(x=x, y=alt.Y("y:Q", scale=scale)),
        base.mark_point(filled=True, size=30, color=theme.BLUE, opacity=1).encode(
            y=y, tooltip=told
        ),
    ).properties(width=figure.width or 480, height=figure.height or 360)
