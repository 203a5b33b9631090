"""A predictive density with its intervals and a level that matters."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Columns, Figure


def predictive(figure: Figure) -> Any:
    """Return the density, dark above the level, and bars of the intervals below it."""
    table, intervals = figure.tables["density"], figure.tables["intervals"]
    xs = table["x"]
    scale = alt.Scale(domain=[xs[0], xs[-1]], nice=False)
    x, y = theme.x_axis(figure, "x", scale), theme.y_axis(figure, "y", alt.Scale(zero=True))
    rows = _split(table)
    told = theme.tooltips(value="x", density="y")
    layers: list[Any] = [
        alt.Chart(theme.data(part))
        .mark_area(color=colour, opacity=1, line={"color": theme.INK, "strokeWidth": 1})
        .encode(x=x, y=y, tooltip=told)
        for part, colour in zip(rows, (theme.SKY, theme.BLUE), strict=True)
        if part["x"]
    ]
    median = alt.Chart(theme.data({"x": [figure.numbers["median"]], "text": ["median"]}))
    layers.append(median.mark_rule(color=theme.INK, strokeWidth=1.5).encode(x="x:Q"))
    layers.append(_label(median, "x", 0))
    if "level" in figure.numbers:
        level = alt.Chart(
            theme.data({"x": [figure.numbers["level"]], "text": [figure.words["level"]]})
        )
        layers.append(
            level.mark_rule(color=theme.ORANGE, strokeWidth=2, strokeDash=[6, 3]).encode(x="x:Q")
        )
        layers.append(_label(level, "x", 14))
    width = figure.width or 520
    above = alt.layer(*layers).properties(width=width, height=figure.height or 260)
    return alt.vconcat(above, _bars(intervals, scale).properties(width=width, height=44), spacing=8)


def _split(table: Columns) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return the points below the level, and those above it; they meet in one point."""
    rows = list(zip(table["x"], table["y"], table["over"], strict=True))
    below = [row for row in rows if not row[2]]
    over = [*below[-1:], *(row for row in rows if row[2])] if len(below) < len(rows) else []
    return (
        {"x": [row[0] for row in below], "y": [row[1] for row in below]},
        {"x": [row[0] for row in over], "y": [row[1] for row in over]},
    )


def _label(chart: alt.Chart, x: str, down: int) -> Any:
    return chart.mark_text(
        align="left", baseline="top", dx=5, dy=down, fontSize=12, color=theme.INK
    ).encode(x=f"{x}:Q", y=alt.value(2), text="text:N")


def _bars(intervals: Columns, scale: alt.Scale) -> Any:
    return (
        alt.Chart(theme.data(intervals))
        .mark_bar(height=8, color=theme.PALE, clip=True)
        .encode(
            x=alt.X("lower:Q", scale=scale, axis=None),
            x2=alt.X2("upper:Q"),
            y=alt.Y("share:N", sort=None, axis=alt.Axis(ticks=False, domain=False)).title(None),
            tooltip=theme.tooltips(lower="lower", upper="upper"),
        )
    )
