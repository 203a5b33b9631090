"""Rows and lines of some levels, a panel for each."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure


def lines(figure: Figure) -> Any:
    """Return a panel for each level: its rows, and lines that differ in colour and dash."""
    points, drawn = figure.tables["points"], figure.tables["lines"]
    titles = figure.words["order"].split("\n")
    by_level = {title.rsplit(" (n = ", 1)[0]: title for title in titles}
    rows = [
        {"panel": by_level[level], "x": x, "y": y}
        for level, x, y in zip(points["level"], points["x"], points["y"], strict=True)
    ]
    rows += [
        {"panel": by_level[level], "way": way, "px": x, "py": y}
        for level, way, x, y in zip(*(drawn[k] for k in ("level", "way", "x", "y")), strict=True)
    ]
    columns = min(4, len(titles))
    x = theme.x_axis(
        figure, "x", alt.Scale(domain=theme.span(points["x"]), nice=False), tickCount=4
    )
    ends = theme.span(points["y"], drawn["y"])
    y = theme.y_axis(figure, "y", alt.Scale(domain=ends, nice=False))
    legend = alt.Legend(title=None, orient="top", symbolStrokeWidth=2, symbolSize=300)
    colour = alt.Color(
        "way:N",
        scale=alt.Scale(domain=list(theme.WAYS), range=list(theme.WAY_COLOURS)),
        legend=legend,
    )
    dash = alt.StrokeDash(
        "way:N",
        scale=alt.Scale(domain=list(theme.WAYS), range=list(theme.WAY_DASHES)),
        legend=legend,
    )
    own = alt.Chart().mark_point(size=20, color=theme.INK, opacity=0.6, strokeWidth=1)
    line = alt.Chart().mark_line(strokeWidth=2)
    return (
        alt.layer(
            own.encode(x=x, y=y, tooltip=theme.tooltips(x="x", y="y")).transform_filter(
                "!datum.way"
            ),
            line.encode(
                x=alt.X("px:Q"), y=alt.Y("py:Q"), color=colour, strokeDash=dash
            ).transform_filter("datum.way"),
            data=alt.InlineData(values=rows),
        )
        .properties(width=(figure.width or 640) // columns, height=figure.height or 190)
        .facet(alt.Facet("panel:N", sort=titles, header=alt.Header(title=None)), columns=columns)
    )
