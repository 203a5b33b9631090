"""Effects in order, a line of its own for each."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure

STEP = 13
"""Pixels of a level: as much as its label takes."""


def caterpillar(figure: Figure) -> Any:
    """Return the intervals of all effects, the greatest on top."""
    table = figure.tables["effects"]
    order = table["level"][::-1]
    axis = alt.Axis(labelFontSize=10, labelOverlap=False, ticks=False, grid=False)
    y = alt.Y("level:N", sort=order, axis=axis).title(figure.words["y"])
    scale = alt.Scale(domain=theme.span(table["lower"], table["upper"]), nice=False)
    x = theme.x_axis(figure, "estimate", scale, orient="bottom")
    base = alt.Chart(theme.data(table)).encode(y=y)
    told = theme.tooltips(level="level", rows="n", effect="estimate", lower="lower", upper="upper")
    zero = alt.Chart(theme.data({"x": [0.0]})).mark_rule(color=theme.INK, strokeDash=[4, 3])
    fill = alt.condition("datum.apart", alt.value(theme.BLUE), alt.value("white"))
    layers = alt.layer(
        zero.encode(x="x:Q"),
        base.mark_rule(color=theme.PALE, strokeWidth=1.5).encode(
            x=alt.X("lower:Q"), x2=alt.X2("upper:Q")
        ),
        base.mark_point(size=34, stroke=theme.BLUE, strokeWidth=1.2, opacity=1).encode(
            x=x, fill=fill, tooltip=told
        ),
    )
    height = figure.height or max(STEP * len(order), 120)
    return layers.properties(width=figure.width or theme.WIDTH, height=height)
