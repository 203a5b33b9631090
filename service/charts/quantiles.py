"""Values in order against normal quantiles."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure


def quantiles(figure: Figure) -> Any:
    """Return points, the line through their quartiles, and a band."""
    table = figure.tables["points"]
    base = alt.Chart(theme.data(table)).encode(x=theme.x_axis(figure, "x", tickCount=7))
    band = base.mark_area(color=theme.PALE, opacity=0.3).encode(
        y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q")
    )
    line = (
        alt.Chart(theme.data(figure.tables["line"]))
        .mark_line(color=theme.INK, strokeWidth=1.5, clip=True)
        .encode(x="x:Q", y="y:Q")
    )
    points = base.mark_point(size=22, color=theme.BLUE, opacity=0.8, strokeWidth=1.2).encode(
        y=theme.y_axis(figure, "y"),
        tooltip=theme.tooltips(name="name", expected="x", value="y"),
    )
    return alt.layer(band, line, points).properties(
        width=figure.width or 400, height=figure.height or 360
    )
