"""Residuals against fitted values."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure


def residuals(figure: Figure) -> Any:
    """Return a point for each row, and a line at zero."""
    points = (
        alt.Chart(theme.data(figure.tables["rows"]))
        .mark_point(size=22, color=theme.BLUE, opacity=0.55, strokeWidth=1.2)
        .encode(
            x=theme.x_axis(figure, "x"),
            y=theme.y_axis(figure, "y"),
            tooltip=theme.tooltips(row="row", fitted="x", residual="y"),
        )
    )
    return _sized(figure, alt.layer(_zero(), points))


def binned(figure: Figure) -> Any:
    """Return cells, the darker the more rows fall into them."""
    colour = alt.Color(
        "rows:Q",
        scale=alt.Scale(type="log", scheme="cividis", reverse=True),
        legend=alt.Legend(title="rows"),
    )
    cells = (
        alt.Chart(theme.data(figure.tables["rows"]))
        .mark_rect()
        .encode(
            x=theme.x_axis(figure, "x"),
            x2=alt.X2("x2:Q"),
            y=theme.y_axis(figure, "y"),
            y2=alt.Y2("y2:Q"),
            color=colour,
            tooltip=theme.tooltips(rows="rows", fitted="x", residual="y"),
        )
    )
    return _sized(figure, alt.layer(cells, _zero()))


def _zero() -> Any:
    line = alt.Chart(theme.data({"y": [0.0]}))
    return line.mark_rule(color=theme.INK, strokeDash=[5, 4]).encode(y="y:Q")


def _sized(figure: Figure, chart: Any) -> Any:
    return chart.properties(width=figure.width or 480, height=figure.height or 340)
